"""Dense (fully connected) layer: y = x·W + b."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir import arithmetic
from toolchain.ir.operators import FloatOperator, Operator, Pinned, Requantization, Requantized
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

UNITS = Option("units", {"type": "integer", "minimum": 1, "description": "Number of outputs."})
BIAS = Option("bias", {"type": "boolean", "default": True, "description": "Whether a bias is added to each output."})


class DenseKind(Kind):
    name = "dense"
    summary = "Fully connected layer: every output is a weighted sum of all inputs."
    options = (UNITS, BIAS)
    keras = ("Dense",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise LayerError(
                f"a dense layer takes a flat input, and this one gets {' × '.join(map(str, shape))}; "
                "put `- flatten` before it"
            )
        return (options["units"],)

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(inputs[0][0] * options["units"])

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(options["units"]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        return self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Dense(options["units"], use_bias=options["bias"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        matrix = weights[0]
        bias = weights[1] if config.get("use_bias", True) else np.zeros(matrix.shape[1], np.float32)
        return Dense(matrix, bias)


@dataclass(frozen=True, eq=False)
class Dense(FloatOperator):
    """y = activation(x·W + b); x (batch, n), W float32 (n, m), b float32 (m,)."""

    kind = "dense"
    weights: np.ndarray
    bias: np.ndarray
    activation: str = "linear"
    pinned: Pinned | None = None

    def output_shape(self, *inputs: Shape) -> Shape:
        if inputs != ((self.weights.shape[0],),):
            raise ValueError(f"takes {self.weights.shape[0]} values, not {inputs}")
        return (self.weights.shape[1],)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return apply(self.activation, inputs[0] @ self.weights.astype(np.float64) + self.bias)

    def products(self, *inputs: Shape) -> int:
        return self.weights.size

    def fused(self, activation: str) -> FloatOperator | None:
        return replace(self, activation=activation) if self.activation == "linear" and activation in FUSABLE else None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.activation != "linear" or self.pinned is not None:
            return None
        return replace(self, weights=self.weights * scale, bias=self.bias * scale + offset)

    def of_scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.pinned is not None:
            return None
        column, row = (np.broadcast_to(part, len(self.weights)) for part in (scale, offset))
        return replace(self, weights=self.weights * column[:, None], bias=self.bias + row @ self.weights)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import quantize_linear

        shape = (self.weights.shape[1],)
        codes = quantize_linear(
            self.weights, self.bias, 1, inputs[0], shape, seen, self.activation, scheme, self.pinned
        )
        return IntegerDense(codes.weights, codes.bias, codes.requantization), codes.output


@dataclass(frozen=True, eq=False)
class IntegerDense(Requantized):
    """y = requantize(x·W + b); x codes (batch, n), W int8 (n, m), b int32 (m,)."""

    kind = "dense"
    weights: np.ndarray
    bias: np.ndarray
    requantization: Requantization

    def output_shape(self, *inputs: Shape) -> Shape:
        if inputs != ((self.weights.shape[0],),):
            raise ValueError(f"takes {self.weights.shape[0]} values, not {inputs}")
        return (self.weights.shape[1],)

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        """The accumulators (batch, m), int64."""
        return arithmetic.matmul(inputs[0], self.weights) + self.bias

    def products(self, *inputs: Shape) -> int:
        return self.weights.size

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        low, high = arithmetic.sum_bounds(self.weights, *inputs[0])
        return low + self.bias, high + self.bias


KIND = DenseKind()
