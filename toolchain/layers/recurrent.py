"""Recurrent layers: simple RNN, GRU and LSTM, over sequences of (steps, features).

Integer definition. Inputs and hidden state are 8-bit codes, the state's with a scale of 2^-7. For each gate output

    p = clamp16(scale(Σ x · W + b) + scale(Σ h · U + c))              a unit is 2^-12: -8 up to 8
    tanh, sigmoid: see ``fixed_point_functions``                      a unit is 2^-15

where scale(a) = (a · multiplier + 2^(shift-1)) >> shift, one multiplier of 15 bits an output. With round(v, n) =
(v + 2^(n-1)) >> n the state follows as

    simple RNN   h = round(tanh(p), 8)
    LSTM         c = clamp16(round(f · c + round(i · g, 3), 15))      16 bits, a unit is 2^-12
                 h = round(o · tanh(c), 23)
    GRU          s = clamp16(round(z · s + (2^15 - z) · g, 15))       16 bits, a unit is 2^-15
                 h = round(s, 8)
                 reset after the product: p_g = clamp16(scale(x…) + round(r · clamp16(scale(h…)), 15))
                 reset before the product: U is applied to round(r · h, 15)

and h is clamped to -128…127. So a GRU's and an LSTM's memory has 16 bits, and what is multiplied has 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir import arithmetic
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.activation import apply
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.fixed_point_functions import sigmoid, tanh
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

UNITS = Option("units", {"type": "integer", "minimum": 1, "description": "Number of values in the hidden state."})
SEQUENCES = Option(
    "return_sequences",
    {
        "type": "boolean",
        "default": False,
        "description": "Whether the state after every step is put out, or that after the last alone.",
    },
)
RESET_AFTER = Option(
    "reset_after",
    {
        "type": "boolean",
        "default": True,
        "description": "Whether the reset gate works after the product with the state, or on the state before it.",
    },
)
GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
MOST_WEIGHTS = 32767
"""Bytes, in each of a layer's two matrices."""
PRE_SCALE = 2.0**-12
STATE_SCALE = 2.0**-7


class _RecurrentKind(Kind):
    options: tuple[Option, ...] = (UNITS, SEQUENCES)
    shorthand = "units"
    carries_activation = False

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        steps, features = _steps(inputs[0])
        _check_size(GATES[self.name] * options["units"] * max(features, options["units"]))
        return (steps, options["units"]) if options["return_sequences"] else (options["units"],)

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        units = options["units"]
        return int(GATES[self.name] * units * (_steps(inputs[0])[1] + units))

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(GATES[self.name] * options["units"] * (2 if options.get("reset_after") else 1))

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        return _steps(inputs[0])[0] * self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        more = {"reset_after": options["reset_after"]} if "reset_after" in options else {}
        sequences = options["return_sequences"]
        return getattr(keras.layers, self.keras[0])(options["units"], return_sequences=sequences, name=name, **more)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        for key, wanted in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
            if config.get(key, wanted) != wanted:
                raise LayerError(f"{key} {config[key]!r} is not supported in recurrent layers; use {wanted}")
        for key in ("go_backwards", "return_state", "stateful", "time_major"):
            if config.get(key):
                raise LayerError(f"{key} is not supported in recurrent layers; train it without")
        kernel, recurrent = weights[0], weights[1]
        bias = np.zeros((2, kernel.shape[1]))
        if config.get("use_bias", True):
            bias[: 1 if weights[2].ndim == 1 else 2] = weights[2]
        after = bool(config.get("reset_after")) if self.name == "gru" else True
        return Recurrent(self.name, kernel, recurrent, bias[0], bias[1], bool(config.get("return_sequences")), after)


def _check_size(weights: int) -> None:
    """Raises LayerError if one half of the gates' sums has more ``weights`` than its kernel can find."""
    if weights > MOST_WEIGHTS:
        raise LayerError(
            f"its gates have {weights:,} weights in one matrix, more than the {MOST_WEIGHTS:,} that avr-gcc takes "
            "in one object; use fewer units",
            "units",
        )


def _steps(shape: Shape) -> Shape:
    if len(shape) != 2:
        raise LayerError(
            f"a recurrent layer takes steps × features, and it gets {' × '.join(map(str, shape))}; "
            "declare input.shape as [steps, features], or put `- reshape` before it",
        )
    return shape


