"""Real runs of a small study: its results, what runs again, what a killed and an extended study train."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.graph.project import Project

TINY = """study: tiny
description: Two small networks
source: nobody's publication
base: ../models/sensor_and.yaml
set: {training.epochs: 3}
axes:
  width: {path: network.0.dense.units, values: [2, 3], title: first layer, unit: units}
  optimize: {path: target.optimize, values: [s, 1], label: "-O{}"}
measure:
  chip: {accuracy: chip, factor: 100, unit: "%"}
  keras: {accuracy: model}
  relative: {ratio: [chip, keras]}
  first: {accuracy: chip, samples: [0, 10]}
  program: {field: program.used, unit: B}
  ms: {field: latency.ms, unit: ms}
  h5: {size: model.h5}
  h5_zip: {size: model.h5, compression: zip}
  loss: {field: history.epochs.2.loss}
references:
  - {name: somebody, source: a book, points: [{width: 3, optimize: s, program: 9999}]}
table: {columns: [width, optimize, chip, program, ms]}
figure:
  panels:
    - {kind: lines, x: width, y: program, series: optimize}
"""
FILE = "studies/tiny.yaml"
FOLDER = "build/studies/tiny"
TRAINED = "build/studies/trained"


def rows(project: Project) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((project.root / FOLDER / "tiny.csv").read_text(encoding="utf-8"))))


def trained(project: Project) -> set[Path]:
    return set((project.root / TRAINED).glob("*/model.h5"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, run from scratch with a cache beside it. Tests must not change it."""
    folder = tmp_path_factory.mktemp("study")
    project = Project.copied(folder / "project")
    (project.root / FILE).write_text(TINY, encoding="utf-8")
    run = project.scons("study=tiny", "-j2", cache=str(folder / "cache"))
    assert run.status == 0, run.out + run.err
    assert run.stages.count("train") == 2  # the compiler's flag is no reason to train
    assert run.stages.count("quantize") == run.stages.count("accuracy") == 2
    assert run.stages.count("link") == run.stages.count("latency") == 4
    return project


def cache_of(project: Project) -> str:
    return str(project.root.parent / "cache")


def test_the_rows_are_what_the_builds_say(done: Project) -> None:
    found = rows(done)
    assert [(row["width"], row["optimize"]) for row in found] == [("2", "s"), ("2", "1"), ("3", "s"), ("3", "1")]
    for row in found:
        point = done.root / FOLDER / f"width-{row['width']}_optimize-{row['optimize']}"
        report = json.loads((point / "report.json").read_text(encoding="utf-8"))
        assert float(row["chip"]) == pytest.approx(100 * report["accuracy"]["quantized"])
        assert float(row["keras"]) == pytest.approx(report["accuracy"]["float"])
        assert float(row["relative"]) == pytest.approx(float(row["chip"]) / float(row["keras"]))
        assert int(row["program"]) == report["program"]["used"]
        assert float(row["ms"]) == report["latency"]["ms"]
        assert row["status"] == "built"
        assert 0 < int(row["h5_zip"]) < int(row["h5"])
        assert int(row["h5"]) in {path.stat().st_size for path in trained(done)}
        assert row["program (somebody)"] == ("9999" if (row["width"], row["optimize"]) == ("3", "s") else "")


