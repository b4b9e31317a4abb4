"""Calibration: the ranges that a network's values take on a sample of its training data.

``min_max`` keeps every value in range. The other methods cut rare extremes off, so that the codes lie closer together:

``percentile``           a fixed share of the values, in both tails together, may lie outside
``mean_squared_error``   the range whose codes are closest to the values, in the mean square
``kullback_leibler``     the range whose codes lose least information about the values' distribution
                         (S. Migacz, "8-bit inference with TensorRT", GTC 2017; here for any scheme)

The last layer's range is always min_max: two classes whose scores are both cut off would be told apart no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.ir.graph import Graph
from toolchain.quantization.scheme import Scheme

BATCH = 1000
BINS = 2048
SHRINKS = 2.0 ** (-np.arange(0, 33) / 8)
"""Candidate limits of magnitude: the greatest seen, down to a sixteenth of it, eight to an octave."""

METHODS = ("min_max", "percentile", "mean_squared_error", "kullback_leibler")
Range = tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """How ranges are chosen. ``percentile`` is the share in percent that the method of that name keeps in range."""

    method: str = "min_max"
    samples: int = 1000
    percentile: float = 99.99

    @classmethod
    def of(cls, value: int | Mapping[str, Any]) -> Calibration:
        """From a manifest: a number of samples, or a mapping of what is not as usual."""
        return cls(samples=value) if isinstance(value, int) else cls(**value)


MIN_MAX = Calibration()


def observe(graph: Graph, scaled: np.ndarray, scheme: Scheme, calibration: Calibration = MIN_MAX) -> dict[str, Range]:
    """The range of the input (``"input"``) and of each layer's output for scaled float inputs (n, *input shape)."""
    full: dict[str, Range] = {}
    for name, values in _values(graph, scaled):
        low, high = full.get(name, (np.inf, -np.inf))
        full[name] = (min(low, float(values.min())), max(high, float(values.max())))
    if calibration.method == "min_max":
        return full
    counts = {name: np.zeros(BINS, np.int64) for name in full}
    for name, values in _values(graph, scaled):
        low, high = full[name]
        if high > low:
            # What is exactly 0 has a code in every range: relus and dark pixels would hide all else.
            counts[name] += np.histogram(values[values != 0], BINS, (low, high))[0]
    kept = {name: _chosen(counts[name], full[name], scheme, calibration) for name in full}
    return {**kept, graph.layers[-1].name: full[graph.layers[-1].name]}


def _values(graph: Graph, scaled: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The input and the output of every layer, batch by batch."""
    for start in range(0, len(scaled), BATCH):
        part = scaled[start : start + BATCH]
        yield "input", part
        for layer, _inputs, output in graph.values(part):
            yield layer.name, output


def _chosen(counts: np.ndarray, full: Range, scheme: Scheme, calibration: Calibration) -> Range:
    """The range for a histogram of values that fills ``full``."""
    low, high = full
    if high <= low:
        return full
    if calibration.method == "percentile":
        return _quantiles(counts, full, (100.0 - calibration.percentile) / 200.0)
    centres = low + (np.arange(BINS) + 0.5) * (high - low) / BINS
    loss = _squared_error if calibration.method == "mean_squared_error" else _divergence
    limits = [max(-low, high) * float(shrink) for shrink in SHRINKS]
    candidates = [(max(low, -limit), min(high, limit)) for limit in limits if limit > max(low, -high, 0.0)]
    losses = [loss(counts, centres, candidate, scheme) for candidate in candidates]
    return candidates[int(np.argmin(losses))]


def _quantiles(counts: np.ndarray, full: Range, tail: float) -> Range:
    """Between the edges of the bins up to which ``tail`` of all values lie below, and above."""
    low, high = full
    allowed = tail * counts.sum()
    below = int(np.searchsorted(np.cumsum(counts), allowed, side="right"))
    above = int(np.searchsorted(np.cumsum(counts[::-1]), allowed, side="right"))
    width = (high - low) / BINS
    return low + below * width, high - above * width


def _codes(centres: np.ndarray, candidate: Range, scheme: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """The code of each bin, and the real value that it stands for."""
    tensor = scheme.tensor((1,), *candidate)
    codes = np.clip(np.rint(centres / tensor.scale) + tensor.zero_point, tensor.low, tensor.high).astype(np.int64)
    return codes - tensor.low, tensor.real(codes)


def _squared_error(counts: np.ndarray, centres: np.ndarray, candidate: Range, scheme: Scheme) -> float:
    _, reals = _codes(centres, candidate, scheme)
    return float(np.sum(counts * (reals - centres) ** 2))


def _divergence(counts: np.ndarray, centres: np.ndarray, candidate: Range, scheme: Scheme) -> float:
    """Σ p · ln(p / q): p the distribution with what is cut off put on the edges, q what is left of it in the codes."""
    low, high = (float(end) for end in scheme.tensor((1,), *candidate).real(np.array(_ends(scheme, candidate))))
    inner = (centres >= low) & (centres <= high)
    if not inner.any():
        return np.inf
    first, last = np.flatnonzero(inner)[[0, -1]]
    clipped = counts[first : last + 1].astype(np.float64)
    codes, _ = _codes(centres[first : last + 1], candidate, scheme)
    used = clipped > 0  # each code's share is spread over those of its bins that are not empty
    mass, bins = np.bincount(codes, clipped), np.bincount(codes, used)
    q = np.where(used, mass[codes] / np.maximum(bins[codes], 1), 0.0)
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last + 1 :].sum()
    p = clipped / clipped.sum()
    q = np.maximum(q / max(q.sum(), 1e-300), 1e-12)
    return float(np.sum(np.where(p > 0, p * np.log(np.maximum(p, 1e-300) / q), 0.0)))


def _ends(scheme: Scheme, candidate: Range) -> tuple[int, int]:
    tensor = scheme.tensor((1,), *candidate)
    return tensor.low, tensor.high