def _shape(shape: Shape, features: int, units: int, sequences: bool) -> Shape:
    steps, given = _steps(shape)
    if given != features:
        raise ValueError(f"takes {features} features, not {given}")
    return (steps, units) if sequences else (units,)


@dataclass(frozen=True, eq=False)
class Recurrent(FloatOperator):
    """``weights`` (features, gates · units), ``recurrent`` (units, gates · units) and biases in Keras's order of gates.

    ``state_bias`` is added to the state's product: it is 0 but for a GRU with ``reset_after``.
    """

    kind = "recurrent"
    cell: str
    weights: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    state_bias: np.ndarray
    sequences: bool
    reset_after: bool

    @property
    def units(self) -> int:
        return len(self.recurrent)

    def output_shape(self, *inputs: Shape) -> Shape:
        return _shape(inputs[0], len(self.weights), self.units, self.sequences)

    def products(self, *inputs: Shape) -> int:
        return inputs[0][0] * (self.weights.size + self.recurrent.size)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        values = inputs[0]
        hidden = cell = np.zeros((len(values), self.units))
        states = []
        for step in range(values.shape[1]):
            of_input = values[:, step] @ self.weights.astype(np.float64) + self.bias
            hidden, cell = self.step(of_input, hidden, cell)
            states.append(hidden)
        return np.stack(states, axis=1) if self.sequences else hidden

    def step(self, of_input: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next hidden state and cell."""
        recurrent = self.recurrent.astype(np.float64)
        of_state = hidden @ recurrent + self.state_bias
        if self.cell == "simple_rnn":
            return np.tanh(of_input + of_state), cell
        if self.cell == "lstm":
            i, f, g, o = np.split(of_input + of_state, 4, axis=-1)
            cell = apply("sigmoid", f) * cell + apply("sigmoid", i) * np.tanh(g)
            return apply("sigmoid", o) * np.tanh(cell), cell
        units = self.units
        z, r = np.split(apply("sigmoid", (of_input + of_state)[:, : 2 * units]), 2, axis=-1)
        last = slice(2 * units, None)
        if self.reset_after:
            g = np.tanh(of_input[:, last] + r * of_state[:, last])
        else:
            g = np.tanh(of_input[:, last] + (r * hidden) @ recurrent[:, last] + self.state_bias[last])
        return z * hidden + (1 - z) * g, cell

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.ir.graph import Tensor
        from toolchain.quantization.ranges import bits

        (source,) = inputs
        _check_size(max(self.weights.size, self.recurrent.size))
        state = Tensor((self.units,), "int8", STATE_SCALE, 0, -128, 127)
        of_input = _linear(self.weights, self.bias, source, scheme)
        of_state = _linear(self.recurrent, self.state_bias, state, scheme)
        operator = IntegerRecurrent(self.cell, *of_input, *of_state, self.sequences, self.reset_after)
        # Signed codes are read 128 greater: a sum starts from what it is for codes of -128, which may never come.
        least = -128 if source.low < 0 else source.low
        for low, high in operator.sums((least, source.high)):
            if bits(int(low.min()), int(high.max())) > 24:
                raise LayerError("a gate's sum needs more than 24 bits; use fewer features or units")
        return operator, Tensor(self.output_shape(source.shape), "int8", STATE_SCALE, 0, -128, 127)


def _linear(
    weights: np.ndarray, bias: np.ndarray, source: Tensor, scheme: Scheme
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights, bias (with the source's zero point), multipliers and shifts of one half of the gates' sums."""
    from toolchain.quantization.scheme import fixed_point

    quantized = scheme.weights(weights, 1, source)
    exact = bias / quantized.accumulator_scale - source.zero_point * quantized.codes.astype(np.int64).sum(axis=0)
    if np.any(np.abs(exact) >= 1 << 23):
        raise LayerError("a gate's bias needs more than 24 bits; its weights are far too small")
    factor = quantized.accumulator_scale / PRE_SCALE
    if np.any(factor >= 63):
        raise LayerError("the input's values are too large for a recurrent layer; divide them (input.divide) before")
    return quantized.codes, np.rint(exact).astype(np.int32), *fixed_point(factor)


@dataclass(frozen=True, eq=False)
class IntegerRecurrent(IntegerOperator):
    """The definition above. Weights int8, biases int32 (gates · units,); multipliers and shifts int32, as many or 1."""

    kind = "recurrent"
    cell: str
    input_weights: np.ndarray  # (features, gates · units)
    input_bias: np.ndarray
    input_multiplier: np.ndarray
    input_shift: np.ndarray
    state_weights: np.ndarray  # (units, gates · units)
    state_bias: np.ndarray
    state_multiplier: np.ndarray
    state_shift: np.ndarray
    sequences: bool
    reset_after: bool

    @property
    def units(self) -> int:
        return len(self.state_weights)

    @property
    def all_weights(self) -> np.ndarray:
        """All weights, for counting them."""
        return np.concatenate([self.input_weights, self.state_weights])

    def output_shape(self, *inputs: Shape) -> Shape:
        return _shape(inputs[0], len(self.input_weights), self.units, self.sequences)

    def products(self, *inputs: Shape) -> int:
        return inputs[0][0] * (self.input_weights.size + self.state_weights.size)

    def sums(self, source: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The least and greatest Σ x · W + b and Σ h · U + c of each gate output."""
        of_input = arithmetic.sum_bounds(self.input_weights, *source)
        of_state = arithmetic.sum_bounds(self.state_weights, -128, 127)
        return [
            (of_input[0] + self.input_bias, of_input[1] + self.input_bias),
            (of_state[0] + self.state_bias, of_state[1] + self.state_bias),
        ]

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        lows, highs = zip(*self.sums(inputs[0]), strict=True)
        return np.concatenate(lows), np.concatenate(highs)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        codes = inputs[0].astype(np.int64)
        hidden = memory = np.zeros((len(codes), self.units), np.int64)
        states = []
        for step in range(codes.shape[1]):
            sums = arithmetic.matmul(codes[:, step], self.input_weights) + self.input_bias
            of_input = _scaled(sums, self.input_multiplier, self.input_shift)
            hidden, memory = self._step(of_input, hidden, memory)
            states.append(hidden)
        return np.stack(states, axis=1) if self.sequences else hidden

    def _of_state(self, hidden: np.ndarray) -> np.ndarray:
        sums = arithmetic.matmul(hidden, self.state_weights) + self.state_bias
        return _scaled(sums, self.state_multiplier, self.state_shift)

    def _step(self, of_input: np.ndarray, hidden: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of_state = self._of_state(hidden)
        if self.cell == "simple_rnn":
            return _code(_rounded(tanh(_clamp16(of_input + of_state)), 8)), memory
        if self.cell == "lstm":
            i, f, g, o = np.split(_clamp16(of_input + of_state), 4, axis=-1)
            added = _rounded(sigmoid(i) * tanh(g), 3)
            memory = _clamp16(_rounded(sigmoid(f) * memory + added, 15))
            return _code(_rounded(sigmoid(o) * tanh(memory), 23)), memory
        units = self.units
        z, r = np.split(sigmoid(_clamp16((of_input + of_state)[:, : 2 * units])), 2, axis=-1)
        last = slice(2 * units, None)
        if self.reset_after:
            recalled = _rounded(r * _clamp16(of_state[:, last]), 15)
        else:
            recalled = self._of_state(_rounded(r * hidden, 15))[:, last]
        g = tanh(_clamp16(of_input[:, last] + recalled))
        memory = _clamp16(_rounded(z * memory + ((1 << 15) - z) * g, 15))
        return _code(_rounded(memory, 8)), memory


def _scaled(sums: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    wide = shift.astype(np.int64)
    return (sums * multiplier.astype(np.int64) + (np.int64(1) << (wide - 1))) >> wide


def _rounded(values: np.ndarray, bits: int) -> np.ndarray:
    return (values + (1 << (bits - 1))) >> bits


def _clamp16(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def _code(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -128, 127)


class SimpleRnnKind(_RecurrentKind):
    name = "simple_rnn"
    summary = "Recurrent layer: the state is tanh of a weighted sum of the input and the state before."
    keras = ("SimpleRNN",)


class GruKind(_RecurrentKind):
    name = "gru"
    summary = "Gated recurrent unit: gates decide how much of the state is kept."
    options = (UNITS, SEQUENCES, RESET_AFTER)
    keras = ("GRU",)


class LstmKind(_RecurrentKind):
    name = "lstm"
    summary = "Long short-term memory: gates decide what a cell takes in, keeps and puts out."
    keras = ("LSTM",)


KINDS = (SimpleRnnKind(), GruKind(), LstmKind())
