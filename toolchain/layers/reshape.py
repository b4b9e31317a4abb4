"""Reshape (costs nothing on the chip) and permute (moves bytes)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.flatten import View
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

SHAPE = Option(
    "shape",
    {
        "type": "array",
        "items": {"type": "integer", "minimum": -1},
        "minItems": 1,
        "maxItems": 3,
        "description": "The new shape; one extent may be -1, which is what is left for it.",
    },
)
AXES = Option(
    "axes",
    {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 3},
        "minItems": 1,
        "maxItems": 3,
        "description": "The order in which the input's axes stand in the output; the first is 1.",
    },
)


def resolved(shape: Shape, source: Shape) -> Shape:
    """The shape with its -1 filled in. Raises LayerError if it has not as many values as the source."""
    total = math.prod(source)
    known = math.prod(extent for extent in shape if extent != -1)
    if shape.count(-1) > 1 or known < 1:
        raise LayerError("at most one extent can be -1, and the others must be at least 1", "shape")
    filled = tuple(total // known if extent == -1 else extent for extent in shape)
    if math.prod(filled) != total:
        message = f"{' × '.join(map(str, source))} has {total} values, and {' × '.join(map(str, shape))} has not"
        raise LayerError(message, "shape")
    return filled


def permuted(shape: Shape, axes: Shape) -> Shape:
    """The shape in another order of axes. Raises LayerError unless each axis is named once."""
    if sorted(axes) != list(range(1, len(shape) + 1)):
        raise LayerError(f"each of the axes 1…{len(shape)} must be named once", "axes")
    return tuple(shape[axis - 1] for axis in axes)


class ReshapeKind(Kind):
    name = "reshape"
    summary = "Reads the same values in another shape."
    options = (SHAPE,)
    shorthand = "shape"
    keras = ("Reshape",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return resolved(tuple(options["shape"]), inputs[0])

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Reshape(tuple(options["shape"]), name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Reshape(tuple(config["target_shape"]))


class PermuteKind(Kind):
    name = "permute"
    summary = "Puts the axes in another order."
    options = (AXES,)
    shorthand = "axes"
    keras = ("Permute",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return permuted(inputs[0], tuple(options["axes"]))

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Permute(tuple(options["axes"]), name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Permute(tuple(config["dims"]))


@dataclass(frozen=True, eq=False)
class Reshape(FloatOperator):
    """The same values in another shape, which may hold one -1."""

    kind = "reshape"
    shape: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        return resolved(self.shape, inputs[0])

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].reshape(len(inputs[0]), *self.output_shape(inputs[0].shape[1:]))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        shape = self.output_shape(inputs[0].shape)
        return View(shape), replace(inputs[0], shape=shape)


@dataclass(frozen=True, eq=False)
class _Permuted:
    """The axes in another order; the first after the batch is 1."""

    axes: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        return permuted(inputs[0], self.axes)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].transpose(0, *self.axes)


@dataclass(frozen=True, eq=False)
class Permute(_Permuted, FloatOperator):
    """Of real values."""

    kind = "permute"

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        shape = self.output_shape(inputs[0].shape)
        moved = [axis for axis in self.axes if inputs[0].shape[axis - 1] > 1]
        operator: Operator = View(shape) if moved == sorted(moved) else IntegerPermute(self.axes)
        return operator, replace(inputs[0], shape=shape)


@dataclass(frozen=True, eq=False)
class IntegerPermute(_Permuted, IntegerOperator):
    """Of codes."""

    kind = "permute"

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return super().forward(*inputs).astype(np.int64)


KINDS = (ReshapeKind(), PermuteKind())
