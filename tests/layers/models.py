"""Keras models as graphs: the float side against Keras, the integer side against the float one, and three ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.exact.harness import check
from tests.layers.constants import assert_faithful
from toolchain import passes
from toolchain.ir import from_keras
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.quantization import errors
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES

ENCODING = Encoding(np.array([-100.0]), np.array([50.0]), quantize=False)


def imported(model: Any, folder: Path, encoding: Encoding = ENCODING) -> Graph:
    """The float graph of a Keras model, by way of an .h5 file."""
    from toolchain.training.network import h5_bytes

    path = folder / "model.h5"
    path.write_bytes(h5_bytes(model))
    return from_keras.read(path, encoding, Tensor(tuple(model.inputs[0].shape[1:])))


def samples(graph: Graph, count: int, seed: int = 0) -> np.ndarray:
    """Raw samples for a graph: bytes, or numbers around 0 for one that quantizes its input."""
    rng = np.random.default_rng(seed)
    if graph.encoding.quantize:
        return rng.normal(size=(count, *graph.input.shape)).astype(np.float32)
    return rng.integers(0, 256, (count, *graph.input.shape)).astype(np.uint8)


def agrees_with_keras(model: Any, graph: Graph, tolerance: float = 2e-5) -> Graph:
    """Assert that the float graph gives Keras's outputs, before its passes and after them. Returns it after them."""
    raw = samples(graph, 16)
    scaled = graph.encoding.scaled(raw)
    expected = np.asarray(model(scaled.astype(np.float32), training=False), np.float64)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(graph.run(scaled), expected, atol=tolerance * scale, rtol=0)
    passed = passes.run(passes.float_passes("probabilities"), graph)
    np.testing.assert_allclose(
        passed.run(passed.encoding.scaled(raw)), expected, atol=tolerance * scale, rtol=0, err_msg="after the passes"
    )
    return passed


def integer(graph: Graph, scheme: str, count: int = 64) -> Graph:
    """The integer graph of a float graph, calibrated on its samples."""
    decision = "argmax" if graph.output.size > 1 else "none"
    return quantize(replace(graph, decision=decision), SCHEMES[scheme](), samples(graph, count), 0.0)


def hostile(graph: Graph, count: int = 5) -> np.ndarray:
    """Input codes at their extremes, and some in between."""
    rng = np.random.default_rng(1)
    low, high = graph.input.low, graph.input.high
    codes = rng.integers(low, high + 1, (count, *graph.input.shape))
    codes[0], codes[1] = low, high
    codes[2] = rng.choice([low, high], graph.input.shape)
    return codes.astype(graph.input.dtype)


def whole_way(model: Any, folder: Path, encoding: Encoding = ENCODING) -> Graph:
    """Keras against the float graph, and in each scheme numpy against C against the simulated AVR.

    Returns the float graph after its passes.
    """
    graph = agrees_with_keras(model, imported(model, folder, encoding))
    for scheme in SCHEMES:
        quantized = integer(graph, scheme)
        within_bounds(graph, quantized, samples(graph, 32, seed=9))
        check(quantized, hostile(quantized), folder / scheme)
    return graph


def within_bounds(trained: Graph, quantized: Graph, raw: np.ndarray) -> None:
    """Assert that every layer of the integer graph lies within its proven distance from the float one.

    And that the constants from which that distance is proven stand for the trained ones.
    """
    for before, after in zip(trained.layers, quantized.layers, strict=True):
        assert_faithful(before, after, [quantized.tensor(name) for name in after.inputs])
    for row in errors.compare(trained, quantized, raw):
        assert row.bound is not None, f"{row.layer.name}: no bound is known for {row.layer.operator.kind}"
        excess = np.abs(row.integer - row.real) - row.bound
        assert excess.max() <= 0, f"{row.layer.name}: {excess.max():.3g} beyond its bound"
