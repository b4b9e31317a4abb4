"""Separable convolution: a depthwise convolution followed by a convolution of single pixels.

Keras trains it as one layer; a pass splits it into the two that the chip computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import FloatOperator, Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Kind, Options, Shape
from toolchain.layers.convolution import Convolution
from toolchain.layers.depthwise_convolution import MULTIPLIER, STRIDE, DepthwiseConvolution
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


class SeparableConvolutionKind(Kind):
    name = "separable_convolution"
    summary = "Depthwise convolution followed by a convolution of single pixels."
    options = (
        geometry.FILTERS,
        geometry.KERNEL,
        STRIDE,
        geometry.PADDING,
        geometry.DILATION,
        MULTIPLIER,
        geometry.BIAS,
    )
    trades_flash = True
    keras = ("SeparableConv2D",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return (*geometry.checked_windows(options, inputs[0]), options["filters"])

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        height, width = geometry.pair(options["kernel"])
        return int(inputs[0][2] * options["multiplier"] * (height * width + options["filters"]))

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(options["filters"]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        rows, columns, _filters = self.output_shape(options, inputs)
        return rows * columns * self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.SeparableConv2D(
            options["filters"],
            geometry.pair(options["kernel"]),
            strides=geometry.pair(options["stride"]),
            padding=options["padding"],
            depth_multiplier=options["multiplier"],
            dilation_rate=geometry.pair(options["dilation"]),
            use_bias=options["bias"],
            name=name,
        )

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras({**config, "groups": 1})
        depthwise, pointwise = weights[:2]
        between = np.zeros(depthwise.shape[2] * depthwise.shape[3], np.float32)
        bias = weights[2] if config.get("use_bias", True) else np.zeros(pointwise.shape[3], np.float32)
        return SeparableConvolution(
            DepthwiseConvolution(depthwise, between, *geometry.keras_geometry(config)), Convolution(pointwise, bias)
        )


@dataclass(frozen=True, eq=False)
class SeparableConvolution(FloatOperator):
    """y = pointwise(depthwise(x)). It is split before anything is fused or quantized."""

    kind = "separable_convolution"
    depthwise: DepthwiseConvolution
    pointwise: Convolution

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.pointwise.output_shape(self.depthwise.output_shape(*inputs))

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return self.pointwise.forward(self.depthwise.forward(*inputs))

    def products(self, *inputs: Shape) -> int:
        return self.depthwise.products(*inputs) + self.pointwise.products(self.depthwise.output_shape(*inputs))


KIND = SeparableConvolutionKind()
