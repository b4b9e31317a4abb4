"""The thesis's networks, built for real: what report.json must hold, and figures that they must not fall behind.

Figures are counted, not timed: bytes of the image, cycles of the simulated chip, right answers of 10,000.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.graph.project import Project

CONSTANT = """model: mnist_constant
extends: mnist_dense32.yaml
target: {latency: constant}
"""
WIDE = """model: mnist_wide
extends: mnist_dense32.yaml
network:
  - dense: {units: WIDTH}
  - activation: relu
  - dense: {units: 10}
  - activation: softmax
training: {epochs: 1}
target:
  memory: {program: 48 KiB, data: 6 KiB}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.copied(tmp_path_factory.mktemp("thesis") / "project")
    (project.root / "models/mnist_constant.yaml").write_text(CONSTANT)
    return project


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def reports(project: Project, cache: str) -> dict[str, dict[str, Any]]:
    """report.json of each network, from one run of SCons."""
    names = ("mnist_dense32", "sensor_and")
    run = project.scons(f"model={','.join(names)}", cache=cache)
    assert run.status == 0, run.out + run.err
    return {name: json.loads((project.root / f"build/{name}/report.json").read_text()) for name in names}


def test_every_field_of_the_contract_is_filled(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["mnist_dense32"]
    assert report["schema"] == 1
    assert (report["model"], report["mcu"], report["clock_hz"]) == ("mnist_dense32", "atmega4809", 20_000_000)
    assert re.match(r"avr-gcc \d+\.\d+\.\d+", report["compiler"])
    program, data, latency = report["program"], report["data"], report["latency"]
    assert program["used"] == program["weights"] + program["kernels"] + program["application"]
    assert data["used"] == data["static"] + data["activations"] + data["stack"]
    assert (program["budget"], data["budget"]) == (49_152, 6_144)
    assert sum(layer["cycles"] for layer in latency["layers"]) == latency["cycles"]
    assert latency["ms"] == pytest.approx(latency["cycles_mean"] / 20_000, rel=1e-3)
    assert {"name", "kind", "macs", "cycles"} <= set(latency["layers"][0])
    assert set(report["accuracy"]) >= {"float", "quantized", "board", "samples"}
    assert report["accuracy"]["board"] is None
    for layer in report["layers"]:
        needed = ["name", "kind", "shape", "minimum", "maximum", "saturated", "weight_bits", "weight_bytes", "nonzero"]
        assert set(needed) <= set(layer)


def test_dense32_is_small_fast_and_as_right_as_the_float_model(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["mnist_dense32"]
    accuracy = report["accuracy"]
    assert accuracy["samples"] == 10_000
    assert abs(accuracy["quantized"] - accuracy["float"]) <= 0.003
    assert report["program"]["used"] <= 28_200  # the thesis: 41,072
    assert report["data"]["used"] <= 1_100  # the thesis: about 4,000
    assert report["latency"]["cycles_mean"] <= 56_000  # 2.8 ms; the thesis: 23.14 ms
    assert report["latency"]["cycles_max"] <= 232_000  # 11.6 ms


def test_sensor_and_is_always_right(reports: dict[str, dict[str, Any]]) -> None:
    assert reports["sensor_and"]["accuracy"]["quantized"] == 1.0


def test_constant_latency_is_one_number(project: Project, cache: str, reports: dict[str, dict[str, Any]]) -> None:
    run = project.scons("model=mnist_constant", cache=cache)
    assert run.status == 0, run.out + run.err
    report = json.loads((project.root / "build/mnist_constant/report.json").read_text())
    latency = report["latency"]
    assert latency["cycles"] == latency["cycles_mean"] == latency["cycles_max"] <= 224_000  # 11.2 ms
    assert report["program"]["used"] <= 28_200
    assert report["data"]["used"] <= 1_100


def test_too_wide_is_refused_before_training_and_after_linking(project: Project, cache: str) -> None:
    path = project.root / "models/mnist_wide.yaml"
    path.write_text(WIDE.replace("WIDTH", "64"))
    early = project.scons("model=mnist_wide", "check", cache=cache)
    assert early.status == 2
    assert "train" not in early.stages
    late = project.scons("model=mnist_wide", "check=skip", cache=cache)
    assert late.status == 2
    assert late.stages.count("link") == 1
    assert not (project.root / "build/mnist_wide/firmware.hex").exists()
    assert json.loads((project.root / "build/mnist_wide/report.json").read_text())["program"]["used"] > 49_152
    for run in (early, late):
        text = run.out + run.err
        assert re.search(r"models/mnist_wide\.yaml:10:12: error: program memory: ", text), text
        assert "available (" in text
        assert "largest: dense_1 weights " in text
    fits = re.search(r"fits: units ≤ (\d+)", late.out + late.err)
    assert fits is not None
    assert int(fits[1]) >= 58
    path.write_text(WIDE.replace("WIDTH", fits[1]))
    assert project.scons("model=mnist_wide", cache=cache).status == 0


def test_the_image_is_what_the_report_says(project: Project, reports: dict[str, dict[str, Any]]) -> None:
    from intelhex import IntelHex

    for name, report in reports.items():
        image = IntelHex(str(Path(project.root) / f"build/{name}/firmware.hex"))
        assert len(image) == report["program"]["used"]
