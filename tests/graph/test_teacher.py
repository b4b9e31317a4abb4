"""A teacher is trained before its students, once, and again when it changes; nothing else is made of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.graph.project import Project, Run

TEACHER = "models/teachers/wise.yaml"
MODEL = """model: {name}
dataset: {{name: sensor_and}}
input: {{shape: [2]}}
network:
  - dense: {{units: {units}}}
  - activation: relu
  - dense: {{units: 2}}
  - activation: softmax
training:
  loss: sparse_categorical_crossentropy
  epochs: 2
  distillation: {taught}
"""
TARGET = "target: {mcu: atmega4809, clock: 20 MHz}\n"
STUDENT = "build/student/model.h5"


def write(project: Project, name: str, units: int, teacher: str | None, target: str = TARGET) -> None:
    taught = f"{{teacher: {teacher}, temperature: 2}}" if teacher else "null"
    path = project.root / "models" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(MODEL.format(name=path.stem, units=units, taught=taught) + target, encoding="utf-8")


@pytest.fixture
def project(fresh: Project) -> Project:
    shutil.rmtree(fresh.root / "models")
    write(fresh, "student", 4, "teachers/wise.yaml")
    write(fresh, "teachers/wise", 16, None, target="")
    return fresh


def trained(run: Run) -> list[str]:
    """The models that a run trained, in order."""
    assert run.status == 0, run.out + run.err
    lines = [line for line in run.out.splitlines() if "-m toolchain train " in line]
    return [Path(line.split("--output ")[1].split()[0]).parent.name for line in lines]


def test_first_the_teacher_then_the_student_and_each_when_it_must(project: Project) -> None:
    assert trained(project.scons("model=student", STUDENT)) == ["wise", "student"]
    made = {path.name for path in (project.root / "build/wise").iterdir() if not path.name.startswith(".")}
    assert made == {"plan", "model.h5", "model.history.json"}
    assert trained(project.scons("model=student", STUDENT)) == []
    project.edit("models/student.yaml", "temperature: 2", "temperature: 3")
    assert trained(project.scons("model=student", STUDENT)) == ["student"]
    project.edit(TEACHER, "units: 16", "units: 12")
    assert trained(project.scons("model=student", STUDENT)) == ["wise", "student"]
    project.edit(TEACHER, "model: wise", "description: who knows\nmodel: wise")
    assert trained(project.scons("model=student", STUDENT)) == []


def test_models_of_their_own_teach_too_and_are_trained_once(project: Project) -> None:
    write(project, "apprentice", 6, "student.yaml")
    run = project.scons("model=apprentice,student", "build/apprentice/model.h5", STUDENT, "-j2")
    assert trained(run) == ["wise", "student", "apprentice"]


def test_two_manifests_of_one_name(project: Project) -> None:
    write(project, "wise", 6, None)
    run = project.scons("model=wise,student", "-n")
    assert run.status == 2 and "Traceback" not in run.err
    assert "both call their model wise" in run.err


def test_a_keras_file_teaches_and_one_that_cannot_is_refused_at_its_line(project: Project) -> None:
    write(project, "wide", 4, None)
    project.edit("models/wide.yaml", "shape: [2]", "shape: [2], divide: 2")
    assert trained(project.scons("model=wide", "build/wide/model.h5")) == ["wide"]
    (project.root / "given.h5").write_bytes((project.root / "build/wide/model.h5").read_bytes())
    write(project, "student", 4, "given.h5")
    assert trained(project.scons("model=student", STUDENT)) == ["student"]
    (project.root / "given.h5").write_bytes(b"no model any more")
    run = project.scons("model=student", STUDENT)
    assert run.status == 2 and "Traceback" not in run.out + run.err
    assert "models/student.yaml:12:27: error: Keras cannot read the teacher" in run.out + run.err
