"""Importing as the stages do it, without a build around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from toolchain import passes
from toolchain.importing import import_stage
from toolchain.ir.graph import Graph
from toolchain.quantization.quantize import quantize
from toolchain.quantization.quantize_stage import threshold
from toolchain.quantization.scheme import SCHEMES


def format_of(path: Path) -> str:
    return {".onnx": "onnx", ".tflite": "tflite"}.get(path.suffix, "keras")


def graph(path: Path, shape: Sequence[int], offset: Any = 0.0, divide: Any = 1.0) -> Graph:
    """The float graph of a file."""
    given = {"shape": list(shape), "offset": offset, "divide": divide}
    return import_stage.read({"input": given, "import": {"format": format_of(path), "file": str(path)}}, "model")


def integer(trained: Graph, x: np.ndarray, scheme: str) -> Graph:
    """The integer graph, calibrated on raw samples ``x`` (n, *shape)."""
    decision = "argmax" if trained.output.size > 1 else "threshold"
    encoding = replace(trained.encoding, quantize=x.dtype != np.uint8)
    passed = passes.run(passes.float_passes(), replace(trained, encoding=encoding, decision=decision))
    return quantize(passed, SCHEMES[scheme](), x, threshold(None, passed))


def classes(network: Graph, raw: np.ndarray) -> np.ndarray:
    """The integer network's classes of raw samples."""
    return network.classify(network.run(network.encode(raw).astype(np.int64)))