def test_table_and_figure(done: Project) -> None:
    page = (done.root / FOLDER / "tiny.md").read_text(encoding="utf-8")
    assert "After nobody's publication." in page
    assert "| first layer, units | optimize | chip, % | program, B | somebody, B | ms, ms |" in page
    assert "| 3 | -Os |" in page
    assert "somebody: a book. Where its column is blank the figure is not known to us." in page
    assert (done.root / FOLDER / "tiny.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert (done.root / FOLDER / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_again_runs_nothing_and_shows_the_table(done: Project, tmp_path: Path) -> None:
    project = done.clone(tmp_path / "project")
    run = project.scons("study=tiny", cache=cache_of(done))
    assert (run.status, run.stages) == (0, [])
    assert "tiny is up to date" in run.out
    assert "-Os" in run.out and "somebody, B" in run.out.replace("\n", " ")


def test_another_value_trains_the_new_points_only(done: Project, tmp_path: Path) -> None:
    project = done.clone(tmp_path / "project")
    project.edit(FILE, "values: [2, 3]", "values: [2, 4, 3]")
    run = project.scons("study=tiny")
    assert run.status == 0, run.out + run.err
    assert run.stages.count("train") == 1
    assert run.stages.count("latency") == 2
    assert [row["width"] for row in rows(project)] == ["2", "2", "4", "4", "3", "3"]


def test_what_cannot_fit_is_a_row_that_says_so(done: Project, tmp_path: Path) -> None:
    """One point is refused by estimate, before it is trained; others are found too large when they are measured."""
    project = done.clone(tmp_path / "project")
    needed = [int(row["program"]) for row in rows(done)]
    budget = min(needed[2:]) - 1
    assert needed[0] <= budget
    project.edit(FILE, "set: {training.epochs: 3}", f"set: {{training.epochs: 3, target.memory.program: {budget} B}}")
    project.edit(FILE, "values: [2, 3]", "values: [2, 3, 2000]")
    run = project.scons("study=tiny", cache=cache_of(done))
    assert run.status == 0, run.out + run.err
    assert run.stages.count("train") == 0
    said = [row["status"] for row in rows(project)]
    assert said[0] == "built"
    assert said[2] == f"over budget: program memory: {needed[2]:,} B needed, {budget:,} B available"
    assert said[4].startswith("over budget: program memory: about ") and rows(project)[4]["program"] == ""
    assert f"6 points, {sum(map(budget.__lt__, needed)) + 2} over budget" in run.out


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_an_interrupted_study_goes_on(done: Project, tmp_path: Path, number: signal.Signals) -> None:
    project = Project.copied(tmp_path / "project", done.root)
    project.edit(FILE, "values: [2, 3]", "values: [2, 3, 4]")
    command = project.command("study=tiny", cache=str(tmp_path / "cache"))
    with (tmp_path / "out").open("w") as out:
        started = subprocess.Popen(command, cwd=project.root, env=project.environment(), stdout=out, stderr=out)
        until = time.monotonic() + 1200
        while not trained(project) and started.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        started.send_signal(number)
        assert started.wait(timeout=1200) != 0
    finished = len(stored(tmp_path / "cache"))
    assert len(trained(project)) < 3
    run = project.scons("study=tiny", cache=str(tmp_path / "cache"))
    assert run.status == 0, run.out + run.err
    assert run.stages.count("train") == 3 - finished
    wanted = {row["width"]: row for row in rows(done) if row["optimize"] == "s"}
    for row in rows(project):
        if row["optimize"] == "s" and row["width"] in wanted:
            assert row == wanted[row["width"]]


def stored(cache: Path) -> list[Path]:
    """Keras files that a run had put into the cache."""
    return [path for path in cache.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x89HDF"]


def test_a_training_that_diverges_is_a_row_that_says_so(done: Project, tmp_path: Path) -> None:
    """The other points are built, the exit status tells of it, and the second run trains nothing."""
    project = Project.copied(tmp_path / "project", done.root)
    axis = "  divide: {path: input.divide, values: [1, 1.0e-30]}\n  optimize: {path: target.optimize, values: [s, 1]"
    project.edit(FILE, "  optimize: {path: target.optimize, values: [s, 1]", axis)
    project.edit(FILE, "values: [2, 3]", "values: [2]")
    run = project.scons("study=tiny", "-j2", cache=str(tmp_path / "cache"))
    assert run.status == 2 and "Traceback" not in run.out + run.err
    assert run.err.startswith(
        "error: 2 of 4 points diverged (width-2_divide-1e-30_optimize-s, width-2_divide-1e-30_opt"
    )
    assert run.stages.count("train") == 2 and run.out.splitlines()[-1].startswith("failed     tiny")
    assert "binary_crossentropy is not a finite number from epoch 1" in run.out
    good, bad = rows(project)[:2], rows(project)[2:]
    assert [row["status"] for row in good] == ["built", "built"]
    for row in bad:
        assert row["status"].startswith("diverged: binary_crossentropy is not a finite number from epoch 1, step ")
        assert {row[measure] for measure in ("chip", "keras", "relative", "program", "ms", "h5", "loss")} == {""}
    alone = [row for row in rows(done) if row["width"] == "2"]
    assert [row["program"] for row in good] == [row["program"] for row in alone]
    assert "| diverged: " in (project.root / FOLDER / "tiny.md").read_text(encoding="utf-8")
    again = project.scons("study=tiny", cache=str(tmp_path / "cache"))
    assert (again.status, again.stages) == (2, ["study"])
    project.edit(FILE, "[1, 1.0e-30]", "[1, 2]")
    mended = project.scons("study=tiny", cache=str(tmp_path / "cache"))
    assert mended.status == 0 and mended.stages.count("train") == 1
    assert [row["status"] for row in rows(project)] == ["built"] * 4
