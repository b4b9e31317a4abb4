"""Two-dimensional convolution: every output is a weighted sum of a window of the input, with all its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Options, Shape
from toolchain.layers.convolution_base import ConvolutionalKind, FloatWindowed, IntegerWindowed, Windowed
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


class ConvolutionKind(ConvolutionalKind):
    name = "convolution"
    summary = "Two-dimensional convolution over height × width × channels."
    options = (
        geometry.FILTERS,
        geometry.KERNEL,
        geometry.STRIDE,
        geometry.PADDING,
        geometry.DILATION,
        geometry.BIAS,
    )
    keras = ("Conv2D",)

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        height, width = geometry.pair(options["kernel"])
        return int(height * width * inputs[0][2] * options["filters"])

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Conv2D(options["filters"], options["kernel"], **geometry.keras_words(options, name))

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras(config)
        kernel = weights[0]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(kernel.shape[-1], np.float32)
        return Convolution(kernel, bias, *geometry.keras_geometry(config))


class _AllChannels(Windowed):
    """Each filter sees every channel: W is (height, width, channels, filters)."""

    filter_axis = 3

    def tap(self, view: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.asarray(view @ weights)


@dataclass(frozen=True, eq=False)
class IntegerConvolution(_AllChannels, IntegerWindowed):
    """``IntegerWindowed`` with W (height, width, channels, filters)."""

    kind = "convolution"


@dataclass(frozen=True, eq=False)
class Convolution(_AllChannels, FloatWindowed):
    """``FloatWindowed`` with W (height, width, channels, filters)."""

    kind = "convolution"
    integer = IntegerConvolution


KIND = ConvolutionKind()
