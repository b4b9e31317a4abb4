"""What the network says of the test samples: which classes it takes for which others, and the samples it gets wrong."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.ir.graph import Graph
from toolchain.report.accuracy_stage import classes_of, decided, forward, run_host

PICTURES = 600_000
"""Bytes of pictures that a page may hold."""
SAMPLES = 800
"""Wrong samples that it may name, at most."""
LARGEST = 50
"""Samples of a regression that it names: those with the largest error."""
FEATURES = 16
"""Values of a sample that is no picture, at most: as many as the terminal shows."""


def answers(host: Path, graph: Graph, trained: Graph, x: np.ndarray, y: np.ndarray, limit: float) -> dict[str, Any]:
    """``{decision, total, wrong, features, samples, picture}``, and for classifiers ``{confusion}``.

    ``x`` raw test samples (n, …), ``y`` classes (n,) or target values (n, k), ``limit`` as in the accuracy stage.
    confusion  rows are the right classes, columns what the chip says
    samples    the wrong ones, most certain first (for a regression those with the largest error): ``{index, right,
               says, float, scores}``, with their first ``values`` if they are no pictures
    features   how many values a sample has
    picture    ``{height, width, channels, pixels}``: the same samples' bytes in base64, or None
    """
    outputs, found = run_host(host, graph.encode(x), graph.output.size)
    scores = graph.output.real(outputs.view(graph.output.dtype).astype(np.int64))
    if graph.decision == "none":
        return _regression(trained, x, y.reshape(len(y), -1), scores)
    right = classes_of(y)
    says = found.astype(np.int64)
    wrong = np.flatnonzero(says != right)
    certain = (
        scores[wrong, says[wrong]] - scores[wrong, right[wrong]] if graph.decision == "argmax" else scores[wrong, 0]
    )
    order = wrong[np.argsort(-np.abs(certain), kind="stable")]
    shape = _picture_shape(x)
    order = order[: min(SAMPLES, PICTURES // int(np.prod(shape)) if shape else SAMPLES)]
    real = forward(trained, x[order]) if len(order) else np.zeros((0, scores.shape[1]))
    thinks = decided(real, graph.decision, limit)
    count = int(max(right.max(initial=0), says.max(initial=0))) + 1
    count = max(count, 2 if graph.decision == "threshold" else scores.shape[1])
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (right, says), 1)
    samples = [
        {
            "index": int(i),
            "right": int(right[i]),
            "says": int(says[i]),
            "float": int(t),
            "scores": [round(float(score), 4) for score in scores[i]],
            **({} if shape else {"values": _row(x[i])}),
        }
        for i, t in zip(order, thinks, strict=True)
    ]
    return {
        "decision": graph.decision,
        "total": len(x),
        "wrong": len(wrong),
        "features": int(np.prod(x.shape[1:])),
        "confusion": confusion.tolist(),
        "samples": samples,
        "picture": _picture(x[order], shape),
    }


def _regression(trained: Graph, x: np.ndarray, y: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    error = np.abs(scores - y).mean(axis=1)
    order = np.argsort(-error, kind="stable")[:LARGEST]
    real = forward(trained, x[order])
    samples = [
        {
            "index": int(i),
            "right": _row(y[i]),
            "says": _row(scores[i]),
            "float": _row(value),
            "error": float(error[i]),
            "values": _row(x[i]),
        }
        for i, value in zip(order, real, strict=True)
    ]
    features = int(np.prod(x.shape[1:]))
    found = {"decision": "none", "total": len(x), "wrong": None, "features": features}
    return {**found, "samples": samples, "picture": None}


def _picture_shape(x: np.ndarray) -> tuple[int, int, int] | None:
    """Height, width and channels of samples that can be shown as they are."""
    shape = x.shape[1:]
    if x.dtype != np.uint8 or len(shape) not in (2, 3) or min(shape[:2]) < 4:
        return None
    channels = shape[2] if len(shape) == 3 else 1
    return (shape[0], shape[1], channels) if channels in (1, 3) else None


def _picture(x: np.ndarray, shape: tuple[int, int, int] | None) -> dict[str, Any] | None:
    if shape is None or not len(x):
        return None
    pixels = base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()
    return {"height": shape[0], "width": shape[1], "channels": shape[2], "pixels": pixels}


def _row(values: np.ndarray) -> list[float]:
    return [float(f"{float(value):.5g}") for value in np.ravel(values)[:FEATURES]]
