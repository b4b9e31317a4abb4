"""Activation functions as layers of their own: relu, tanh, sigmoid, softmax, linear.

relu disappears into the layer before it where that can clamp; tanh and sigmoid become a table with one correctly
rounded byte for each of the 256 input codes: their error is at most half a unit in the last place of the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator
from toolchain.layers.base import Kind, Option, Options, Shape
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
        "enum": ["relu", "tanh", "sigmoid", "softmax", "linear"],
        "description": "The function applied to each value (softmax: to all values together).",
    },
)


def apply(function: str, values: np.ndarray) -> np.ndarray:
    """The activation function in float64; softmax works along the last axis."""
    if function == "relu":
        return np.maximum(values, 0)
    if function == "relu6":
        return np.clip(values, 0, 6)
    if function == "tanh":
        return np.tanh(values)
    if function == "sigmoid":
        return 0.5 * (1 + np.tanh(0.5 * values))  # the logistic function without overflow
    if function == "softmax":
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    if function == "linear":
        return values
    raise LayerError(f"activation {function!r} is not supported", "function")


class ActivationKind(Kind):
    name = "activation"
    summary = "Applies an activation function to its input."
    options = (FUNCTION,)
    shorthand = "function"
    keras = ("Activation", "ReLU", "Softmax")

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Activation(options["function"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        if "activation" in config:
            return activation(config["activation"])
        if "axis" in config:
            return activation("softmax")
        if config.get("negative_slope") or config.get("threshold"):
            raise LayerError("a ReLU with a slope or a threshold is not supported")
        return activation({None: "relu", 6.0: "relu6"}.get(config.get("max_value"), str(config.get("max_value"))))


def activation(function: str) -> Activation:
    """The operator of a function by its Keras name. Raises LayerError for one that we do not have."""
    apply(function, np.zeros(1))
    return Activation(function)


@dataclass(frozen=True, eq=False)
class Activation(FloatOperator):
    """y = function(x), any shape."""

    kind = "activation"
    function: str

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return apply(self.function, inputs[0])

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        (source,) = inputs
        if self.function == "softmax":
            raise LayerError("softmax is possible as the last layer only")
        output = source if self.function in FUSABLE else _bounded_output(self.function, source, scheme)
        codes = np.arange(source.low, source.high + 1)
        exact = np.rint(apply(self.function, source.real(codes)) / output.scale) + output.zero_point
        entries = np.clip(exact, output.low, output.high).astype(np.int64)
        table = np.full(256, entries[0], np.int64)
        table[codes & 0xFF] = entries
        output = replace(output, low=int(entries.min()), high=int(entries.max()))
        return Lookup((table & 0xFF).astype(np.uint8), output.dtype == "int8"), output


def _bounded_output(function: str, source: Tensor, scheme: Scheme) -> Tensor:
    """The output's type from the function's own bounds, so that it does not depend on the calibration set."""
    bounds = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}[function]
    return scheme.tensor(source.shape, *bounds)


@dataclass(frozen=True, eq=False)
class Lookup(IntegerOperator):
    """y = table[x]; ``table`` uint8 (256,) is indexed by the code's byte and holds the output's byte."""

    kind = "activation"
    table: np.ndarray
    signed: bool  # whether the output's bytes are int8

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        found = self.table[inputs[0].astype(np.int64) & 0xFF]
        return found.view(np.int8).astype(np.int64) if self.signed else found.astype(np.int64)


KIND = ActivationKind()
