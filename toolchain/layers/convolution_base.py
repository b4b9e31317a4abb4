"""What all convolutions share: their manifest side, the sums over windows in floats, and the same sums in integers.

The kinds differ in which channels a filter sees; that is what their own files say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from toolchain.errors import LayerError
from toolchain.ir import arithmetic
from toolchain.ir.operators import FloatOperator, Operator, Pinned, Requantization, Requantized
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Options, Shape
from toolchain.layers.convolution_geometry import Pads, Pair
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")


class ConvolutionalKind(Kind):
    """A kind whose every output is a weighted sum over a window, in as many channels as ``outputs`` says."""

    trades_flash = True

    def outputs(self, options: Options, channels: int) -> int:
        """Output channels, for so many input channels."""
        return int(options["filters"])

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return (*geometry.checked_windows(options, inputs[0]), self.outputs(options, inputs[0][2]))

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return self.outputs(options, inputs[0][-1]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        return math.prod(self.output_shape(options, inputs)[:-1]) * self.weights(options, inputs)


def padded(values: np.ndarray, pads: Pads, code: float) -> np.ndarray:
    """(batch, height, width, channels) with ``code`` around it, as float64."""
    around = ((0, 0), (pads[0], pads[1]), (pads[2], pads[3]), (0, 0))
    return np.pad(values.astype(np.float64), around, constant_values=code)


def taps(values: np.ndarray, kernel: Pair, stride: Pair, dilation: Pair) -> list[tuple[int, int, np.ndarray]]:
    """For each pixel of the window its place and its value in every window: views (batch, rows, columns, channels)."""
    rows, columns = geometry.windows(values.shape[1:], kernel, stride, dilation, (0, 0, 0, 0))
    return [
        (
            row,
            column,
            values[
                :,
                row * dilation[0] : row * dilation[0] + (rows - 1) * stride[0] + 1 : stride[0],
                column * dilation[1] : column * dilation[1] + (columns - 1) * stride[1] + 1 : stride[1],
            ],
        )
        for row in range(kernel[0])
        for column in range(kernel[1])
    ]


def pooled(values: np.ndarray, pool: int) -> np.ndarray:
    """The largest of each pool × pool windows that do not overlap; a rest at the right and bottom is dropped."""
    if pool == 1:
        return values
    batch, height, width, channels = values.shape
    rows, columns = height // pool, width // pool
    cut = values[:, : rows * pool, : columns * pool]
    return np.asarray(cut.reshape(batch, rows, pool, columns, pool, channels).max(axis=(2, 4)))


def pad_code(source: Tensor, pads: Pads) -> int:
    """The code of the real value 0, which stands around the input. Raises LayerError if there is none."""
    if not any(pads):
        return 0
    low, high = (-128, 127) if source.dtype == "int8" else (0, 255)
    if source.zero_point != int(source.zero_point) or not low <= source.zero_point <= high:
        raise LayerError(
            f"`padding: same` puts zeros around the input, and no code of this input means 0 (its zero point would be "
            f"{source.zero_point:g}, which is no whole number from {low} to {high}); use `padding: valid`, or an "
            "input.offset for which some raw value becomes 0",
            "padding",
        )
    return int(source.zero_point)


class Windowed:
    """What the float and the integer operator of a convolution share; each has these fields among its own.

    The weights are (height, width, channels, n), and their axes from ``filter_axis`` on make up the filters. The input
    is (height, width, channels), or (length, channels) with windows of height 1.
    """

    weights: np.ndarray
    stride: Pair
    dilation: Pair
    pool: int
    filter_axis: ClassVar[int]

    @property
    def kernel(self) -> Pair:
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def filters(self) -> int:
        """Output channels."""
        return math.prod(self.weights.shape[self.filter_axis :])

    @property
    def matrix(self) -> np.ndarray:
        """The weights (window, filters): a column for each output channel."""
        return self.weights.reshape(-1, self.filters)

    def around(self, shape: Shape) -> Pads:
        """The padding around an input of this shape."""
        raise NotImplementedError

    def tap(self, view: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What one pixel of the window adds to all sums: float64 (batch, rows, columns, *axes of the filters).

        ``view`` (batch, rows, columns, channels) is that pixel in every window, ``weights`` (channels, n) its weights.
        """
        raise NotImplementedError

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) not in (2, 3) or shape[-1] != self.weights.shape[2]:
            raise ValueError(f"takes {self.weights.shape[2]} channels, not {shape}")
        return geometry.output_shape(
            shape, self.kernel, self.stride, self.dilation, self.around(shape), self.pool, self.filters
        )

    def products(self, *inputs: Shape) -> int:
        return geometry.positions(self.output_shape(*inputs), self.pool) * self.weights.size

    def convolved(self, values: np.ndarray, code: float) -> np.ndarray:
        """The weighted sums of (batch, *input shape), with ``code`` around it: float64 (batch, rows, columns, filters).

        Exact for integer codes: their sums stay far below 2^53.
        """
        shape = values.shape[1:]
        image = padded(values.reshape(len(values), *geometry.as_image(shape)), self.around(shape), code)
        exact = self.weights.astype(np.float64)
        total: np.ndarray | None = None
        for row, column, view in taps(image, self.kernel, self.stride, self.dilation):
            part = self.tap(view, exact[row, column])
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        return total.reshape(*total.shape[:3], self.filters)


