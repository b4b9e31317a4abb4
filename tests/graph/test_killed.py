"""A build that is killed, at any stage and at the worst moment: the next one makes the right thing, without cleaning.

The stages run from a copy of the project in which ``python -m toolchain`` and avr-gcc are made to kill the build (with
SIGKILL, so that SCons can write nothing down) just before or just after the stage that a variable names.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.graph.project import Project
from toolchain.memory.compiler import avr_gcc

MANIFEST = "models/sensor_and.yaml"
BUILD = "model=sensor_and"
TARGETS = {
    "dataset": "build/datasets/*.npz",
    "train": "build/sensor_and/model.h5",
    "quantize": "build/sensor_and/quantized.npz",
    "generate": "build/sensor_and/network.c",
    "memory": "build/sensor_and/memory.json",
    "latency": "build/sensor_and/latency.json",
    "accuracy": "build/sensor_and/accuracy.json",
    "budget": "build/sensor_and/report.json",
}
STAGE_KILLS = """
import os as _os, signal as _signal, atexit as _atexit
def _kill():
    if _os.environ.get("TEST_KILL") == f"{_when} {sys.argv[1]}":
        _os.kill(_os.getppid(), _signal.SIGKILL)
_when = "before"
_kill()
_when = "after"
_atexit.register(_kill)
"""
COMPILER_KILLS = """#!/bin/sh
case "$*" in *"-o $TEST_KILL"*)
    echo "half of it" > "$TEST_KILL"
    kill -9 $PPID
    exit 1 ;;
esac
exec {real} "$@"
"""


def lethal(project: Project) -> Project:
    """Make the project's stages obey TEST_KILL. No stage's result depends on ``__main__``."""
    after = "from toolchain.report import status\n"
    project.edit("toolchain/__main__.py", after, after + STAGE_KILLS)
    return project


def tear(project: Project, pattern: str) -> None:
    for path in project.root.glob(pattern):
        path.unlink()


def finish(project: Project, reference: Project) -> None:
    """The next build succeeds, its results are right, and nothing is left lying about."""
    run = project.scons(BUILD)
    assert run.status == 0, run.out + run.err
    assert project.results("sensor_and") == reference.results("sensor_and")
    assert not list((project.root / "build").rglob("*.partial"))
    assert project.scons(BUILD).stages == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("verb", TARGETS)
def test_stage(built: Project, built_once: Project, verb: str, moment: str) -> None:
    lethal(built)
    tear(built, TARGETS[verb])
    run = built.scons(BUILD, TEST_KILL=f"{moment} {verb}")
    assert run.status == -signal.SIGKILL
    finish(built, built_once)


@pytest.mark.parametrize("target", ["build/sensor_and/obj/network.c.o", "build/sensor_and/firmware.elf"])
def test_compiler(built: Project, built_once: Project, tmp_path: Path, target: str) -> None:
    compiler = tmp_path / "avr-gcc"
    compiler.write_text(COMPILER_KILLS.format(real=avr_gcc()), encoding="utf-8")
    compiler.chmod(0o755)
    tear(built, target)
    run = built.scons(BUILD, TEST_KILL=target, AVR_GCC=str(compiler))
    assert run.status == -signal.SIGKILL
    assert (built.root / target).read_text() == "half of it\n"
    finish(built, built_once)


@pytest.mark.parametrize(
    ("verb", "old", "new"),
    [
        ("train", "seed: 1", "seed: 2"),
        ("quantize", "calibration: 1000", "calibration: 4"),
        ("budget", "48 KiB", "40 KiB"),
    ],
)
def test_an_edit_that_is_taken_back_after_the_kill(
    built: Project, built_once: Project, verb: str, old: str, new: str
) -> None:
    """SCons remembers the build before the edit; what lies on the disk was made after it."""
    lethal(built)
    built.edit(MANIFEST, old, new)
    run = built.scons(BUILD, TEST_KILL=f"after {verb}")
    assert run.status == -signal.SIGKILL
    built.edit(MANIFEST, new, old)
    finish(built, built_once)


def test_what_a_killed_build_started_does_not_outlive_it(built: Project) -> None:
    """A training that goes on would overwrite what the next build makes."""
    lethal(built)
    tear(built, TARGETS["train"])
    assert built.scons(BUILD, TEST_KILL="before train").status == -signal.SIGKILL
    assert built.scons(BUILD).status == 0  # waits for the lock, which the training holds for as long as it lives
    inside = [each for each in processes() if str(built.root) in each]
    assert inside == []


def processes() -> list[str]:
    """The working folders of all processes that we may look at."""
    folders = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                folders.append(str((each / "cwd").readlink()))
            except OSError:
                continue
    return folders
