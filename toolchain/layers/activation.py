"""Activation functions as layers of their own.

relu and relu6 disappear into the layer before them where that can clamp, and are a clamp of codes elsewhere. Every
other function of one value becomes a table with one correctly rounded byte for each of the 256 input codes, so that its
error is at most half a unit in the last place of the output. Softmax (``softmax.py``) is one of all values together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.functions import ALIASES, FUNCTIONS
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

FUSABLE = ("relu", "relu6", "linear")
"""Functions that are a clamp of the output's codes, so that a layer with a requantization can absorb them."""

FUNCTION = Option(
    "function",
    {
        "enum": [*FUNCTIONS, *ALIASES, "softmax"],
        "description": "The function applied to each value (softmax: to all values together).",
    },
)
ALPHA = Option(
    "alpha",
    {
        "type": ["number", "null"],
        "minimum": 0,
        "default": None,
        "description": "leaky_relu: the slope below zero (0.2); elu: minus the least value (1).",
    },
)


def apply(function: str, values: np.ndarray, alpha: float | None = None) -> np.ndarray:
    """The activation function in float64; softmax works along the last axis. Raises LayerError for an unknown one."""
    if function == "softmax":
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    known = FUNCTIONS.get(ALIASES.get(function, function))
    if known is None:
        raise LayerError(f"activation {function!r} is not supported; supported are {', '.join(FUNCTIONS)}", "function")
    return np.asarray(known.compute(values, known.alpha or 0.0 if alpha is None else alpha))


class ActivationKind(Kind):
    name = "activation"
    summary = "Applies an activation function to its input."
    options = (FUNCTION, ALPHA)
    shorthand = "function"
    keras = ("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax")
    carries_activation = False

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        if options.get("alpha") is not None and options["function"] not in ("leaky_relu", "elu"):
            raise LayerError(f"{options['function']} has no alpha; leaky_relu and elu have one", "alpha")
        return inputs[0]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        function, alpha = options["function"], options.get("alpha")
        if function == "leaky_relu":
            return keras.layers.LeakyReLU(negative_slope=0.2 if alpha is None else alpha, name=name)
        if function == "elu":
            return keras.layers.ELU(alpha=1.0 if alpha is None else alpha, name=name)
        return keras.layers.Activation(function, name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        if "activation" in config:
            return activation(config["activation"])
        if config["class_name"] == "Softmax":
            if config["axis"] not in (-1, [-1]):
                raise LayerError(f"softmax over axis {config['axis']} is not supported; use the last axis (-1)")
            return activation("softmax")
        if config["class_name"] == "LeakyReLU":
            return activation("leaky_relu", float(config["negative_slope" if "negative_slope" in config else "alpha"]))
        if config["class_name"] == "ELU":
            return activation("elu", float(config["alpha"]))
        slope, most = config.get("negative_slope") or 0.0, config.get("max_value")
        if config.get("threshold") or (slope and most is not None) or most not in (None, 6.0):
            raise LayerError("a ReLU layer may have a negative_slope or a max_value of 6, and no threshold")
        return activation("leaky_relu", float(slope)) if slope else activation("relu" if most is None else "relu6")


def activation(function: Any, alpha: float | None = None) -> Activation:
    """The operator of a function by its Keras name. Raises LayerError for one that we do not have."""
    if not isinstance(function, str):
        raise LayerError("an activation function of one's own cannot be computed; use one that Keras names", "function")
    apply(function, np.zeros(1))
    return Activation(ALIASES.get(function, function), alpha)


@dataclass(frozen=True, eq=False)
class Activation(FloatOperator):
    """y = function(x), any shape. ``alpha`` None is the function's default."""

    kind = "activation"
    function: str
    alpha: float | None = None

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return apply(self.function, inputs[0], self.alpha)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        (source,) = inputs
        if self.function == "softmax":
            from toolchain.layers.softmax import integer_softmax

            return integer_softmax(source, scheme)
        whole = float(source.zero_point).is_integer() and source.low <= source.zero_point <= source.high
        if self.function in FUSABLE and whole:
            return _clamp(self.function, source)
        output = scheme.tensor(source.shape, *(FUNCTIONS[self.function].bounds or seen))
        return lookup(lambda values: apply(self.function, values, self.alpha), source, output)


def _clamp(function: str, source: Tensor) -> tuple[Operator, Tensor]:
    low, high = (int(source.zero_point), source.high) if function != "linear" else (source.low, source.high)
    if function == "relu6":
        high = min(high, low + int(np.rint(6.0 / source.scale)))
    return Clamp(low, high), replace(source, low=max(low, source.low), high=high)


def lookup(function: Any, source: Tensor, output: Tensor) -> tuple[Lookup, Tensor]:
    """The table of a function of reals from codes of ``source`` to codes of ``output``, each correctly rounded."""
    codes = np.arange(source.low, source.high + 1)
    exact = np.rint(function(source.real(codes)) / output.scale) + output.zero_point
    entries = np.clip(exact, output.low, output.high).astype(np.int64)
    table, clipped = np.full(256, entries[0], np.int64), np.zeros(256, np.uint8)
    table[codes & 0xFF], clipped[codes & 0xFF] = entries, exact != entries
    output = replace(output, low=int(entries.min()), high=int(entries.max()))
    return Lookup((table & 0xFF).astype(np.uint8), output.dtype == "int8", clipped), output


@dataclass(frozen=True, eq=False)
class Lookup(IntegerOperator):
    """y = table[x]; ``table`` uint8 (256,) is indexed by the code's byte and holds the output's byte.

    ``clipped`` uint8 (256,) notes entries that lost value to the 8-bit range.
    """

    kind = "activation"
    table: np.ndarray
    signed: bool  # whether the output's bytes are int8
    clipped: np.ndarray | None = None

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        found = self.table[inputs[0].astype(np.int64) & 0xFF]
        return found.view(np.int8).astype(np.int64) if self.signed else found.astype(np.int64)

    def saturated(self, *inputs: np.ndarray) -> int:
        return 0 if self.clipped is None else int(self.clipped[inputs[0].astype(np.int64) & 0xFF].sum())


@dataclass(frozen=True, eq=False)
class Clamp(IntegerOperator):
    """y = x within low…high: a relu that no layer could absorb. Output codes are the input's."""

    kind = "activation"
    low: int
    high: int

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.clip(inputs[0].astype(np.int64), self.low, self.high)


KIND = ActivationKind()
