"""What must hold for every model in models/: accuracy in integers, the stack's bound, the arena, and its report.

Models that train for minutes are built only if their result lies in models/trained; GOLDCREST_MODELS=all builds the
others too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.graph.project import ROOT, Project
from tests.layers.models import samples
from tests.memory.painted import used_stack
from tests.models.conftest import built
from toolchain import manifest
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.stages import read_json

PLANS = {path.stem: manifest.load(path) for path in sorted((ROOT / "models").glob("*.yaml"))}
LOSS = {"affine": 0.001, "power_of_two": 0.003}  # against the float network, shares of all test samples
SHORT = 10  # epochs of a training that a test can wait for


def _affordable(name: str) -> bool:
    plan = PLANS[name].training
    trained = plan["training"].get("trained")
    short = plan["training"]["epochs"] <= SHORT or PLANS[name].dataset["name"] != "mnist"
    return short or bool(trained and (ROOT / trained).is_file()) or os.environ.get("GOLDCREST_MODELS") == "all"


NAMES = [name for name in PLANS if _affordable(name)]


@pytest.fixture(scope="module")
def folders(project: Project, cache: str) -> dict[str, Path]:
    return built(project, cache, NAMES)


def _layers(folder: Path) -> list[dict[str, Any]]:
    return read_json(folder / "ranges.json")["layers"]


@pytest.mark.parametrize("name", PLANS)
def test_integers_lose_next_to_nothing(name: str, request: pytest.FixtureRequest) -> None:
    if name not in NAMES:
        pytest.skip("trains for minutes: GOLDCREST_MODELS=all")
    folder = request.getfixturevalue("folders")[name]
    report = read_json(folder / "report.json")
    if PLANS[name].dataset["name"] == "mnist":
        assert report["accuracy"]["samples"] == 10_000
    allowed = LOSS[PLANS[name].quantization["quantization"]["scheme"]]
    assert report["accuracy"]["float"] - report["accuracy"]["quantized"] <= allowed + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_the_report_holds_each_layers_loss_saturation_and_kernel(name: str, folders: dict[str, Path]) -> None:
    """Loss and saturation are counted again here, with the reference alone."""
    folder = folders[name]
    graph = store.load(folder / "quantized.npz")
    report, layers = read_json(folder / "report.json"), _layers(folder)
    described = {layer["name"]: layer for layer in read_json(folder / "network.json")["layers"]}
    assert [layer["name"] for layer in report["layers"]] == [layer["name"] for layer in layers]
    for layer, own, integer in zip(layers, report["layers"], graph.layers, strict=True):
        assert own["saturated"] == layer["saturated"] <= 0.01
        assert 0 <= layer["error"]["mean"] <= layer["error"]["max"]
        assert layer["error"]["bound"] is None or layer["error"]["max"] <= layer["error"]["bound"]
        choice = described[integer.name]
        assert choice["kernel"] in choice["candidates"]


@pytest.mark.parametrize("name", NAMES)
def test_the_stacks_bound_is_never_below_what_was_used_and_at_most_32_above(
    name: str, folders: dict[str, Path]
) -> None:
    folder = folders[name]
    plan, bound = PLANS[name].compilation, read_json(folder / "memory.json")["data"]["stack"]
    graph = store.load(folder / "quantized.npz")
    used = used_stack(folder / "firmware.elf", graph, graph.encode(samples(graph, 2)), plan["mcu"], plan["clock_hz"])
    assert used <= bound <= used + 32


@pytest.mark.parametrize("name", NAMES)
def test_the_arena_is_at_most_5_percent_above_the_peak_of_live_bytes(name: str, folders: dict[str, Path]) -> None:
    folder = folders[name]
    arena = read_json(folder / "network.json")["arena"]["bytes"]
    assert arena == read_json(folder / "memory.json")["data"]["activations"]
    assert arena <= 1.05 * _peak(store.load(folder / "quantized.npz"))


def _peak(graph: Graph) -> int:
    """The most bytes of tensors that are alive at one layer: its inputs, its output, and what later layers read."""
    sizes = {"input": graph.input.size, **{layer.name: layer.output.size for layer in graph.layers}}
    peak = 0
    for step, layer in enumerate(graph.layers):
        later = {name for other in graph.layers[step + 1 :] for name in other.inputs}
        made = {"input", *(other.name for other in graph.layers[:step])}
        alive = {*layer.inputs, layer.name, *(later & made)}
        peak = max(peak, sum(sizes[name] for name in alive))
    return peak
