"""The losses a manifest may name, and which output each of them goes with.

The names and definitions are Keras's (https://keras.io/api/losses/); only ``toolchain.training`` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """A loss. ``outputs`` are the functions that may stand last before it, the one to suggest first.

    ``labels`` says what it compares with: "index" (class numbers only) or "any" (values as well).
    """

    name: str
    summary: str
    outputs: tuple[str, ...]
    labels: str


ANY = ("linear", "relu", "sigmoid", "tanh", "softmax")

LOSSES = {
    loss.name: loss
    for loss in (
        Loss("mean_squared_error", "Mean of the squared differences.", ANY, "any"),
        Loss(
            "mean_squared_logarithmic_error",
            "Mean of the squared differences of log(1 + value): relative errors of values that are not negative.",
            ("relu", "linear", "sigmoid", "softmax"),
            "any",
        ),
        Loss("mean_absolute_error", "Mean of the absolute differences.", ANY, "any"),
        Loss("binary_crossentropy", "Two classes, or several independent yes-or-no outputs.", ("sigmoid",), "any"),
        Loss("categorical_crossentropy", "Several classes, labels as one value a class.", ("softmax",), "any"),
        Loss("sparse_categorical_crossentropy", "Several classes, labels as class numbers.", ("softmax",), "index"),
        Loss("squared_hinge", "Two classes as -1 and +1, squared margin.", ("tanh", "linear"), "any"),
        Loss("hinge", "Two classes as -1 and +1, margin.", ("tanh", "linear"), "any"),
    )
}