@dataclass(frozen=True, eq=False)
class FloatWindowed(Windowed, FloatOperator):
    """y = max over pool × pool of activation(Σ window · W + b); W and b float32."""

    weights: np.ndarray
    bias: np.ndarray
    stride: Pair = (1, 1)
    padding: str = "valid"
    dilation: Pair = (1, 1)
    activation: str = "linear"
    pool: int = 1
    pinned: Pinned | None = None
    integer: ClassVar[type[IntegerWindowed]]

    def around(self, shape: Shape) -> Pads:
        return geometry.pads(geometry.as_image(shape), self.kernel, self.stride, self.dilation, self.padding)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        values = pooled(apply(self.activation, self.convolved(inputs[0], 0.0) + self.bias), self.pool)
        return values.reshape(len(values), *self.output_shape(inputs[0].shape[1:]))

    def fused(self, activation: str) -> FloatOperator | None:
        free = self.activation == "linear" and self.pool == 1
        return replace(self, activation=activation) if free and activation in FUSABLE else None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.activation != "linear" or self.pool > 1 or self.pinned is not None:
            return None
        factor = np.broadcast_to(scale, self.filters)
        weights = self.weights * factor.reshape(self.weights.shape[self.filter_axis :])
        return replace(self, weights=weights, bias=self.bias * factor + offset)

    def of_scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.pinned is not None or (self.padding != "valid" and np.any(offset)):
            return None  # the zeros around the input would have to become something else
        channels = self.weights.shape[2]
        sums = f"hwcf,c->{'hwcf'[self.filter_axis :]}"
        added = np.einsum(sums, self.weights.astype(np.float64), np.broadcast_to(offset, channels))
        weights = self.weights * np.broadcast_to(scale, channels)[:, np.newaxis]
        return replace(self, weights=weights, bias=self.bias + added.reshape(-1))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import quantize_linear

        (source,) = inputs
        pads, shape = self.around(source.shape), self.output_shape(source.shape)
        code = pad_code(source, pads)
        codes = quantize_linear(self.matrix, self.bias, 1, source, shape, seen, self.activation, scheme, self.pinned)
        weights = codes.weights.reshape(self.weights.shape)
        operator = self.integer(
            weights, codes.bias, codes.requantization, self.stride, pads, self.dilation, code, self.pool
        )
        return operator, codes.output


@dataclass(frozen=True, eq=False)
class IntegerWindowed(Windowed, Requantized):
    """y = max over pool × pool of requantize(Σ window · W + b); W int8, b int32.

    Around the input lies ``pad_code``, its code of the real value 0. Requantization keeps order, so that the largest
    accumulator gives the largest code.
    """

    weights: np.ndarray
    bias: np.ndarray
    requantization: Requantization
    stride: Pair
    pads: Pads
    dilation: Pair
    pad_code: int
    pool: int = 1

    def around(self, shape: Shape) -> Pads:
        return self.pads

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        """The accumulators, the largest of each pooling window (batch, *output shape), int64."""
        sums = pooled(self.convolved(inputs[0], self.pad_code), self.pool).astype(np.int64)
        return sums.reshape(len(sums), *self.output_shape(inputs[0].shape[1:])) + self.bias

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        low, high = arithmetic.sum_bounds(self.matrix, *geometry.tap_range(inputs[0], self.pads, self.pad_code))
        return low + self.bias, high + self.bias
