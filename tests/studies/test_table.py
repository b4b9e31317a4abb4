"""The tables of the studies of this repository on terminals of 80 and 120 columns, from their published results."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.graph.project import ROOT
from tests.studies.test_results import CHOSEN, RESULTS
from toolchain.errors import GoldcrestError
from toolchain.studies import stored, study_stage, table
from toolchain.studies.publish_stage import declared
from toolchain.studies.rows import as_csv


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@cache
def published(name: str) -> tuple[dict[str, Any], Path]:
    return declared(Path(f"studies/{name}.yaml")), RESULTS / name / f"{name}.csv"


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_rows_read_back_are_the_rows_that_were_written(name: str) -> None:
    study, path = published(name)
    assert as_csv(study, stored.rows(study, path)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(CHOSEN))
@pytest.mark.parametrize("width", [80, 120])
def test_a_table_fits_the_terminal_and_says_what_it_lacks(name: str, width: int) -> None:
    study, path = published(name)
    drawn = table.make(study, stored.rows(study, path))
    text = table.as_text(drawn, name, width, False, Path("all.txt"))
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    shown, _, said = text.partition("For want of room: ")
    said = " ".join(said.partition("The whole table")[0].split())
    assert (said != "") == ("all.txt" in text)
    for heading, cells, rank in zip(drawn.headings, zip(*drawn.short, strict=True), drawn.ranks, strict=True):
        missing = rank > 0 and heading in said
        assert missing or all(cell in shown for cell in cells), heading
    for line, short in zip(drawn.cells, drawn.short, strict=True):
        assert "means only" in said or all(cell in shown for cell in line if cell not in short)


def test_the_file_has_the_whole_table() -> None:
    study, path = published("relative_accuracy")
    drawn = table.make(study, stored.rows(study, path))
    text = table.as_text(drawn, "relative_accuracy", None, False, Path("all.txt"))
    assert all(heading in text for heading in drawn.headings)
    assert all(cell in text for cells in drawn.cells for cell in cells)
    assert "want of room" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1234567, "1,234,567"),
        (12.3456, "12.35"),
        (0.98765, "0.9877"),
        (0.00001234, "0.00001234"),
        (2.0, "2"),
    ],
)
def test_a_figure_without_declared_decimals_has_about_four_digits(value: float | None, text: str) -> None:
    assert table.formatted(value, {}) == text


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_published_tables_are_those_of_today(name: str) -> None:
    """Who changes how tables look publishes them again: ``python -m toolchain publish NAME --redraw``."""
    study, path = published(name)
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    made = study_stage.page(study, table.make(study, stored.rows(study, path)))
    assert page.startswith(made.rstrip() + "\n\n`./scons study=")


def test_drawing_again_keeps_the_figures_and_their_origin(tmp_path: Path) -> None:
    folder = tmp_path / "frontier"
    shutil.copytree(RESULTS / "frontier", folder)
    page = (folder / "frontier.md").read_text(encoding="utf-8")
    (folder / "frontier.md").write_text("# Another table\n\n" + page.rstrip().rpartition("\n")[2], encoding="utf-8")
    for suffix in ("svg", "png"):
        (folder / f"frontier.{suffix}").unlink()
    command = [sys.executable, "-m", "toolchain", "publish", "frontier", "--redraw", "--results", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert (folder / "frontier.md").read_text(encoding="utf-8") == page
    assert (folder / "frontier.csv").read_bytes() == (RESULTS / "frontier" / "frontier.csv").read_bytes()
    assert {path.suffix for path in folder.iterdir()} == {".csv", ".md", ".svg", ".png"}


def test_what_was_never_published_cannot_be_drawn_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolchain", "publish", "frontiers", "--redraw", "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no published study `frontiers` to draw again" in done.stderr
    assert "Traceback" not in done.stderr


def test_figures_of_other_points_are_not_taken(tmp_path: Path) -> None:
    study, path = published("frontier")
    other = tmp_path / "frontier.csv"
    other.write_text(path.read_text(encoding="utf-8").replace("mnist_cnn_2k", "mnist_cnn_3k"), encoding="utf-8")
    with pytest.raises(
        GoldcrestError, match="not the points and measures of the study frontier as it is now; delete it and run"
    ):
        stored.rows(study, other)
