"""What the outputs are compared with: labels in the form that the loss takes, and the accuracy of outputs.

A class index becomes one value an output (1 for its class; hinge losses: -1 and 1), or stays an index for the sparse
cross-entropy. A single output stands for class 1 of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.datasets.base import Splits
from toolchain.errors import DataError, GoldcrestError
from toolchain.ir.graph import MOST_CLASSES
from toolchain.training.session import Session

HINGE = ("hinge", "squared_hinge")
CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


@dataclass(frozen=True)
class Objective:
    """A loss with its labels: ``outputs`` of the network, ``classes`` of the data (0: regression)."""

    loss: str
    smoothing: float
    outputs: int
    classes: int

    def __post_init__(self) -> None:
        if self.smoothing and self.loss not in CROSS_ENTROPIES:
            raise GoldcrestError(f"label_smoothing goes with {', '.join(CROSS_ENTROPIES)}, not {self.loss}")

    @property
    def sparse(self) -> bool:
        return self.loss == "sparse_categorical_crossentropy" and not self.smoothing

    def labels(self, y: np.ndarray) -> np.ndarray:
        """The labels (n,) or targets (n, k) as the loss takes them: int32 (n,) if sparse, else float32 (n, outputs)."""
        if not self.classes or self.sparse:
            return y
        if self.outputs == 1:
            values = y.reshape(-1, 1).astype(np.float32)
        else:
            values = (y[:, None] == np.arange(self.outputs)).astype(np.float32)
        if self.loss in HINGE:
            return 2 * values - 1
        share = 0.5 if self.loss == "binary_crossentropy" else 1 / self.outputs
        return (values * (1 - self.smoothing) + self.smoothing * share).astype(np.float32) if self.smoothing else values

    def function(self, session: Session) -> Any:
        """The loss of each sample, (batch,), as a function of labels and outputs (Keras's definitions)."""
        name = self.loss
        if name == "sparse_categorical_crossentropy" and not self.sparse:
            name = "categorical_crossentropy"
        return getattr(session.keras.losses, name)

    @property
    def threshold(self) -> float:
        """The output from which a single-output network says class 1."""
        return 0.0 if self.loss in HINGE else 0.5


def check(splits: Splits, outputs: int, loss: str, origin: str) -> None:
    """Raises DataError, naming the data set, if its labels do not go with the network's outputs or the loss.

    Likewise if there are more outputs than classes that the chip can tell.
    """
    if not splits.classes:
        width = splits.y["train"].shape[1]
        if width != outputs:
            raise DataError(f"{origin} has {width} target values a sample, and the network {outputs} outputs")
        if loss == "sparse_categorical_crossentropy":
            raise DataError(f"{origin} holds values, no classes; {loss} takes class labels")
        return
    able = 2 if outputs == 1 else outputs
    if splits.classes > able:
        part, index = next(
            (part, int(np.argmax(y >= able))) for part, y in splits.y.items() if len(y) and int(y.max()) >= able
        )
        raise DataError(
            f"{origin} has labels up to {splits.classes - 1} (sample {index} of {part}: {splits.y[part][index]}), "
            f"and the network has {outputs} output{'s' if outputs > 1 else ''}, enough for labels up to {able - 1}; "
            f"give the last layer {splits.classes} units"
        )
    if outputs > MOST_CLASSES:
        raise DataError(
            f"the network has {outputs} outputs, and the chip names a class with one byte: "
            f"{MOST_CLASSES} classes are the most"
        )
