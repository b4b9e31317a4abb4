"""Whether an integer operator's constants stand for the real ones, to half of their last place.

The proven bound of a layer (``quantization.error_bounds``) starts from the constants that the integer operator itself
has: it would grow with a wrong weight. So these are held against the trained ones by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from toolchain.ir.graph import Layer, Tensor
from toolchain.ir.operators import Requantized
from toolchain.layers.convolution_base import FloatWindowed
from toolchain.layers.dense import Dense
from toolchain.layers.merge import Add, IntegerAdd
from toolchain.layers.normalization import Scaling
from toolchain.layers.recurrent import PRE_SCALE, STATE_SCALE, Recurrent

MULTIPLIER_ERROR = 2.0**-14  # relative, of a multiplier of 15 bits
HALF = 0.5 + 1e-6


def assert_faithful(trained: Layer, quantized: Layer, sources: Sequence[Tensor]) -> None:
    """Assert that each weight, bias and multiplier is the nearest integer to what it stands for."""
    operator, integer = trained.operator, quantized.operator
    if isinstance(integer, Requantized):
        assert integer.requantization.zero_point == quantized.output.zero_point, f"{quantized.name}: its zero point"
    if isinstance(operator, Add):
        _assert_sum(operator, quantized, sources)
    for weights, bias, codes, code_bias, unit, source in _halves(operator, quantized, sources):
        step = unit / source.scale  # what one code of a weight stands for
        off = np.abs(codes - weights.astype(np.float64) / step)
        # Power-of-two scales have no code for the largest weight where it is a power of two itself.
        allowed = np.where(np.abs(codes) == 127, 1.0, HALF) + MULTIPLIER_ERROR * np.abs(codes)
        assert (off <= allowed).all(), f"{quantized.name}: a weight is {(off - allowed).max() + HALF:.3g} codes off"
        zero = source.zero_point * codes.astype(np.float64).sum(axis=0)
        off = np.abs(code_bias + zero - bias / unit)
        allowed = HALF + MULTIPLIER_ERROR * (np.abs(code_bias) + np.abs(zero))
        assert (off <= allowed).all(), f"{quantized.name}: a bias is {(off - allowed).max() + HALF:.3g} codes off"


def _halves(operator: Any, quantized: Layer, sources: Sequence[Tensor]) -> Iterator[tuple[Any, ...]]:
    """Each weighted sum: weights (n, m), bias (m,), their codes, the unit of the accumulator, the source."""
    integer: Any = quantized.operator
    if isinstance(operator, Dense | FloatWindowed):
        unit = _unit(integer.requantization, quantized.output)
        columns = (-1, integer.bias.size)
        yield (
            operator.weights.reshape(columns), operator.bias, integer.weights.reshape(columns), integer.bias, unit,
            sources[0],
        )  # fmt: skip
    elif isinstance(operator, Scaling):
        unit = _unit(integer.requantization, quantized.output)
        scale = np.broadcast_to(operator.scale, integer.bias.shape)[np.newaxis]
        yield scale, operator.offset, integer.multipliers[np.newaxis], integer.bias, unit, sources[0]
    elif isinstance(operator, Recurrent):
        state = Tensor((operator.units,), "int8", STATE_SCALE, 0, -128, 127)
        of_input = integer.input_multiplier / 2.0**integer.input_shift * PRE_SCALE
        of_state = integer.state_multiplier / 2.0**integer.state_shift * PRE_SCALE
        yield operator.weights, operator.bias, integer.input_weights, integer.input_bias, of_input, sources[0]
        yield operator.recurrent, operator.state_bias, integer.state_weights, integer.state_bias, of_state, state


def _assert_sum(operator: Add, quantized: Layer, sources: Sequence[Tensor]) -> None:
    integer = quantized.operator
    assert isinstance(integer, IntegerAdd)
    (unit,) = _unit(integer.requantization, quantized.output)
    steps = np.array([unit / source.scale for source in sources])
    off = np.abs(integer.multipliers - np.array(operator.weights(len(sources))) / steps)
    assert (off <= HALF).all(), f"{quantized.name}: a multiplier is {off.max():.3g} off"
    zero = float(integer.bias[0]) + sum(
        float(multiplier) * source.zero_point for multiplier, source in zip(integer.multipliers, sources, strict=True)
    )
    assert abs(zero) <= HALF, f"{quantized.name}: its bias is {zero:.3g} off"


def _unit(rule: Any, output: Tensor) -> np.ndarray:
    """What 1 in the accumulator stands for, for each channel."""
    return np.asarray(rule.multiplier / 2.0**rule.shift * output.scale)
