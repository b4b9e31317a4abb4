"""One-dimensional convolution: a convolution over a sequence, which is an image of one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Option, Options, Shape
from toolchain.layers.convolution import Convolution
from toolchain.layers.convolution_base import ConvolutionalKind
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

PADDING = Option(
    "padding",
    {
        "enum": ["valid", "same", "causal"],
        "default": "valid",
        "description": "valid: no padding; same: zeros at both ends; causal: zeros before the first step only.",
    },
)


class Convolution1dKind(ConvolutionalKind):
    name = "convolution_1d"
    summary = "One-dimensional convolution over length × channels."
    options = (
        geometry.FILTERS,
        geometry.number_option("kernel", "Length of the window, in steps."),
        geometry.number_option("stride", "Steps from one window to the next.", 1),
        PADDING,
        geometry.number_option("dilation", "Distance between the steps of a window.", 1),
        geometry.BIAS,
    )
    keras = ("Conv1D",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(shape) != 2:
            raise LayerError(
                f"a one-dimensional convolution takes length × channels, and this layer gets "
                f"{' × '.join(map(str, shape))}; declare input.shape as [length, channels]"
            )
        image = {**options, **{key: [1, options[key]] for key in ("kernel", "stride", "dilation")}}
        _rows, steps = geometry.checked_windows(image, (1, *shape))
        return (steps, options["filters"])

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(options["kernel"] * inputs[0][1] * options["filters"])

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Conv1D(options["filters"], options["kernel"], **geometry.keras_words(options, name))

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras(config)
        kernel = weights[0][np.newaxis]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(kernel.shape[-1], np.float32)
        return Convolution(kernel, bias, *geometry.keras_geometry(config))


KIND = Convolution1dKind()
