"""How far an integer operator can lie from the float one that it stands for: a rule for each kind.

A rule bounds |dequantized result - real result| from the bounds on its inputs, before the result is cut to the output's
range (``errors.compare`` sees to that). Half a unit of the output's scale is the rounding; the rest comes from weights
and multipliers, which are compared with what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from toolchain.ir.graph import Tensor
from toolchain.ir.operators import FloatOperator, Operator
from toolchain.layers.activation import Activation
from toolchain.layers.concatenate import Concatenate, IntegerConcatenate
from toolchain.layers.flatten import Flatten
from toolchain.layers.functions import FUNCTIONS
from toolchain.layers.merge import Add, IntegerAdd, Multiply
from toolchain.layers.normalization import IntegerScaling, Scaling
from toolchain.layers.padding import Crop, Pad
from toolchain.layers.pooling import AveragePooling, GlobalPooling, MaxPooling
from toolchain.layers.reshape import Permute, Reshape
from toolchain.layers.softmax import Softmax

MULTIPLIER_ERROR = 2.0**-15


@dataclass(frozen=True)
class Place:
    """A layer's integer operator its real inputs, how far the integer ones may be off, and all types."""

    integer: Operator
    inputs: Sequence[np.ndarray]
    errors: Sequence[np.ndarray]
    sources: Sequence[Tensor]
    output: Tensor


@singledispatch
def error_bound(operator: Any, place: Place) -> np.ndarray | None:
    """The bound for one operator, of the output's shape; None for an operator whose bound is not known.

    This one serves every weighted sum: the integer operator is a real one with slightly other weights.
    """
    integer: Any = place.integer
    weights, rule = getattr(integer, "weights", None), getattr(integer, "requantization", None)
    if weights is None or rule is None or not hasattr(operator, "weights"):
        return None
    (values,), (errors,), (source,) = place.inputs, place.errors, place.sources
    unit = rule.multiplier / 2.0**rule.shift * place.output.scale  # of the accumulator
    depthwise = weights.shape[-1] != integer.bias.size  # its channels are the last two axes
    channels = weights.shape[-2:] if depthwise else weights.shape[-1:]
    used = weights * (unit if unit.size == 1 else unit.reshape(channels)) / source.scale
    sums = weights.astype(np.int64).sum(axis=tuple(range(weights.ndim - len(channels)))).reshape(-1)
    bias = unit * (integer.bias + source.zero_point * sums)
    carried = replace(operator, weights=np.abs(used), bias=np.zeros(bias.shape), activation="linear")
    wrong = replace(
        operator, weights=np.abs(operator.weights - used), bias=np.abs(operator.bias - bias), activation="linear"
    )
    return np.asarray(carried.forward(errors) + wrong.forward(np.abs(values)) + 0.5 * place.output.scale)


MOVED = (Flatten, Reshape, Permute, Pad, Crop, MaxPooling)
"""Operators whose results are values of their input: nothing is cut off."""


@error_bound.register(Flatten)
@error_bound.register(Reshape)
@error_bound.register(Permute)
@error_bound.register(Pad)
@error_bound.register(Crop)
@error_bound.register(MaxPooling)
def _moved(operator: FloatOperator, place: Place) -> np.ndarray:
    """What only moves or picks values moves or picks their errors: |max a - max b| ≤ max |a - b|."""
    return operator.forward(*place.errors)


@error_bound.register(AveragePooling)
@error_bound.register(GlobalPooling)
def _averaged(operator: AveragePooling | GlobalPooling, place: Place) -> np.ndarray:
    if isinstance(operator, GlobalPooling) and operator.largest:
        return _moved(operator, place)
    return replace(operator, activation="linear").forward(*place.errors) + (0.5 + 2.0**-7) * place.output.scale


@error_bound.register
def _applied(operator: Activation, place: Place) -> np.ndarray:
    (error,), scale = place.errors, place.output.scale
    if isinstance(place.integer, Softmax):
        # A row of softmax's derivative sums to 2 p (1 - p) ≤ 1/2.
        moved = np.broadcast_to(0.5 * error.max(axis=-1, keepdims=True), error.shape)
        return np.minimum(moved, 1.0) + place.integer.error(error.shape[-1]) * scale
    function = FUNCTIONS[operator.function]
    moved = function.steepest * max(1.0, operator.alpha or 0.0) * error
    if function.bounds is not None:
        moved = np.minimum(moved, function.bounds[1] - function.bounds[0])
    return np.asarray(moved + 0.5 * scale)


@error_bound.register
def _added(operator: Add, place: Place) -> np.ndarray:
    integer, scale = place.integer, place.output.scale
    assert isinstance(integer, IntegerAdd)
    unit = scale / 2.0 ** int(integer.requantization.shift[0])
    bias = float(integer.bias[0])
    total = np.full(place.errors[0].shape, 0.5 * scale)
    wanted = operator.weights(len(place.inputs))
    for factor, multiplier, values, error, source in zip(
        wanted, integer.multipliers, place.inputs, place.errors, place.sources, strict=True
    ):
        used = float(multiplier) * unit / source.scale
        total += abs(used) * error + abs(factor - used) * np.abs(values)
        bias += float(multiplier) * source.zero_point
    return total + abs(bias) * unit


@error_bound.register
def _multiplied(operator: Multiply, place: Place) -> np.ndarray:
    (a, b), (of_a, of_b) = (np.abs(values) for values in place.inputs), place.errors
    through = a * of_b + b * of_a + of_a * of_b
    return through + MULTIPLIER_ERROR * (a + of_a) * (b + of_b) + 0.5 * place.output.scale


@error_bound.register
def _joined(operator: Concatenate, place: Place) -> np.ndarray:
    integer = place.integer
    assert isinstance(integer, IntegerConcatenate)
    parts = []
    for index, error in enumerate(place.errors):
        rest = 0.0 if integer.is_copy(index) else 0.5 + 2.0**-8
        parts.append(error + rest * place.output.scale)
    return operator.forward(*parts)


@error_bound.register
def _scaled(operator: Scaling, place: Place) -> np.ndarray:
    integer, scale = place.integer, place.output.scale
    assert isinstance(integer, IntegerScaling)
    (values,), (error,), (source,) = place.inputs, place.errors, place.sources
    unit = scale / 2.0 ** int(integer.requantization.shift[0])
    used = integer.multipliers * unit / source.scale
    bias = (integer.bias + integer.multipliers * source.zero_point) * unit
    wrong = np.abs(operator.scale - used) * np.abs(values) + np.abs(operator.offset - bias)
    return np.asarray(np.abs(used) * error + wrong + 0.5 * scale)
