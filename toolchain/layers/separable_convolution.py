"""Separable convolution: a depthwise convolution followed by a convolution of single pixels.

Keras trains it as one layer; a pass splits it into the two that the chip computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import FloatOperator, Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Options, Shape
from toolchain.layers.convolution import Convolution
from toolchain.layers.convolution_base import ConvolutionalKind
from toolchain.layers.depthwise_convolution import KIND as DEPTHWISE
from toolchain.layers.depthwise_convolution import DepthwiseConvolution
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


class SeparableConvolutionKind(ConvolutionalKind):
    name = "separable_convolution"
    summary = "Depthwise convolution followed by a convolution of single pixels."
    options = (geometry.FILTERS, *DEPTHWISE.options)
    keras = ("SeparableConv2D",)

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        between = DEPTHWISE.outputs(options, inputs[0][2])
        return DEPTHWISE.weights(options, inputs) + between * int(options["filters"])

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.SeparableConv2D(
            options["filters"],
            options["kernel"],
            depth_multiplier=options["multiplier"],
            **geometry.keras_words(options, name),
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
