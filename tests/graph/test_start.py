"""The start is light: what the graph's reading imports, and what a build with nothing to do takes."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.graph.project import Project

HEAVY = {"numpy", "tensorflow", "keras", "h5py", "jsonschema", "rich", "elftools", "yasimavr", "serial", "pytest"}


def test_imports(built: Project) -> None:
    command = built.command("model=all", "-n")
    done = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        cwd=built.root,
        env=built.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "SCons" in imported  # the list is one
    assert imported & HEAVY == set()


def test_a_build_with_nothing_to_do(built: Project, tmp_path: Path) -> None:
    """At most three times as long as SCons needs for a project without anything in it (medians of one run)."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "SConstruct").write_text("Default(Command('x', [], Touch('$TARGET')))\n", encoding="utf-8")
    environment = built.environment()
    del environment["PYTHONDONTWRITEBYTECODE"]  # a user's second start has compiled modules

    def seconds(folder: Path, *arguments: str) -> float:
        began = time.perf_counter()
        command = [sys.executable, "-m", "SCons", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - began

    pairs = [(seconds(empty), seconds(built.root, "model=sensor_and", "cache=off")) for _ in range(8)][1:]
    nothing, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    assert ours <= 3 * nothing, f"{ours:.3f} s against {nothing:.3f} s"


@pytest.mark.parametrize(
    "more", [["quantization.quantize_stage"], ["training.train_stage", "training.trainer", "training.checkpoint"]]
)
def test_a_module_that_a_stage_imports_is_known(built: Project, more: list[str]) -> None:
    """The scanner's list of modules holds at least what Python really imports for the stage (the first)."""
    program = "import sys; " + "; ".join(f"import toolchain.{module}" for module in more)
    program += "; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=built.root, capture_output=True, text=True, check=True)
    from toolchain.graph import imports

    files = imports.closure(f"toolchain.{more[0]}", built.root)
    known = {re.sub(r"(/__init__)?\.py$", "", file).replace("/", ".") for file in files}
    really = {name for name in done.stdout.split() if name.partition(".")[0] == "toolchain"}
    assert really <= known
