"""The learning rate of every step, computed before the training starts: what is a table cannot drift on resuming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolchain.training.options import SCHEDULES, chosen


def rates(training: Mapping[str, Any], learning_rate: float, epochs: int, steps: int) -> np.ndarray:
    """The learning rate of each of the epochs × steps steps, float32.

    Warm-up rises linearly from learning_rate / warm_up to the full rate and multiplies whatever the schedule says;
    the cosine falls over the steps after the warm-up.
    """
    total = epochs * steps
    warm_up = min(int(training.get("warm_up", 0)), total)
    step = np.arange(total, dtype=np.float64)
    name, options = chosen(training.get("schedule", "constant"), SCHEDULES)
    factor = np.ones(total)
    if name == "cosine":
        progress = np.clip((step - warm_up) / max(1, total - warm_up), 0, 1)
        factor = options["final"] + (1 - options["final"]) * 0.5 * (1 + np.cos(np.pi * progress))
    elif name == "steps":
        falls = np.array(sorted(options["epochs"])) * steps
        factor = options["factor"] ** np.searchsorted(falls, step, side="right").astype(np.float64)
    if warm_up:
        factor = factor * np.minimum(1, (step + 1) / warm_up)
    return (learning_rate * factor).astype(np.float32)
