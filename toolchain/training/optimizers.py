"""The optimizers a manifest may name. Options, meanings and defaults are Keras's (https://keras.io/api/optimizers/)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolchain.layers.base import Option


@dataclass(frozen=True)
class Optimizer:
    """An optimizer: its name in a manifest, its class in ``keras.optimizers``, its options (the class's arguments)."""

    name: str
    keras: str
    summary: str
    options: tuple[Option, ...]


def _number(name: str, default: float, description: str, **limits: Any) -> Option:
    return Option(name, {"type": "number", **limits, "default": default, "description": description})


def _rate(default: float) -> Option:
    return _number("learning_rate", default, "Size of a step.", exclusiveMinimum=0)


def _decay(name: str, default: float, what: str) -> Option:
    return _number(name, default, f"The share of {what} that is kept from step to step.", minimum=0, exclusiveMaximum=1)


EPSILON = _number("epsilon", 1e-7, "Added to the divisor so that it is never zero.", exclusiveMinimum=0)
MOMENTUM = _number("momentum", 0.0, "The share of the last step that is taken again.", minimum=0, exclusiveMaximum=1)
MEAN = _decay("beta_1", 0.9, "the mean of the gradients")
SQUARE = _decay("beta_2", 0.999, "the mean of their squares")

OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("adam", "Adam", "Adaptive moments (Kingma and Ba, 2014).", (_rate(0.001), MEAN, SQUARE, EPSILON)),
        Optimizer(
            "sgd",
            "SGD",
            "Gradient descent, with momentum if asked for.",
            (
                _rate(0.01),
                MOMENTUM,
                Option("nesterov", {"type": "boolean", "default": False, "description": "Nesterov's momentum."}),
            ),
        ),
        Optimizer(
            "rmsprop",
            "RMSprop",
            "Steps divided by the root of the mean square of the gradients.",
            (_rate(0.001), _decay("rho", 0.9, "the mean of the squared gradients"), MOMENTUM, EPSILON),
        ),
        Optimizer(
            "adamw",
            "AdamW",
            "Adam with decoupled weight decay (Loshchilov and Hutter, 2017).",
            (
                _rate(0.001),
                _number("weight_decay", 0.004, "Share of each weight taken away, times the learning rate.", minimum=0),
                MEAN,
                SQUARE,
                EPSILON,
            ),
        ),
    )
}
