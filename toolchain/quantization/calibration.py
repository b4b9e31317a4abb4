"""Calibration: the ranges that a network's values take on a sample of its training data."""

from __future__ import annotations

import numpy as np

from toolchain.ir.graph import Graph

BATCH = 1000


def observe(graph: Graph, scaled: np.ndarray) -> dict[str, tuple[float, float]]:
    """The least and greatest value of each layer's output for scaled float inputs (n, *input shape)."""
    ranges: dict[str, tuple[float, float]] = {}
    for start in range(0, len(scaled), BATCH):
        for layer, _inputs, output in graph.values(scaled[start : start + BATCH]):
            low, high = ranges.get(layer.name, (np.inf, -np.inf))
            ranges[layer.name] = (min(low, float(output.min())), max(high, float(output.max())))
    return ranges
