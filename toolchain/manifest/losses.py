"""The losses a manifest may name, and which output each of them goes with.

The names and definitions are Keras's (https://keras.io/api/losses/); only ``toolchain.training`` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """A loss and the activation functions that may stand last before it.

    ``only`` lists them, the one to suggest first; if it is empty, all go but those in ``never``.
    ``indices`` is true if it compares with class numbers only. (The others take class numbers too: training turns them
    into one value an output.)
    """

    name: str
    summary: str
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    indices: bool = False

    def goes_with(self, function: str) -> bool:
        """Whether the network may end with this activation function ("linear": with none)."""
        return function in self.only if self.only else function not in self.never


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("mean_squared_error", "Mean of the squared differences."),
        Loss(
            "mean_squared_logarithmic_error",
            "Mean of the squared differences of log(1 + value): relative errors of values that are not negative.",
            never=("tanh", "hard_tanh"),
        ),
        Loss("mean_absolute_error", "Mean of the absolute differences."),
        Loss(
            "binary_crossentropy", "Two classes, or several independent yes-or-no outputs.", ("sigmoid", "hard_sigmoid")
        ),
        Loss("categorical_crossentropy", "Several classes, labels as one value a class.", ("softmax",)),
        Loss(
            "sparse_categorical_crossentropy", "Several classes, labels as class numbers.", ("softmax",), indices=True
        ),
        Loss("squared_hinge", "Two classes as -1 and +1, squared margin.", ("tanh", "hard_tanh", "linear")),
        Loss("hinge", "Two classes as -1 and +1, margin.", ("tanh", "hard_tanh", "linear")),
    )
}

PROBABILITIES = ("sparse_categorical_crossentropy", "categorical_crossentropy")
"""Losses whose networks put out one probability a class."""
