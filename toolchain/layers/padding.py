"""Zero padding and cropping of images and sequences: bytes are moved, and the code of 0 is written around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.merge import whole_zero
from toolchain.layers.windows import check_channels_last, check_rank
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

Margins = tuple[tuple[int, int], ...]  # before and after, for each axis but the channels

NUMBER = {"type": "integer", "minimum": 0}
PAIR = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
ROWS_COLUMNS = {
    "type": "array",
    "items": {"type": ["integer", "array"], "minimum": 0, "items": NUMBER, "minItems": 2, "maxItems": 2},
    "minItems": 2,
    "maxItems": 2,
}


def _amount(rank: int, what: str) -> Option:
    images = "pixels: one number, [rows, columns], or [[top, bottom], [left, right]]"
    schema = {"anyOf": [NUMBER, ROWS_COLUMNS]} if rank == 2 else {"anyOf": [NUMBER, PAIR]}
    text = images if rank == 2 else "steps: one number, or [before, after]"
    return Option("amount", {**schema, "default": 1, "description": f"How much is {what} at the edges, in {text}."})


def margins(value: Any, rank: int) -> Margins:
    """Before and after along each axis, from the forms that Keras and manifests accept."""
    if isinstance(value, int):
        return ((value, value),) * rank
    if rank == 1 and all(isinstance(item, int) for item in value):
        return ((int(value[0]), int(value[1])),)
    return tuple((item, item) if isinstance(item, int) else (int(item[0]), int(item[1])) for item in value)


def changed_shape(shape: Shape, around: Margins, sign: int) -> Shape:
    """The shape after padding (sign 1) or cropping (-1). Raises LayerError if nothing is left."""
    check_rank(shape, len(around))
    extents = tuple(extent + sign * sum(pair) for extent, pair in zip(shape, around, strict=False))
    if min(extents) < 1:
        raise LayerError(f"nothing is left of {' × '.join(map(str, shape))}", "amount")
    return (*extents, shape[-1])


class _EdgeKind(Kind):
    """Adds (sign 1) or cuts off (-1) edges along ``rank`` axes; ``key`` is Keras's word for how much."""

    shorthand = "amount"

    def __init__(self, name: str, summary: str, keras: str, rank: int, sign: int) -> None:
        self.name, self.summary, self.keras, self.rank, self.sign = name, summary, (keras,), rank, sign
        self.options = (_amount(rank, "added" if sign > 0 else "cut off"),)
        self.key = "padding" if sign > 0 else "cropping"

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return changed_shape(inputs[0], margins(options["amount"], self.rank), self.sign)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        around = margins(options["amount"], self.rank)
        value = around if self.rank == 2 else around[0]
        return getattr(keras.layers, self.keras[0])(**{self.key: value}, name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        check_channels_last(config)
        around = margins(config[self.key], self.rank)
        return Pad(around) if self.sign > 0 else Crop(around)


@dataclass(frozen=True, eq=False)
class _Edges:
    """What padding (sign 1) and cropping (-1) share, of real values and of codes."""

    around: Margins
    sign: ClassVar[int]

    def output_shape(self, *inputs: Shape) -> Shape:
        return changed_shape(inputs[0], self.around, self.sign)


@dataclass(frozen=True, eq=False)
class Pad(_Edges, FloatOperator):
    """Zeros around the input."""

    kind = "zero_padding"
    sign = 1

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.pad(inputs[0], ((0, 0), *self.around, (0, 0)))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        (source,) = inputs
        zero = whole_zero(source)
        shape = self.output_shape(source.shape)
        output = replace(source, shape=shape, low=min(source.low, zero), high=max(source.high, zero))
        return IntegerPad(self.around, zero), output


@dataclass(frozen=True, eq=False)
class IntegerPad(_Edges, IntegerOperator):
    """The code ``zero`` around the input."""

    kind = "zero_padding"
    sign = 1
    zero: int

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.pad(inputs[0].astype(np.int64), ((0, 0), *self.around, (0, 0)), constant_values=self.zero)


def cropped(values: np.ndarray, around: Margins) -> np.ndarray:
    """Values (batch, *shape) without their edges."""
    inner = (slice(before, extent - after) for (before, after), extent in zip(around, values.shape[1:], strict=False))
    return values[(slice(None), *inner)]


@dataclass(frozen=True, eq=False)
class Crop(_Edges, FloatOperator):
    """The input without its edges."""

    kind = "cropping"
    sign = -1

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return cropped(inputs[0], self.around)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        return IntegerCrop(self.around), replace(inputs[0], shape=self.output_shape(inputs[0].shape))


@dataclass(frozen=True, eq=False)
class IntegerCrop(_Edges, IntegerOperator):
    """The input without its edges."""

    kind = "cropping"
    sign = -1

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return cropped(inputs[0].astype(np.int64), self.around)


KINDS = (
    _EdgeKind("zero_padding", "Surrounds an image with zeros.", "ZeroPadding2D", 2, 1),
    _EdgeKind("zero_padding_1d", "Puts zeros before and after a sequence.", "ZeroPadding1D", 1, 1),
    _EdgeKind("cropping", "Cuts the edges of an image off.", "Cropping2D", 2, -1),
    _EdgeKind("cropping_1d", "Cuts the ends of a sequence off.", "Cropping1D", 1, -1),
)
