"""Zero padding and cropping of images and sequences: bytes are moved, and the code of 0 is written around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.merge import whole_zero
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
    if len(shape) != len(around) + 1:
        wanted = "height × width × channels" if len(around) == 2 else "steps × channels"
        raise LayerError(f"this layer takes {wanted}, and it gets {' × '.join(map(str, shape))}")
    extents = tuple(extent + sign * sum(pair) for extent, pair in zip(shape, around, strict=False))
    if min(extents) < 1:
        raise LayerError(f"nothing is left of {' × '.join(map(str, shape))}", "amount")
    return (*extents, shape[-1])


class _EdgeKind(Kind):
    shorthand = "amount"
    rank: int
    sign: int
    key: str

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return changed_shape(inputs[0], margins(options["amount"], self.rank), self.sign)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        around = margins(options["amount"], self.rank)
        value = around if self.rank == 2 else around[0]
        return getattr(keras.layers, self.keras[0])(**{self.key: value}, name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        if config.get("data_format", "channels_last") not in (None, "channels_last"):
            raise LayerError("channels must come last; train it with data_format='channels_last'")
        around = margins(config[self.key], self.rank)
        return Pad(around) if self.sign > 0 else Crop(around)


@dataclass(frozen=True, eq=False)
class Pad(FloatOperator):
    """Zeros around the input."""

    kind = "zero_padding"
    around: Margins

    def output_shape(self, *inputs: Shape) -> Shape:
        return changed_shape(inputs[0], self.around, 1)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.pad(inputs[0], ((0, 0), *self.around, (0, 0)))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        (source,) = inputs
        zero = whole_zero(source)
        shape = self.output_shape(source.shape)
        output = replace(source, shape=shape, low=min(source.low, zero), high=max(source.high, zero))
        return IntegerPad(self.around, zero), output


@dataclass(frozen=True, eq=False)
class IntegerPad(IntegerOperator):
    """The code ``zero`` around the input."""

    kind = "zero_padding"
    around: Margins
    zero: int

    def output_shape(self, *inputs: Shape) -> Shape:
        return changed_shape(inputs[0], self.around, 1)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.pad(inputs[0].astype(np.int64), ((0, 0), *self.around, (0, 0)), constant_values=self.zero)


def cropped(values: np.ndarray, around: Margins) -> np.ndarray:
    """Values (batch, *shape) without their edges."""
    inner = (slice(before, extent - after) for (before, after), extent in zip(around, values.shape[1:], strict=False))
    return values[(slice(None), *inner)]


@dataclass(frozen=True, eq=False)
class Crop(FloatOperator):
    """The input without its edges."""

    kind = "cropping"
    around: Margins

    def output_shape(self, *inputs: Shape) -> Shape:
        return changed_shape(inputs[0], self.around, -1)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return cropped(inputs[0], self.around)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        return IntegerCrop(self.around), replace(inputs[0], shape=self.output_shape(inputs[0].shape))


@dataclass(frozen=True, eq=False)
class IntegerCrop(IntegerOperator):
    """The input without its edges."""

    kind = "cropping"
    around: Margins

    def output_shape(self, *inputs: Shape) -> Shape:
        return changed_shape(inputs[0], self.around, -1)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return cropped(inputs[0].astype(np.int64), self.around)


class ZeroPaddingKind(_EdgeKind):
    name = "zero_padding"
    summary = "Surrounds an image with zeros."
    options = (_amount(2, "added"),)
    keras = ("ZeroPadding2D",)
    rank, sign, key = 2, 1, "padding"


class ZeroPadding1dKind(_EdgeKind):
    name = "zero_padding_1d"
    summary = "Puts zeros before and after a sequence."
    options = (_amount(1, "added"),)
    keras = ("ZeroPadding1D",)
    rank, sign, key = 1, 1, "padding"


class CroppingKind(_EdgeKind):
    name = "cropping"
    summary = "Cuts the edges of an image off."
    options = (_amount(2, "cut off"),)
    keras = ("Cropping2D",)
    rank, sign, key = 2, -1, "cropping"


class Cropping1dKind(_EdgeKind):
    name = "cropping_1d"
    summary = "Cuts the ends of a sequence off."
    options = (_amount(1, "cut off"),)
    keras = ("Cropping1D",)
    rank, sign, key = 1, -1, "cropping"


KINDS = (ZeroPaddingKind(), ZeroPadding1dKind(), CroppingKind(), Cropping1dKind())
