"""Max and average pooling over images and sequences, and their global forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator, Requantization
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.merge import whole_zero
from toolchain.layers.windows import (
    PADDING,
    check_channels_last,
    check_rank,
    extents,
    keras_options,
    keras_windows,
    padded_count,
    sliding_shape,
    windows,
)
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

LARGEST_WINDOW = 32767
"""Values in a window of average pooling: their sum of bytes has 23 bits."""


def _size(rank: int) -> tuple[Option, Option]:
    """The options size and stride of a pooling layer over ``rank`` axes."""
    number = {"type": "integer", "minimum": 1}
    pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    unit = "pixels: one number, or [height, width]" if rank == 2 else "steps"
    schema: dict[str, Any] = {"anyOf": [number, pair]} if rank == 2 else dict(number)
    stride: dict[str, Any] = (
        {"anyOf": [number, pair, {"type": "null"}]} if rank == 2 else {**number, "type": ["integer", "null"]}
    )
    return (
        Option("size", {**schema, "default": 2, "description": f"Size of the window, in {unit}."}),
        Option(
            "stride",
            {
                **stride,
                "default": None,
                "description": f"From one window to the next, in {unit}. Left out: the window's size.",
            },
        ),
    )


class _PoolingKind(Kind):
    shorthand = "size"

    def __init__(self, name: str, summary: str, keras: str, rank: int, operator: type[_Pooling]) -> None:
        self.name, self.summary, self.keras = name, summary, (keras,)
        self.options = (*_size(rank), PADDING)
        self.rank, self.operator = rank, operator

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        size = extents(options["size"], self.rank)
        stride = size if options.get("stride") is None else extents(options["stride"], self.rank)
        if min(stride) < 1:
            raise LayerError("the stride must be at least 1", "stride")
        return sliding_shape(inputs[0], size, stride, options.get("padding", "valid"))

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return getattr(keras.layers, self.keras[0])(pool_size=options["size"], **keras_options(options), name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return self.operator(*keras_windows(config, "pool_size"))


class _GlobalKind(Kind):
    def __init__(self, name: str, summary: str, keras: str, rank: int, largest: bool) -> None:
        self.name, self.summary, self.keras = name, summary, (keras,)
        self.rank, self.largest = rank, largest

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        check_rank(shape, self.rank)
        return shape[-1:]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return getattr(keras.layers, self.keras[0])(name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        check_channels_last(config)
        return GlobalPooling(self.largest, bool(config.get("keepdims")))


@dataclass(frozen=True, eq=False)
class _Pooling(FloatOperator):
    """``size`` and ``stride`` have one entry an axis; ``padding`` is ``valid`` or ``same``."""

    size: Shape
    stride: Shape
    padding: str = "valid"

    def output_shape(self, *inputs: Shape) -> Shape:
        return sliding_shape(inputs[0], self.size, self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class MaxPooling(_Pooling):
    """The largest value of each window, of those that lie inside."""

    kind = "max_pooling"

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(windows(inputs[0], self.size, self.stride, self.padding, -np.inf).max(axis=-2))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        shape = self.output_shape(inputs[0].shape)
        return IntegerMaxPooling(self.size, self.stride, self.padding), replace(inputs[0], shape=shape)


class _IntegerPooling(IntegerOperator):
    """What the integer operators share; each has these fields among its own. ``flat``: one window, no axes left."""

    size: Shape
    stride: Shape
    padding: str
    flat: bool

    def output_shape(self, *inputs: Shape) -> Shape:
        shape = sliding_shape(inputs[0], self.size, self.stride, self.padding)
        return shape[-1:] if self.flat else shape


@dataclass(frozen=True, eq=False)
class IntegerMaxPooling(_IntegerPooling):
    """The largest code of each window: scales are positive, so order is kept."""

    kind = "max_pooling"
    size: Shape
    stride: Shape
    padding: str = "valid"
    flat: bool = False

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        codes = inputs[0].astype(np.int64)
        found = windows(codes, self.size, self.stride, self.padding, -(1 << 15)).max(axis=-2)
        return found.reshape(len(codes), *self.output_shape(codes.shape[1:]))


@dataclass(frozen=True, eq=False)
class AveragePooling(_Pooling):
    """The mean of each window, over those values that lie inside."""

    kind = "average_pooling"
    activation: str = "linear"

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        sums = windows(inputs[0], self.size, self.stride, self.padding, 0).sum(axis=-2)
        counts = inside(inputs[0].shape[1:], self.size, self.stride, self.padding)
        return apply(self.activation, sums / counts[..., None])

    def fused(self, activation: str) -> FloatOperator | None:
        return replace(self, activation=activation) if self.activation == "linear" and activation in FUSABLE else None

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        shape = self.output_shape(inputs[0].shape)
        return _integer_average(inputs[0], shape, self.size, self.stride, self.padding, self.activation, False)


@dataclass(frozen=True, eq=False)
class IntegerAveragePooling(_IntegerPooling):
    """The rounded mean of the codes of each window (halves upward).

    The mean of codes is the code of the mean, whatever the zero point: nothing but a division is left. The
    requantization has one entry, or with padding one for each number of values in a window (entry n - 1 divides by n).
    """

    kind = "average_pooling"
    size: Shape
    stride: Shape
    requantization: Requantization
    padding: str = "valid"
    flat: bool = False

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        codes = inputs[0].astype(np.int64)
        sums = windows(codes, self.size, self.stride, self.padding, 0).sum(axis=-2)
        rule = self.requantization
        if rule.multiplier.size > 1:
            counts = inside(codes.shape[1:], self.size, self.stride, self.padding)[..., None]
            rule = replace(rule, multiplier=rule.multiplier[counts - 1], shift=rule.shift[counts - 1])
        return rule.apply(sums).reshape(len(codes), *self.output_shape(codes.shape[1:]))

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        low, high = inputs[0]
        count = int(np.prod(self.size))
        return np.array([min(low, low * count)]), np.array([max(high, high * count)])


@dataclass(frozen=True, eq=False)
class GlobalPooling(FloatOperator):
    """The largest value or the mean of each channel."""

    kind = "global_pooling"
    largest: bool
    keep_axes: bool = False
    activation: str = "linear"

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        return (*(1 for _ in shape[:-1]), shape[-1]) if self.keep_axes else shape[-1:]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        values = inputs[0]
        axes = tuple(range(1, values.ndim - 1))
        found = values.max(axis=axes) if self.largest else values.mean(axis=axes)
        return apply(self.activation, found.reshape(len(values), *self.output_shape(values.shape[1:])))

    def fused(self, activation: str) -> FloatOperator | None:
        possible = self.activation == "linear" and not self.largest and activation in FUSABLE
        return replace(self, activation=activation) if possible else None

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        (source,) = inputs
        shape, size = self.output_shape(source.shape), source.shape[:-1]
        if self.largest:
            return IntegerMaxPooling(size, size, flat=not self.keep_axes), replace(source, shape=shape)
        return _integer_average(source, shape, size, size, "valid", self.activation, not self.keep_axes)


def picks_largest(operator: Operator) -> bool:
    """Whether a float operator is a max pooling, of windows or of all there is."""
    return isinstance(operator, MaxPooling) or (isinstance(operator, GlobalPooling) and operator.largest)


def inside(shape: Shape, size: Shape, stride: Shape, padding: str) -> np.ndarray:
    """How many values of each window lie inside of the input (int64, one entry a window)."""
    ones = np.ones((1, *shape[:-1], 1), np.int64)
    return np.asarray(windows(ones, size, stride, padding, 0).sum(axis=-2)[0, ..., 0])


def is_padded(shape: Shape, size: Shape, stride: Shape, padding: str) -> bool:
    """Whether some window reaches over the edge."""
    return any(sum(padded_count(*axis, padding)[1:]) for axis in zip(shape, size, stride, strict=False))


def _integer_average(
    source: Tensor, shape: Shape, size: Shape, stride: Shape, padding: str, activation: str, flat: bool
) -> tuple[IntegerAveragePooling, Tensor]:
    from toolchain.quantization.linear import bounded
    from toolchain.quantization.scheme import fixed_point

    count = int(np.prod(size))
    if count > LARGEST_WINDOW:
        raise LayerError(f"the mean of {count:,} values needs a sum of more than 24 bits; pool in two steps")
    if is_padded(source.shape, size, stride, padding):
        factor, shift = fixed_point(1 / np.arange(1, count + 1))
    elif count & (count - 1) == 0:
        factor, shift = np.ones(1, np.int32), np.array([count.bit_length() - 1], np.int32)
    else:
        factor, shift = fixed_point(np.array([1 / count]))
    if activation != "linear":
        whole_zero(source)
    output = replace(source, shape=shape)
    requantization = Requantization(factor, shift, 0, source.low, source.high)
    requantization, output = bounded(requantization, output, activation)
    return IntegerAveragePooling(size, stride, requantization, padding, flat), output


def _kinds() -> tuple[Kind, ...]:
    """Each way of pooling over the axes of an image and of a sequence."""
    found: list[Kind] = []
    for rank, suffix, what in ((2, "", "an image"), (1, "_1d", "a sequence")):
        for way, value, operator in (("max", "largest value", MaxPooling), ("average", "mean", AveragePooling)):
            keras = f"{way.title()}Pooling{rank}D"
            name, summary = f"{way}_pooling{suffix}", f"Keeps the {value} of each {{}} of {what}."
            found.append(_PoolingKind(name, summary.format("window"), keras, rank, operator))
            globally = summary.format("channel")
            found.append(_GlobalKind(f"global_{name}", globally, f"Global{keras}", rank, way == "max"))
    return tuple(found)


KINDS = _kinds()
