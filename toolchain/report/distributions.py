"""Each layer's values as the chip holds them, beside those of the float network: histograms over the integer range."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolchain.ir.graph import INTEGER_RANGE, Graph, Tensor
from toolchain.quantization.errors import compare
from toolchain.quantization.ranges import code_bits

WEIGHT_RANGE = {8: (-128, 127), 4: (-8, 7), 2: (-2, 1), 1: (-2, 1)}
MARGIN = 0.5
"""How far beyond the codes, in parts of their number, float values are drawn one by one; farther ones are counted."""


def layers(trained: Graph, quantized: Graph, raw: np.ndarray) -> dict[str, dict[str, Any]]:
    """For each layer ``{weights, activations}`` on raw samples (n, *input shape); ``weights`` is None without any.

    weights      ``{low, high, counts}``: how many weights have each code of their range
    activations  ``{low, high, counts, least, real, below, above}``: how many values have each code low…high; ``real``
                 counts the float network's values in the same unit, its first entry standing for code ``least``;
                 ``below`` and ``above`` are those too far out to be drawn
    """
    found = {}
    for row in compare(trained, quantized, raw):
        tensor = row.layer.output
        codes = np.rint(row.integer / tensor.scale + tensor.zero_point).astype(np.int64)
        exact = row.real / tensor.scale + tensor.zero_point
        found[row.layer.name] = {"weights": _weights(row.layer.operator), "activations": _values(tensor, codes, exact)}
    return found


def inputs(quantized: Graph, raw: np.ndarray) -> dict[str, Any]:
    """The histogram of the input's codes: ``{low, high, counts}``."""
    low, high = INTEGER_RANGE[quantized.input.dtype]
    return {"low": low, "high": high, "counts": _count(quantized.encode(raw).astype(np.int64), low, high)}


def _weights(operator: Any) -> dict[str, Any] | None:
    weights = getattr(operator, "weights", getattr(operator, "all_weights", None))
    if weights is None or not weights.size:
        return None
    low, high = WEIGHT_RANGE[code_bits(weights)]
    return {"low": low, "high": high, "counts": _count(weights.astype(np.int64), low, high)}


def _values(tensor: Tensor, codes: np.ndarray, exact: np.ndarray) -> dict[str, Any]:
    low, high = INTEGER_RANGE[tensor.dtype]
    margin = int((high - low + 1) * MARGIN)
    nearest = np.rint(exact).astype(np.int64)
    least = max(low - margin, min(low, int(nearest.min())))
    most = min(high + margin, max(high, int(nearest.max())))
    return {
        "low": low,
        "high": high,
        "counts": _count(codes, low, high),
        "least": least,
        "real": _count(nearest[(nearest >= least) & (nearest <= most)], least, most),
        "below": int(np.count_nonzero(nearest < least)),
        "above": int(np.count_nonzero(nearest > most)),
    }


def _count(values: np.ndarray, low: int, high: int) -> list[int]:
    return np.bincount((values - low).ravel(), minlength=high - low + 1).tolist()
