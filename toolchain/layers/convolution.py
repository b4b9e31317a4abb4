"""Two-dimensional convolution: every output is a weighted sum of a window of the input, with all its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator, Pinned, Requantization
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


class ConvolutionKind(Kind):
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
    trades_flash = True
    keras = ("Conv2D",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return (*geometry.checked_windows(options, inputs[0]), options["filters"])

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        height, width = geometry.pair(options["kernel"])
        return int(height * width * inputs[0][2] * options["filters"])

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(options["filters"]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        rows, columns, _filters = self.output_shape(options, inputs)
        return rows * columns * self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Conv2D(
            options["filters"],
            geometry.pair(options["kernel"]),
            strides=geometry.pair(options["stride"]),
            padding=options["padding"],
            dilation_rate=geometry.pair(options["dilation"]),
            use_bias=options["bias"],
            name=name,
        )

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        geometry.check_keras(config)
        kernel = weights[0]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(kernel.shape[-1], np.float32)
        return Convolution(kernel, bias, *geometry.keras_geometry(config))


def as_image(shape: Shape) -> Shape:
    """A sequence (length, channels) is an image of one row."""
    return (1, *shape) if len(shape) == 2 else shape


def output_shape(
    shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, pads: Pads, pool: int, channels: int
) -> Shape:
    """The shape after convolving and pooling; a sequence stays one. Raises ValueError if no window fits."""
    rows, columns = geometry.windows(as_image(shape), kernel, stride, dilation, pads)
    if min(rows, columns) < pool:
        raise ValueError(f"pooling over {pool} × {pool} does not fit into {rows} × {columns}")
    full = (rows // pool, columns // pool, channels)
    return full[1:] if len(shape) == 2 else full


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


def convolved(
    values: np.ndarray, weights: np.ndarray, stride: Pair, dilation: Pair, pads: Pads, code: float
) -> np.ndarray:
    """The weighted sums in float64, which is exact for integer codes: they stay far below 2^53.

    ``values`` (batch, height, width, channels), ``weights`` (height, width, channels, filters), ``code`` outside.
    """
    exact = weights.astype(np.float64)
    total: np.ndarray | None = None
    for row, column, view in taps(padded(values, pads, code), weights.shape[:2], stride, dilation):
        part = view @ exact[row, column]
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


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


def tap_range(bounds: tuple[int, int], pads: Pads, code: int) -> tuple[int, int]:
    """The least and greatest code under a window, which may hang over the border."""
    return (min(bounds[0], code), max(bounds[1], code)) if any(pads) else bounds


@dataclass(frozen=True, eq=False)
class Convolution(FloatOperator):
    """y = max over pool × pool of activation(Σ window · W + b); W float32 (height, width, channels, filters).

    The input is (height, width, channels), or (length, channels) with windows of height 1.
    """

    kind = "convolution"
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
        if len(shape) not in (2, 3) or shape[-1] != self.weights.shape[2]:
            raise ValueError(f"takes {self.weights.shape[2]} channels, not {shape}")
        height, width, _channels, filters = self.weights.shape
        return output_shape(shape, (height, width), self.stride, self.dilation, self.pads(shape), self.pool, filters)

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
        return replace(self, weights=self.weights * scale, bias=self.bias * scale + offset)

    def of_scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.pinned is not None or (self.padding != "valid" and np.any(offset)):
            return None  # the zeros around the input would have to become something else
        channels = self.weights.shape[2]
        added = np.einsum("hwcf,c->f", self.weights.astype(np.float64), np.broadcast_to(offset, channels))
        weights = self.weights * np.broadcast_to(scale, channels)[:, np.newaxis]
        return replace(self, weights=weights, bias=self.bias + added)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import quantize_linear

        (source,) = inputs
        pads = self.pads(source.shape)
        code = pad_code(source, pads)
        shape = self.output_shape(source.shape)
        codes = quantize_linear(self.weights, self.bias, 3, source, shape, seen, self.activation, scheme, self.pinned)
        operator = IntegerConvolution(
            codes.weights, codes.bias, codes.requantization, self.stride, pads, self.dilation, code, self.pool
        )
        return operator, codes.output


def positions(output: Shape, pool: int) -> int:
    """How many windows are computed for an output of this shape."""
    image = as_image(output)
    return image[0] * image[1] * pool * pool


@dataclass(frozen=True, eq=False)
class IntegerConvolution(IntegerOperator):
    """y = max over pool × pool of requantize(Σ window · W + b); W int8 (height, width, channels, filters), b int32.

    Around the input lies ``pad_code``, its code of the real value 0. Requantization keeps order, so that the largest
    accumulator gives the largest code.
    """

    kind = "convolution"
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
        return self.weights.shape[3]

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


def pair(value: Sequence[int]) -> Pair:
    return value[0], value[1]


KIND = ConvolutionKind()
