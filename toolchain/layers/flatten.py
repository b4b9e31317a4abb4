"""Flatten: the same bytes read as one axis, rows first. Costs nothing on the chip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Options, Shape

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme


class FlattenKind(Kind):
    name = "flatten"
    summary = "Reads a many-dimensional input as one axis, rows first."
    keras = ("Flatten",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return (math.prod(inputs[0]),)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Flatten(name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Flatten()


@dataclass(frozen=True, eq=False)
class View(IntegerOperator):
    """The same bytes in another shape; ``shape`` is the output's."""

    kind = "flatten"
    shape: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        if math.prod(inputs[0]) != math.prod(self.shape):
            raise ValueError(f"{inputs[0]} has not as many values as {self.shape}")
        return self.shape

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].reshape(len(inputs[0]), *self.shape)


@dataclass(frozen=True, eq=False)
class Flatten(FloatOperator):
    """y = x with one axis."""

    kind = "flatten"

    def output_shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return inputs[0].reshape(len(inputs[0]), -1)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        shape = self.output_shape(inputs[0].shape)
        return View(shape), replace(inputs[0], shape=shape)


KIND = FlattenKind()
