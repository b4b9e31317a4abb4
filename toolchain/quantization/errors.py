"""The integer network against its float one, layer by layer: the errors seen on samples, and the bound that is proven.

A result that is cut to the output's range comes no further from another in that range; so the bound of a layer is its
rule's (``error_bounds``), and what the real result itself lies outside of the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolchain.ir.graph import Graph, Layer
from toolchain.quantization import recurrent_bounds  # noqa: F401  adds its rules
from toolchain.quantization.error_bounds import MOVED, Place, error_bound


@dataclass(frozen=True)
class Comparison:
    """One layer on a batch: real values, what the integer network gives, and the proven bound of the difference."""

    layer: Layer
    real: np.ndarray
    integer: np.ndarray
    bound: np.ndarray | None


def compare(trained: Graph, quantized: Graph, raw: np.ndarray) -> Iterator[Comparison]:
    """Both networks on raw samples (n, *input shape), layer by layer; ``bound`` is None from where none is known."""
    codes = quantized.encode(raw)
    scaled = trained.encoding.scaled(raw.reshape(-1, *trained.input.shape))
    real_inputs: dict[str, np.ndarray] = {"input": scaled}
    errors: dict[str, np.ndarray | None] = {"input": np.abs(quantized.input.real(codes) - scaled)}
    pairs = zip(trained.values(scaled), quantized.values(codes.astype(np.int64)), strict=True)
    for (layer, _, real), (twin, _, found) in pairs:
        real_inputs[layer.name] = real
        incoming = [errors[name] for name in layer.inputs]
        bound = None
        if all(error is not None for error in incoming):
            inputs = [real_inputs[name] for name in layer.inputs]
            known = [error for error in incoming if error is not None]
            sources = [quantized.tensor(name) for name in twin.inputs]
            bound = error_bound(layer.operator, Place(twin.operator, inputs, known, sources, twin.output))
        if bound is not None:
            low, high = (float(twin.output.real(np.array(end))) for end in (twin.output.low, twin.output.high))
            cut = 0.0 if isinstance(layer.operator, MOVED) else 1.0
            outside = cut * np.maximum(np.maximum(low - real, real - high), 0)
            bound = bound * (1 + 1e-9) + outside + 1e-12  # float64's own rounding
        errors[layer.name] = bound
        yield Comparison(twin, real, twin.output.real(found), bound)


def report(trained: Graph, quantized: Graph, raw: np.ndarray) -> dict[str, dict[str, float | None]]:
    """For each layer the largest and mean error, the signal-to-noise ratio in decibels, and the proven bound."""
    rows = {}
    for row in compare(trained, quantized, raw):
        error = np.abs(row.integer - row.real)
        noise, signal = float(np.mean(error**2)), float(np.mean(row.real**2))
        rows[row.layer.name] = {
            "max": float(error.max()),
            "mean": float(error.mean()),
            "snr_db": round(10 * float(np.log10(signal / noise)), 2) if noise > 0 and signal > 0 else None,
            "bound": None if row.bound is None else float(row.bound.max()),
        }
    return rows
