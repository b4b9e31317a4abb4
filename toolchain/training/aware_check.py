"""The proof of a quantization-aware training: its graph and the integer reference put out the same codes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.datasets.base import Splits
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph
from toolchain.quantization.quantize import quantize
from toolchain.quantization.quantize_stage import float_graph, threshold
from toolchain.quantization.scheme import SCHEMES
from toolchain.training.aware import AwareNetwork

BATCH = 500


def reference(plan: Mapping[str, Any], content: bytes, splits: Splits) -> Graph:
    """The integer network of a model file's content, made as the `quantize` stage makes it."""
    loss = plan["training"]["loss"]
    wanted = {"input": plan["input"], "loss": loss, "quantization": {"output": "class"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        path.write_bytes(content)
        graph = float_graph(path, wanted, splits.x["train"].dtype, splits.classes)
    return quantize(graph, SCHEMES["affine"](), splits.x["train"][:1000], threshold(loss, graph))


def compare(plan: Mapping[str, Any], content: bytes, model: AwareNetwork, splits: Splits) -> dict[str, int]:
    """How many test samples were compared. ``model`` must be frozen. Raises GoldcrestError if any code differs."""
    graph = reference(plan, content, splits)
    x = splits.x["test"]
    different = []
    for start in range(0, len(x), BATCH):
        outputs, found = model.answers(x[start : start + BATCH])
        expected = graph.run(graph.encode(x[start : start + BATCH]).astype(np.int64)).reshape(len(found), -1)
        if graph.decision == "threshold":  # the reference looks the sigmoid up: what counts is the class
            found, expected = outputs >= threshold(plan["training"]["loss"], graph), graph.classify(expected)[:, None]
        different += list(start + np.flatnonzero((found != expected).any(axis=1)))
    if different:
        raise GoldcrestError(
            f"the training graph and the integer network differ on {len(different)} of {len(x)} test samples, first "
            f"on sample {different[0]}; this is a defect of the compiler, please report it with the manifest"
        )
    return {"compared": len(x), "equal": len(x)}
