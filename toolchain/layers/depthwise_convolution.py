"""Depthwise convolution: every channel is convolved with windows of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Option, Options, Shape
from toolchain.layers.convolution_base import ConvolutionalKind, FloatWindowed, IntegerWindowed, Windowed
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

MULTIPLIER = Option(
    "multiplier",
    {"type": "integer", "minimum": 1, "default": 1, "description": "Output channels for each input channel."},
)
STRIDE = geometry.number_option("stride", "Pixels from one window to the next, down and right.", 1)


class DepthwiseConvolutionKind(ConvolutionalKind):
    name = "depthwise_convolution"
    summary = "Convolution of each channel with windows of its own."
    options = (geometry.KERNEL, STRIDE, geometry.PADDING, geometry.DILATION, MULTIPLIER, geometry.BIAS)
    keras = ("DepthwiseConv2D",)

    def outputs(self, options: Options, channels: int) -> int:
        return int(channels * options["multiplier"])

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        height, width = geometry.pair(options["kernel"])
        return height * width * self.outputs(options, inputs[0][2])

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.DepthwiseConv2D(
            options["kernel"], depth_multiplier=options["multiplier"], **geometry.keras_words(options, name)
        )

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras({**config, "groups": 1})  # Keras notes the channels as groups
        kernel = weights[0]
        outputs = kernel.shape[2] * kernel.shape[3]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(outputs, np.float32)
        return DepthwiseConvolution(kernel, bias, *geometry.keras_geometry(config))


class _OwnChannel(Windowed):
    """Filter c · m + j sees channel c alone: W is (height, width, c, m)."""

    filter_axis = 2

    def tap(self, view: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.asarray(view[..., np.newaxis] * weights)


@dataclass(frozen=True, eq=False)
class IntegerDepthwiseConvolution(_OwnChannel, IntegerWindowed):
    """``IntegerWindowed`` with W (height, width, c, m)."""

    kind = "depthwise_convolution"


@dataclass(frozen=True, eq=False)
class DepthwiseConvolution(_OwnChannel, FloatWindowed):
    """``FloatWindowed`` with W (height, width, c, m)."""

    kind = "depthwise_convolution"
    integer = IntegerDepthwiseConvolution


KIND = DepthwiseConvolutionKind()
