"""Layers that join several inputs value by value: add, subtract, average, multiply. (Residual networks.)

Each input has its own scale. The sum is exact in integers up to one rounding at the end:

    y = clamp(((Σ x_k · multiplier_k + bias + 2^15) >> 16) + zero point, low, high)

with the inputs' zero points in the bias; a multiplier of 2^16 is 1, so that a product is off by less than 1/256 code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, Operator, Requantization, Requantized
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Options, Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

MOST_INPUTS = 64


class _MergeKind(Kind):
    inputs = (2, MOST_INPUTS)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return same_shape(inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return getattr(keras.layers, self.keras[0])(name=name)


def same_shape(inputs: Sequence[Shape]) -> Shape:
    """The shape that all inputs have. Raises LayerError if they differ."""
    if len(set(inputs)) != 1:
        shapes = " and ".join(" × ".join(map(str, shape)) for shape in dict.fromkeys(inputs))
        raise LayerError(f"the inputs must have one shape, and they have {shapes}", "inputs")
    return inputs[0]


@dataclass(frozen=True, eq=False)
class Add(FloatOperator):
    """y = activation(Σ factor_k · x_k); the factors make it a subtraction or a mean. ``factors`` empty: all 1."""

    kind = "add"
    factors: tuple[float, ...] = ()
    mean: bool = False
    activation: str = "linear"

    def output_shape(self, *inputs: Shape) -> Shape:
        return same_shape(inputs)

    def weights(self, count: int) -> tuple[float, ...]:
        """The factor of each of ``count`` inputs."""
        return self.factors or ((1 / count if self.mean else 1.0),) * count

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        total = sum(factor * values for factor, values in zip(self.weights(len(inputs)), inputs, strict=True))
        return apply(self.activation, np.asarray(total))

    def fused(self, activation: str) -> FloatOperator | None:
        return replace(self, activation=activation) if self.activation == "linear" and activation in FUSABLE else None

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import bounded
        from toolchain.quantization.scheme import coarse_enough, sum_multipliers

        units = np.array(self.weights(len(inputs))) * [source.scale for source in inputs]
        output = coarse_enough(scheme.tensor(inputs[0].shape, *seen), float(np.abs(units).sum()))
        multipliers = sum_multipliers(units / output.scale)
        bias = -float(np.sum(multipliers * np.array([source.zero_point for source in inputs])))
        rule, output = bounded(sum_rule(output), output, self.activation)
        return IntegerAdd(multipliers, int_of(bias), rule), output


def sum_rule(output: Tensor) -> Requantization:
    """The shift by 16 that ends a sum."""
    from toolchain.quantization.scheme import SUM_SHIFT

    shift = np.array([SUM_SHIFT], np.int32)
    return Requantization(np.ones(1, np.int32), shift, int(output.zero_point), output.low, output.high)


def int_of(bias: float) -> np.ndarray:
    """A bias as int32 (1,). Raises LayerError if it does not fit."""
    if abs(bias) >= 1 << 29:
        raise LayerError("0 lies too far outside of an input's codes for a 32-bit sum; choose a smaller input.offset")
    return np.array([round(bias)], np.int32)


@dataclass(frozen=True, eq=False)
class IntegerAdd(Requantized):
    """The sum defined above; ``multipliers`` int32 (inputs,), ``bias`` int32 (1,)."""

    kind = "add"
    multipliers: np.ndarray
    bias: np.ndarray
    requantization: Requantization

    def output_shape(self, *inputs: Shape) -> Shape:
        return same_shape(inputs)

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        """The accumulators, int64, of the inputs' shape."""
        total = np.full(inputs[0].shape, int(self.bias[0]), np.int64)
        for multiplier, codes in zip(self.multipliers, inputs, strict=True):
            total = total + codes.astype(np.int64) * int(multiplier)
        return total

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        ends = np.array(inputs, np.int64) * self.multipliers.astype(np.int64)[:, None]
        return self.bias + ends.min(axis=1).sum(), self.bias + ends.max(axis=1).sum()


@dataclass(frozen=True, eq=False)
class Multiply(FloatOperator):
    """y = activation(x_0 · x_1)."""

    kind = "multiply"
    activation: str = "linear"

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2:
            raise LayerError(f"multiply takes 2 inputs, not {len(inputs)}; multiply in steps")
        return same_shape(inputs)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return apply(self.activation, inputs[0] * inputs[1])

    def fused(self, activation: str) -> FloatOperator | None:
        return replace(self, activation=activation) if self.activation == "linear" and activation in FUSABLE else None

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import bounded
        from toolchain.quantization.scheme import Affine

        zeros = tuple(whole_zero(source) for source in inputs)
        scale = np.array([inputs[0].scale * inputs[1].scale])
        output = scheme.tensor(inputs[0].shape, *seen)
        # An input of raw bytes has whatever scale it has, and here are no weights that could take it in.
        exact = float(np.log2(output.scale / scale[0])).is_integer()
        rule, output = (scheme if exact else Affine()).requantization(scale, output)
        rule, output = bounded(rule, output, self.activation)
        return IntegerMultiply(zeros, rule), output


def whole_zero(source: Tensor) -> int:
    """The code that stands for 0. Raises LayerError if there is none."""
    low, high = (-128, 127) if source.dtype == "int8" else (0, 255)
    if not float(source.zero_point).is_integer() or not low <= source.zero_point <= high:
        raise LayerError(
            f"0 lies at {source.zero_point:g} among the input's codes, and must be one of {low}…{high}; "
            "choose an offset of the input that is a whole number in that range"
        )
    return int(source.zero_point)


@dataclass(frozen=True, eq=False)
class IntegerMultiply(Requantized):
    """y = requantize((x_0 - zero_0) · (x_1 - zero_1))."""

    kind = "multiply"
    zeros: tuple[int, ...]
    requantization: Requantization

    def output_shape(self, *inputs: Shape) -> Shape:
        return same_shape(inputs)

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        left, right = (codes.astype(np.int64) - zero for codes, zero in zip(inputs, self.zeros, strict=True))
        return np.asarray(left * right)

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        left, right = (np.array(ends) - zero for ends, zero in zip(inputs, self.zeros, strict=True))
        corners = np.multiply.outer(left, right)
        return np.array([corners.min()]), np.array([corners.max()])


class AddKind(_MergeKind):
    name = "add"
    summary = "Adds its inputs value by value."
    keras = ("Add",)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Add()


class SubtractKind(_MergeKind):
    name = "subtract"
    summary = "Takes the second input from the first, value by value."
    keras = ("Subtract",)
    inputs = (2, 2)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Add((1.0, -1.0))


class AverageKind(_MergeKind):
    name = "average"
    summary = "The mean of its inputs, value by value."
    keras = ("Average",)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Add(mean=True)


class MultiplyKind(_MergeKind):
    name = "multiply"
    summary = "Multiplies two inputs value by value."
    keras = ("Multiply",)
    inputs = (2, 2)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return Multiply()


KINDS = (AddKind(), SubtractKind(), AverageKind(), MultiplyKind())
