"""Concatenate: inputs side by side along one axis. Inputs of another scale are requantized on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator, Requantization
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.merge import MOST_INPUTS, int_of
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

AXIS = Option(
    "axis",
    {
        "type": "integer",
        "default": -1,
        "description": "The axis along which inputs are put side by side: 1 is the first after the batch, -1 the last.",
    },
)


def joined(inputs: Sequence[Shape], axis: int) -> tuple[Shape, int]:
    """The output's shape and the axis as an index of it. Raises LayerError if the inputs do not go together."""
    rank = len(inputs[0])
    index = axis - 1 if axis > 0 else axis + rank
    if axis == 0 or not 0 <= index < rank:
        raise LayerError(f"there is no axis {axis} to join {rank} axes along", "axis")
    rests = {(*shape[:index], *shape[index + 1 :]) for shape in inputs}
    if len(rests) != 1 or any(len(shape) != rank for shape in inputs):
        shapes = " and ".join(" × ".join(map(str, shape)) for shape in dict.fromkeys(inputs))
        raise LayerError(f"{shapes} differ in more than the axis that they are joined along", "inputs")
    total = sum(shape[index] for shape in inputs)
    return (*inputs[0][:index], total, *inputs[0][index + 1 :]), index


class ConcatenateKind(Kind):
    name = "concatenate"
    summary = "Puts its inputs side by side along one axis."
    options = (AXIS,)
    shorthand = "axis"
    keras = ("Concatenate",)
    inputs = (2, MOST_INPUTS)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return joined(inputs, options["axis"])[0]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Concatenate(axis=options["axis"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Concatenate(int(config.get("axis", -1)))


@dataclass(frozen=True, eq=False)
class Concatenate(FloatOperator):
    """``axis`` as Keras counts: 1 is the first after the batch."""

    kind = "concatenate"
    axis: int = -1

    def output_shape(self, *inputs: Shape) -> Shape:
        return joined(inputs, self.axis)[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.concatenate(inputs, axis=self.axis)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.scheme import coarse_enough

        shape, axis = joined([source.shape for source in inputs], self.axis)
        alike = {(source.dtype, source.scale, source.zero_point) for source in inputs}
        if len(alike) == 1:
            low, high = min(source.low for source in inputs), max(source.high for source in inputs)
            output = replace(inputs[0], shape=shape, low=low, high=high)
        else:
            ends = [float(source.real(np.array(end))) for source in inputs for end in (source.low, source.high)]
            output = coarse_enough(scheme.tensor(shape, min(ends), max(ends)), max(source.scale for source in inputs))
        parts = [_part(source, output) for source in inputs]
        multipliers = np.array([multiplier for multiplier, _, _ in parts], np.int32)
        biases = np.concatenate([bias for _, bias, _ in parts])
        return IntegerConcatenate(axis, multipliers, biases, tuple(rule for _, _, rule in parts)), output


def _part(source: Tensor, output: Tensor) -> tuple[int, np.ndarray, Requantization]:
    """Multiplier, bias and requantization from codes of ``source`` to those of ``output``; 1, 0 and none if alike."""
    from toolchain.quantization.scheme import SUM_SHIFT, sum_multipliers

    if (source.dtype, source.scale, source.zero_point) == (output.dtype, output.scale, output.zero_point):
        return 1, np.zeros(1, np.int32), _rule(0, 0, output)
    multiplier = int(sum_multipliers(np.array([source.scale / output.scale]))[0])
    rule = _rule(SUM_SHIFT, int(output.zero_point), output)
    return multiplier, int_of(-multiplier * float(source.zero_point)), rule


def _rule(shift: int, zero_point: int, output: Tensor) -> Requantization:
    return Requantization(np.ones(1, np.int32), np.array([shift], np.int32), zero_point, output.low, output.high)


@dataclass(frozen=True, eq=False)
class IntegerConcatenate(IntegerOperator):
    """y_k = clamp(((x_k · multiplier_k + bias_k + 2^15) >> 16) + zero point, low, high), side by side.

    ``axis`` counts the output's axes from 0; ``multipliers`` and ``biases`` int32 (inputs,); a rule for each input.
    """

    kind = "concatenate"
    axis: int
    multipliers: np.ndarray
    biases: np.ndarray
    rules: tuple[Requantization, ...]

    def output_shape(self, *inputs: Shape) -> Shape:
        return joined(inputs, self.axis + 1)[0]

    def is_copy(self, index: int) -> bool:
        """Whether the codes of this input are the output's."""
        return int(self.multipliers[index]) == 1 and int(self.rules[index].shift[0]) == 0

    def blocks(self, *inputs: Shape) -> tuple[int, list[int]]:
        """How many blocks each input is copied in, and the bytes of a block of each input."""
        return math.prod(inputs[0][: self.axis]), [math.prod(shape[self.axis :]) for shape in inputs]

    def accumulate(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """The accumulators (int64) of each input."""
        return [
            codes.astype(np.int64) * int(multiplier) + int(bias)
            for codes, multiplier, bias in zip(inputs, self.multipliers, self.biases, strict=True)
        ]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        parts = [rule.apply(acc) for rule, acc in zip(self.rules, self.accumulate(*inputs), strict=True)]
        return np.concatenate(parts, axis=self.axis + 1)

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        ends = np.array(inputs, np.int64) * self.multipliers.astype(np.int64)[:, None] + self.biases[:, None]
        return ends.min(axis=1), ends.max(axis=1)

    def saturated(self, *inputs: np.ndarray) -> int:
        return sum(rule.saturated(acc) for rule, acc in zip(self.rules, self.accumulate(*inputs), strict=True))


KIND = ConcatenateKind()
