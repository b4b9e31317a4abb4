"""The error bound of recurrent layers: step by step, through gates and memory (see ``error_bounds``)."""

from __future__ import annotations

import numpy as np

from toolchain.layers.activation import apply
from toolchain.layers.recurrent import PRE_SCALE, STATE_SCALE, IntegerRecurrent, Recurrent
from toolchain.quantization.error_bounds import Place, error_bound

UNIT = 2.0**-15
TANH, SIGMOID = 13.1 * UNIT, 23.0 * UNIT  # of the fixed-point functions; sigmoid's with what is cut off beyond ±8
ROUNDING = 0.5


def _product(a: np.ndarray, of_a: np.ndarray, b: np.ndarray, of_b: np.ndarray) -> np.ndarray:
    """How far a product can be off whose factors are."""
    return np.abs(a) * of_b + np.abs(b) * of_a + of_a * of_b


def _outside(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.maximum(np.maximum(low - values, values - high), 0)


class _Sums:
    """One half of the gates' sums: the real weights and those that the integers stand for."""

    def __init__(
        self, weights: np.ndarray, bias: np.ndarray, codes: np.ndarray, code_bias: np.ndarray, factor: np.ndarray,
        scale: float, zero_point: float,
    ) -> None:  # fmt: skip
        unit = factor * PRE_SCALE
        self.used = np.abs(codes * unit / scale)
        self.rest = np.abs(weights - codes * unit / scale)
        self.bias = np.abs(bias - unit * (code_bias + zero_point * codes.astype(np.int64).sum(axis=0)))

    def error(self, values: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """The bound of a sum for real values and the errors of the integer ones."""
        return errors @ self.used + np.abs(values) @ self.rest + self.bias + ROUNDING * PRE_SCALE


@error_bound.register
def _recurrent(operator: Recurrent, place: Place) -> np.ndarray:
    integer, (source,) = place.integer, place.sources
    assert isinstance(integer, IntegerRecurrent)
    of_input = _Sums(
        operator.weights, operator.bias, integer.input_weights, integer.input_bias,
        integer.input_multiplier / 2.0**integer.input_shift, source.scale, source.zero_point,
    )  # fmt: skip
    of_state = _Sums(
        operator.recurrent, operator.state_bias, integer.state_weights, integer.state_bias,
        integer.state_multiplier / 2.0**integer.state_shift, STATE_SCALE, 0.0,
    )  # fmt: skip
    values, errors = place.inputs[0], place.errors[0]
    hidden = cell = hidden_error = memory_error = np.zeros((len(values), operator.units))
    bounds = []
    for step in range(values.shape[1]):
        sums = values[:, step] @ operator.weights.astype(np.float64) + operator.bias
        sum_error = of_input.error(values[:, step], errors[:, step])
        after, next_cell = operator.step(sums, hidden, cell)
        memory_error = _memory(operator, of_state, sums, sum_error, hidden, hidden_error, cell, memory_error)
        if operator.cell == "lstm":
            inner = sums + hidden @ operator.recurrent.astype(np.float64) + operator.state_bias
            gate = apply("sigmoid", inner[:, 3 * operator.units :])
            gate_error = 0.25 * (sum_error + of_state.error(hidden, hidden_error))[:, 3 * operator.units :] + SIGMOID
            reached = _product(gate, gate_error, np.tanh(next_cell), memory_error + TANH)
        else:
            reached = memory_error
        # Both states lie between -1 and 1: whatever gates may add up to, they are never further than 2 apart.
        hidden_error = np.minimum(reached + ROUNDING * STATE_SCALE + _outside(after, -1.0, 127 / 128), 2.0)
        memory_error = np.minimum(memory_error, 16.0 if operator.cell == "lstm" else 2.0) + _outside(next_cell, -8, 8)
        hidden, cell = after, next_cell
        bounds.append(hidden_error)
    return np.stack(bounds, axis=1) if operator.sequences else hidden_error


def _memory(
    operator: Recurrent, of_state: _Sums, sums: np.ndarray, sum_error: np.ndarray, hidden: np.ndarray,
    hidden_error: np.ndarray, cell: np.ndarray, memory_error: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The bound of the memory after a step: a simple RNN's state, an LSTM's cell, a GRU's state of 16 bits."""
    recurrent = operator.recurrent.astype(np.float64)
    units = operator.units
    state = hidden @ recurrent + operator.state_bias
    state_error = of_state.error(hidden, hidden_error)
    before, before_error = sums + state, sum_error + state_error
    if operator.cell == "simple_rnn":
        return before_error + TANH
    if operator.cell == "lstm":
        i, f, g, _ = np.split(before, 4, axis=-1)
        of_i, of_f, of_g, _ = np.split(before_error, 4, axis=-1)
        i, f, g = apply("sigmoid", i), apply("sigmoid", f), np.tanh(g)
        added = _product(i, 0.25 * of_i + SIGMOID, g, of_g + TANH)
        kept = _product(f, 0.25 * of_f + SIGMOID, cell, memory_error)
        return kept + added + 2 * ROUNDING * PRE_SCALE + _outside(f * cell + i * g, -8.0, 8.0 - PRE_SCALE)
    z, r = np.split(apply("sigmoid", before[:, : 2 * units]), 2, axis=-1)
    of_z, of_r = np.split(0.25 * before_error[:, : 2 * units] + SIGMOID, 2, axis=-1)
    last = slice(2 * units, None)
    if operator.reset_after:
        recalled = r * state[:, last]
        recalled_error = _product(r, of_r, state[:, last], state_error[:, last]) + ROUNDING * PRE_SCALE
        recalled_error += _outside(state[:, last], -8.0, 8.0 - PRE_SCALE)
    else:
        reset_error = _product(r, of_r, hidden, hidden_error) + ROUNDING * STATE_SCALE
        recalled = (r * hidden) @ recurrent[:, last] + operator.state_bias[last]
        recalled_error = of_state.error(r * hidden, reset_error)[:, last]
    g = np.tanh(sums[:, last] + recalled)
    of_g = sum_error[:, last] + recalled_error + TANH
    mixed = np.abs(z) * memory_error + np.abs(1 - z) * of_g + (np.abs(hidden - g) + memory_error + of_g) * of_z
    return mixed + ROUNDING * UNIT
