"""Activation functions as layers of their own: relu, tanh, sigmoid, softmax, linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolchain.layers.base import Kind, Option, Options, Shape

FUNCTION = Option(
    "function",
    {
        "enum": ["relu", "tanh", "sigmoid", "softmax", "linear"],
        "description": "The function applied to each value (softmax: to all values together).",
    },
)


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


KIND = ActivationKind()
