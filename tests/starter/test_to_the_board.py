"""From a table that the project has never seen to an evaluated model on the virtual board, with no edit between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.graph.project import Project
from tests.starter.tables_of import exported


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.copied(tmp_path / "project")


@pytest.mark.parametrize(("name", "words", "least"), [("breast_cancer", True, 0.93), ("digits", False, 0.93)])
def test_from_a_table_to_an_evaluated_model(project: Project, name: str, words: bool, least: float) -> None:
    exported(name, project.root, words)
    began = project.scons(f"new={name}", f"data={name}.csv")
    assert began.status == 0, began.out + began.err
    command = next(line for line in began.out.splitlines() if line.startswith("next")).split()
    assert command == ["next", "./scons", f"model={name}", "flash", "evaluate"]
    run = project.scons(*command[2:])
    assert run.status == 0, run.out + run.err
    report = json.loads((project.root / f"build/{name}/report.json").read_text())
    assert report["accuracy"]["board"] >= least
    assert "answers equal byte for byte" in run.out


def test_new_goes_alone(project: Project) -> None:
    run = project.scons("new=x", "data=x.csv", "flash")
    assert (run.status, run.err) == (
        2,
        "scons: error: new= goes alone: first the manifest, then ./scons model=… builds it\n",
    )


def test_a_dry_run_writes_nothing(project: Project) -> None:
    exported("iris", project.root)
    run = project.scons("new=iris", "data=iris.csv", "-n")
    assert run.status == 0 and "models/iris.yaml" in run.out
    assert not (project.root / "models/iris.yaml").exists()
