"""Depthwise convolution: every channel is convolved with windows of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator, Pinned, Requantization
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.convolution import (
    as_image,
    output_shape,
    pad_code,
    padded,
    pair,
    pooled,
    positions,
    tap_range,
    taps,
)
from toolchain.layers.convolution_geometry import Pads, Pair
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

MULTIPLIER = Option(
    "multiplier",
    {"type": "integer", "minimum": 1, "default": 1, "description": "Output channels for each input channel."},
)
STRIDE = geometry.number_option("stride", "Pixels from one window to the next, down and right.", 1)


class DepthwiseConvolutionKind(Kind):
    name = "depthwise_convolution"
    summary = "Convolution of each channel with windows of its own."
    options = (geometry.KERNEL, STRIDE, geometry.PADDING, geometry.DILATION, MULTIPLIER, geometry.BIAS)
    trades_flash = True
    keras = ("DepthwiseConv2D",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        windows = geometry.checked_windows(options, inputs[0])
        return (*windows, inputs[0][2] * options["multiplier"])

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        height, width = geometry.pair(options["kernel"])
        return int(height * width * inputs[0][2] * options["multiplier"])

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(inputs[0][2] * options["multiplier"]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        rows, columns, _channels = self.output_shape(options, inputs)
        return rows * columns * self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.DepthwiseConv2D(
            geometry.pair(options["kernel"]),
            strides=geometry.pair(options["stride"]),
            padding=options["padding"],
            depth_multiplier=options["multiplier"],
            dilation_rate=geometry.pair(options["dilation"]),
            use_bias=options["bias"],
            name=name,
        )

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras({**config, "groups": 1})  # Keras notes the channels as groups
        kernel = weights[0]
        outputs = kernel.shape[2] * kernel.shape[3]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(outputs, np.float32)
        return DepthwiseConvolution(kernel, bias, *geometry.keras_geometry(config))


def convolved(
    values: np.ndarray, weights: np.ndarray, stride: Pair, dilation: Pair, pads: Pads, code: float
) -> np.ndarray:
    """The weighted sums in float64 (batch, rows, columns, channels · multiplier); exact for integer codes."""
    height, width, channels, multiplier = weights.shape
    exact = weights.astype(np.float64)
    total: np.ndarray | None = None
    for row, column, view in taps(padded(values, pads, code), (height, width), stride, dilation):
        part = view[..., np.newaxis] * exact[row, column]
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total.reshape(*total.shape[:3], channels * multiplier)


@dataclass(frozen=True, eq=False)
class DepthwiseConvolution(FloatOperator):
    """y[c·m + j] = max over pool × pool of activation(Σ window[c] · W[c, j] + b); W float32 (height, width, c, m)."""

    kind = "depthwise_convolution"
    weights: np.ndarray
    bias: np.ndarray
    stride: Pair = (1, 1)
    padding: str = "valid"
    dilation: Pair = (1, 1)
    activation: str = "linear"
    pool: int = 1
    pinned: Pinned | None = None

    def pads(self, shape: Shape) -> Pads:
        return geometry.pads(as_image(shape), self.weights.shape[:2], self.stride, self.dilation, self.padding)

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        height, width, channels, multiplier = self.weights.shape
        if len(shape) not in (2, 3) or shape[-1] != channels:
            raise ValueError(f"takes {channels} channels, not {shape}")
        kernel, outputs = (height, width), channels * multiplier
        return output_shape(shape, kernel, self.stride, self.dilation, self.pads(shape), self.pool, outputs)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        shape = inputs[0].shape[1:]
        image = inputs[0].reshape(len(inputs[0]), *as_image(shape))
        sums = convolved(image, self.weights, self.stride, self.dilation, self.pads(shape), 0.0) + self.bias
        return pooled(apply(self.activation, sums), self.pool).reshape(len(image), *self.output_shape(shape))

    def products(self, *inputs: Shape) -> int:
        return positions(self.output_shape(*inputs), self.pool) * self.weights.size

    def fused(self, activation: str) -> FloatOperator | None:
        free = self.activation == "linear" and self.pool == 1
        return replace(self, activation=activation) if free and activation in FUSABLE else None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.activation != "linear" or self.pool > 1 or self.pinned is not None:
            return None
        factor = np.broadcast_to(scale, self.bias.size)
        weights = self.weights * factor.reshape(self.weights.shape[2:])
        return replace(self, weights=weights, bias=self.bias * factor + offset)

    def of_scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.pinned is not None or (self.padding != "valid" and np.any(offset)):
            return None  # the zeros around the input would have to become something else
        channels = self.weights.shape[2]
        added = np.einsum("hwcm,c->cm", self.weights.astype(np.float64), np.broadcast_to(offset, channels))
        weights = self.weights * np.broadcast_to(scale, channels)[:, np.newaxis]
        return replace(self, weights=weights, bias=self.bias + added.reshape(-1))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import quantize_linear

        (source,) = inputs
        pads = self.pads(source.shape)
        code = pad_code(source, pads)
        flat = self.weights.reshape(*self.weights.shape[:2], -1)
        shape = self.output_shape(source.shape)
        codes = quantize_linear(flat, self.bias, 2, source, shape, seen, self.activation, scheme, self.pinned)
        weights = codes.weights.reshape(self.weights.shape)
        operator = IntegerDepthwiseConvolution(
            weights, codes.bias, codes.requantization, self.stride, pads, self.dilation, code, self.pool
        )
        return operator, codes.output


@dataclass(frozen=True, eq=False)
class IntegerDepthwiseConvolution(IntegerOperator):
    """y = max over pool × pool of requantize(Σ window · W + b), channel by channel; W int8 (height, width, c, m)."""

    kind = "depthwise_convolution"
    weights: np.ndarray
    bias: np.ndarray
    requantization: Requantization
    stride: Pair
    pads: Pads
    dilation: Pair
    pad_code: int
    pool: int = 1

    @property
    def kernel(self) -> Pair:
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def filters(self) -> int:
        return self.weights.shape[2] * self.weights.shape[3]

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) not in (2, 3) or shape[-1] != self.weights.shape[2]:
            raise ValueError(f"takes {self.weights.shape[2]} channels, not {shape}")
        return output_shape(
            shape, self.kernel, pair(self.stride), pair(self.dilation), self.pads, self.pool, self.filters
        )

    def accumulate(self, codes: np.ndarray) -> np.ndarray:
        """The accumulators, the largest of each pooling window (batch, *output shape), int64."""
        shape = codes.shape[1:]
        image = codes.reshape(len(codes), *as_image(shape))
        sums = convolved(image, self.weights, pair(self.stride), pair(self.dilation), self.pads, self.pad_code)
        return pooled(sums, self.pool).astype(np.int64).reshape(len(codes), *self.output_shape(shape)) + self.bias

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return self.requantization.apply(self.accumulate(inputs[0]))

    def products(self, *inputs: Shape) -> int:
        return positions(self.output_shape(*inputs), self.pool) * self.weights.size

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        from toolchain.ir import arithmetic

        matrix = self.weights.reshape(-1, self.filters)
        low, high = arithmetic.sum_bounds(matrix, *tap_range(inputs[0], self.pads, self.pad_code))
        return low + self.bias, high + self.bias

    def saturated(self, *inputs: np.ndarray) -> int:
        return self.requantization.saturated(self.accumulate(inputs[0]))


KIND = DepthwiseConvolutionKind()
