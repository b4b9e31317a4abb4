"""Imported networks in real builds: nothing is trained, the file's content decides what runs again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.graph.project import Project
from tests.imports.conftest import FILES
from tests.starter.tables_of import exported

MANIFEST = """\
model: mine
dataset: {{name: csv, file: digits.csv, label: target, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}}
input: {{shape: {shape}, divide: 16}}
network: {{{format}: {file}}}
quantization: {{scheme: affine}}
target: {{mcu: atmega4809, clock: 20 MHz}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.copied(tmp_path / "project")
    exported("digits", project.root)
    return project


def declare(project: Project, name: str, file: Path, shape: str = "[8, 8, 1]") -> None:
    (project.root / "models/mine.yaml").write_text(MANIFEST.format(format=name, file=file, shape=shape))


@pytest.mark.parametrize("name", ["residual_int8.tflite", "image_net.onnx", "small"])
def test_from_a_file_to_the_report(project: Project, made: Path, name: str) -> None:
    form = {".tflite": "tflite", ".onnx": "onnx"}.get(Path(name).suffix, "keras")
    declare(project, form, made / name)
    run = project.scons("model=mine")
    assert run.status == 0, run.out + run.err
    assert "import" in run.stages and "train" not in run.stages
    report = json.loads((project.root / "build/mine/report.json").read_text())
    assert report["accuracy"]["quantized"] >= 0.9
    assert (project.root / "build/mine/firmware.hex").exists()
    assert project.scons("model=mine").stages == []


def test_another_content_of_the_file_is_imported_again(project: Project, made: Path) -> None:
    file = project.root / "net.h5"
    shutil.copy(made / "residual.h5", file)
    declare(project, "keras", Path("net.h5"))
    assert project.scons("model=mine", "check").stages == ["dataset", "import"]
    assert project.scons("model=mine", "check").stages == []
    shutil.copy(FILES / "keras2_residual.h5", file)
    assert project.scons("model=mine", "check").stages == ["import"]


REFUSALS = {
    "wrong_shape": (
        "keras",
        "residual.h5",
        "[8, 4, 2]",
        "models/mine.yaml:3:16: error: the network takes 8 × 8 × 1 values, and `input.shape` is 8 × 4 × 2",
    ),
    "torn": (
        "tflite",
        "torn.tflite",
        "[8, 8, 1]",
        "models/mine.yaml:4:19: error: torn.tflite: not a TensorFlow",
    ),
    "wrong_classes": ("keras", "keras2_cells.h5", "[30]", "models/mine.yaml:2:17: error: the samples are 64, and"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_errors_stand_at_their_line(project: Project, made: Path, case: str) -> None:
    form, name, shape, first = REFUSALS[case]
    (project.root / "torn.tflite").write_bytes(b"torn")
    for folder in (made, FILES):
        if (folder / name).is_file():
            shutil.copy(folder / name, project.root / name)
    declare(project, form, Path(name), shape)
    run = project.scons("model=mine", "check")
    assert run.status == 2
    assert first in run.err, run.err
    assert "Traceback" not in run.err and "|  " in run.err


def test_check_estimates_and_refuses_what_cannot_fit(project: Project) -> None:
    declare(project, "onnx", FILES / "tf2onnx_residual.onnx")
    run = project.scons("model=mine", "check")
    assert (run.status, run.stages) == (0, ["dataset", "import"]), run.out + run.err
    lines = [line.split()[0] for line in run.out.splitlines() if "-m toolchain" not in line]
    assert lines[-5:] == ["check", "program", "data", "latency", "ok"]
    assert "1,954 parameters; by estimate:" in run.out
    project.edit("models/mine.yaml", "clock: 20 MHz", "clock: 20 MHz, memory: {program: 2 KiB}")
    run = project.scons("model=mine", "check")
    assert run.status == 2 and run.stages == [] and "Traceback" not in run.err
    assert run.err.startswith("models/mine.yaml:6:51: error: program memory: about 13,"), run.err
    assert "fits: a chip with 16 KiB of program memory, or a network with fewer layers" in run.err
    assert project.scons("model=mine", "check", "check=skip").status == 0


def test_the_list_of_models_reads_no_file(project: Project, made: Path) -> None:
    declare(project, "onnx", made / "wide_net.onnx")
    run = project.scons()
    assert run.status == 0
    assert f"mine                 from {made / 'wide_net.onnx'}" in run.out
