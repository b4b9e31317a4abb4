"""A study that was stopped or extended: what has been trained is not trained again, and the end is the same."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.engine.clusters import cluster
from tests.graph.project import Project, Run

WIDTHS = "[2, 3, 4, 5]"
STUDY = """\
study: tiny
description: "Program memory of 2-W-4-1 by its width"
base: ../models/sensor_and.yaml
set: {training.epochs: EPOCHS}
axes:
  width: {path: network.0.dense.units, values: WIDTHS, title: width}
measure:
  program: {field: program.used, title: program memory, unit: B}
table:
  columns: [width, program]
"""
OUTPUT = re.compile(r"-m toolchain train .*--output (\S+/model\.h5)")
FINISHED = re.compile(r"^train +(\S+/model\.h5)", re.MULTILINE)


def write(project: Project, widths: str = WIDTHS, epochs: int = 20) -> None:
    path = project.root / "studies/tiny.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(STUDY.replace("WIDTHS", widths).replace("EPOCHS", str(epochs)), encoding="utf-8")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, built in one go (with a cache beside it). Tests must not change it."""
    folder = tmp_path_factory.mktemp("origin")
    project = Project.copied(folder / "project")
    write(project)
    run = project.scons("study=tiny", cache=str(folder / "cache"))
    assert run.status == 0, run.out + run.err
    assert len(trainings(run.out)) == 4
    return project


@pytest.fixture
def home(tmp_path: Path, origin: Project) -> Project:
    project = Project.copied(tmp_path / "home", origin.root)
    write(project)
    return project


def trainings(out: str) -> list[str]:
    """The model files whose training was begun."""
    return OUTPUT.findall(out)


def results(project: Project) -> dict[str, bytes]:
    """All files of the study, and all trained networks."""
    build = project.root / "build/studies"
    paths = [path for path in sorted(build.rglob("*")) if path.is_file() and path.suffix not in (".png", ".svg")]
    return {str(path.relative_to(build)): path.read_bytes() for path in paths}


def stopped(project: Project, cache: str, how: signal.Signals) -> str:
    """A build that is stopped in the middle of its third training; returns what it wrote."""
    build = project.started("study=tiny", cache=cache)
    assert build.stdout is not None
    out = ""
    for line in build.stdout:
        out += line
        if len(trainings(out)) == 3:
            os.killpg(build.pid, how)
            break
    out += build.stdout.read()
    assert build.wait() == (2 if how == signal.SIGINT else -how)
    return out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_no_point_is_trained_twice(home: Project, origin: Project, tmp_path: Path, how: signal.Signals) -> None:
    cache = str(tmp_path / "cache")
    before = stopped(home, cache, how)
    done = set(FINISHED.findall(before))
    assert len(done) >= 2
    run = home.scons("study=tiny", cache=cache)
    assert run.status == 0, run.out + run.err
    every = {str(path.relative_to(origin.root)) for path in origin.root.glob("build/studies/trained/*/model.h5")}
    assert len(every) == 4
    assert sorted(trainings(run.out)) == sorted(every - done)
    assert results(home) == results(origin)
    assert not list((home.root / "build").rglob("*.partial"))


def test_an_added_value_trains_the_new_point_only(home: Project, origin: Project, tmp_path: Path) -> None:
    cache = str(origin.root.parent / "cache")
    assert trained(home.scons("study=tiny", cache=cache)) == 0
    write(home, "[2, 3, 4, 5, 6]")
    assert trained(home.scons("study=tiny", cache=cache)) == 1
    write(home, "[3, 6]")
    assert trained(home.scons("study=tiny", cache=cache)) == 0
    assert len((home.root / "build/studies/tiny/tiny.csv").read_text().splitlines()) == 1 + 2


def trained(run: Run) -> int:
    assert run.status == 0, run.out + run.err
    return len(trainings(run.out))


def test_several_at_once(home: Project, origin: Project, tmp_path: Path) -> None:
    assert trained(home.scons("study=tiny", "-j4", cache=str(tmp_path / "cache"))) == 4
    assert results(home) == results(origin)


def test_on_a_cluster_with_a_worker_that_is_killed(home: Project, origin: Project, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as found:
        for _ in range(2):
            found.add(origin)
        build = home.started(*found.arguments("study=tiny"), cache=found.cache)
        assert build.stdout is not None
        out = ""
        for line in build.stdout:
            out += line
            if FINISHED.search(out) and len(found.workers) == 2:
                found.workers.pop(0).kill()
        assert build.wait() == 0, out
    assert results(home) == results(origin)
