"""``--help`` on one screen, and on one target."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.graph.project import Project
from toolchain.graph import listing
from toolchain.graph.arguments import ARGUMENTS, Argument


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project in which nothing was ever built."""
    return Project.copied(tmp_path / "project")


def test_it_fits_on_a_screen_and_leaves_nothing_out(fresh: Project) -> None:
    run = fresh.scons("--help")
    assert run.status == 0, run.err
    lines = run.out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    assert set(re.findall(r"\b(\w+)=", run.out.replace("[option=value …]", ""))) == {
        argument.name for argument in ARGUMENTS
    }
    assert all(f"\n  {target} " in run.out for target in ("build", "report", "explain", "compare", "test"))


def test_the_list_fits_80_columns(fresh: Project) -> None:
    run = fresh.scons()
    assert run.status == 0
    assert max(map(len, run.out.splitlines())) <= 80
    assert run.out.endswith("options: ./scons --help\n")


def test_one_target(fresh: Project) -> None:
    out = fresh.scons("--help", "bench").out
    assert "accept=1             bench stores its figures" in out
    assert "model=A,B" in out
    assert "programmer=" not in out


def test_help_is_a_word_too(fresh: Project) -> None:
    assert fresh.scons("help").out == fresh.scons("--help").out
    assert fresh.scons("help", "bench").out == fresh.scons("--help", "bench").out


@pytest.mark.parametrize("target", ["compare", "worker"])
def test_targets_that_want_more_have_help_without_it(fresh: Project, target: str) -> None:
    run = fresh.scons("--help", target)
    assert (run.status, run.err) == (0, "")
    assert run.out.startswith(f"  {target} ")


def test_options_are_grouped_by_their_targets() -> None:
    options = [Argument("a", "A", "", of=("x", "y")), Argument("b", "B", ""), Argument("c", "C", "", of=("x", "y"))]
    assert listing.help_on_all({"x": "does x", "y": "does y"}, options)[1:] == [
        "  x                    does x",
        "  y                    does y",
        "options for                               --help TARGET says what they mean",
        "  x, y        a=A c=C",
        "  every build b=B",
    ]


def test_every_option_s_target_exists(fresh: Project) -> None:
    known = set(re.findall(r"^  (\w+) ", fresh.scons().out, re.MULTILINE))
    assert {target for argument in ARGUMENTS for target in argument.of} <= known
