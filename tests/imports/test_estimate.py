"""What an imported network will need, by its file alone: held against manifests, and against images made here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.budget import building
from tests.imports import reading
from tests.imports.conftest import FILES
from tests.imports.samples import cells, digits
from toolchain import manifest
from toolchain.importing import words
from toolchain.ir.graph import Encoding
from toolchain.ir.operators import FloatOperator, Operator
from toolchain.layers.registry import kinds
from toolchain.manifest import Plan
from toolchain.memory import memory_stage
from toolchain.memory.estimate import estimate
from toolchain.simulator import latency_stage
from toolchain.simulator.core import Core

CONVOLUTION: dict[str, Any] = {"kernel": 3, "stride": 1, "padding": "same", "dilation": 1, "bias": True}
LAYERS: list[dict[str, Any]] = [
    {"kind": "convolution", **CONVOLUTION, "filters": 8},
    {"kind": "activation", "function": "relu", "alpha": None},
    {"kind": "max_pooling", "size": 2, "stride": None, "padding": "valid"},
    {"kind": "depthwise_convolution", **CONVOLUTION, "multiplier": 1},
    {"kind": "batch_normalization", "epsilon": 0.001, "momentum": 0.99},
    {"kind": "activation", "function": "tanh", "alpha": None},
    {"kind": "separable_convolution", **CONVOLUTION, "filters": 6, "multiplier": 1, "padding": "valid"},
    {"kind": "reshape", "shape": [-1, 6]},
    {"kind": "gru", "units": 5, "return_sequences": False, "reset_after": True},
    {"kind": "dense", "units": 10, "bias": True},
    {"kind": "activation", "function": "softmax", "alpha": None},
]


def declared(layers: list[dict[str, Any]], shape: tuple[int, ...]) -> Plan:
    """A plan for the ATmega4809 with these layers, one after the other."""
    network = [{"name": f"layer_{n}", "inputs": [f"layer_{n - 1}" if n else "input"], **each} for n, each in
               enumerate(layers)]  # fmt: skip
    plan = manifest.load(building.ROOT / "models/mnist_cnn.yaml")
    quantization = {**plan.quantization, "quantization": {**plan.quantization["quantization"], "scheme": "affine"}}
    training = {"input": {"shape": list(shape), "offset": 0.0, "divide": 16.0}, "network": network}
    return replace(plan, training=training, quantization=quantization)


def imported(network: list[dict[str, Any]], shape: tuple[int, ...]) -> Plan:
    plan = declared([], shape)
    return replace(plan, training={**plan.training, "network": network, "import": {"format": "onnx", "file": "x"}})


def test_a_file_is_counted_as_the_manifest_that_trained_it(tmp_path: Path) -> None:
    plan = declared(LAYERS, (12, 12, 1))
    graph = building.keras_graph(plan, Encoding(np.zeros(1), np.ones(1), False), tmp_path, 1)
    network = json.loads(json.dumps(words.network(graph)))
    assert [entry["kind"] for entry in network] == [entry["kind"] for entry in LAYERS]
    assert estimate(imported(network, (12, 12, 1))) == estimate(plan)


def test_every_operator_of_a_file_has_a_kind() -> None:
    names = {"scaling": "batch_normalization", "recurrent": "gru", "global_pooling": "global_max_pooling"}
    kinds()
    own = [each for each in Operator.classes.values() if issubclass(each, FloatOperator) and "kind" in vars(each)]
    assert len(own) > 12
    assert {names.get(each.kind, each.kind) for each in own} <= kinds().keys()


@pytest.mark.parametrize(
    ("name", "program", "cycles"),
    [
        ("keras2_cells.h5", 0.02, 0.15),
        ("keras2_residual.h5", 0.05, 0.15),
        ("tf2onnx_residual.onnx", 0.05, 0.15),
        ("keras2_separable.keras", 0.3, 0.3),
    ],
)
def test_estimates_are_near_to_images(tmp_path: Path, name: str, program: float, cycles: float) -> None:
    """As near as those of manifests: dense layers closely, straight-line convolutions within a third."""
    x = cells()[0] if "cells" in name else digits()[0]
    shape, scale = x.shape[1:], float(x.max())
    trained = reading.graph(FILES / name, shape, 0.0, scale)
    plan = imported(words.network(trained), shape)
    guessed = estimate(plan)
    built = building.image(plan, reading.integer(trained, x[:200], "affine"), x[:200], tmp_path)
    measured = memory_stage.measure(built.elf, plan.compilation["mcu"], built.usages)
    assert abs(guessed.program - measured["program"]["used"]) <= program * measured["program"]["used"] + 300
    assert -64 <= guessed.data - measured["data"]["used"] <= 400
    core = Core(built.elf, plan.compilation["mcu"])
    description = json.loads(built.description.read_text(encoding="utf-8"))
    latency = latency_stage.measure(core, built.graph, description, built.codes[:20], plan.compilation["clock_hz"])
    assert guessed.cycles_max == pytest.approx(latency["cycles_max"], rel=cycles)
