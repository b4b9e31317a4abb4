"""Layers that only training knows: they hand their input on unchanged, and a pass takes them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolchain.ir.operators import Operator
from toolchain.layers.activation import activation
from toolchain.layers.base import Kind, Option, Options, Shape

if TYPE_CHECKING:
    import numpy as np

RATE = Option(
    "rate",
    {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "The share of values that are set to 0 in each step of training.",
    },
)
DEVIATION = Option(
    "deviation",
    {
        "type": "number",
        "minimum": 0,
        "description": "Standard deviation of the noise that training adds, as the values are.",
    },
)


class _TrainingKind(Kind):
    carries_activation = False

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        return activation("linear")


class DropoutKind(_TrainingKind):
    name = "dropout"
    summary = "Sets values to 0 at random in training; nothing is left of it on the chip."
    options = (RATE,)
    shorthand = "rate"
    keras = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout")

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Dropout(options["rate"], name=name)


class GaussianNoiseKind(_TrainingKind):
    name = "gaussian_noise"
    summary = "Adds noise in training; nothing is left of it on the chip."
    options = (DEVIATION,)
    shorthand = "deviation"
    keras = ("GaussianNoise", "ActivityRegularization")

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.GaussianNoise(options["deviation"], name=name)


KINDS = (DropoutKind(), GaussianNoiseKind())
