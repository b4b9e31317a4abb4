"""Ctrl-C: children stop, nothing half-written stays, and the next build goes on."""

from __future__ import annotations

import os
import signal

import pytest

from tests.graph.project import Project

MANIFEST = "models/sensor_and.yaml"


@pytest.mark.parametrize("to_all", [True, False], ids=["terminal", "kill"])
def test_during_training(built: Project, to_all: bool) -> None:
    """A terminal sends Ctrl-C to every process in the foreground, ``kill -INT`` to SCons only."""
    built.edit(MANIFEST, "epochs: 20", "epochs: 100000")
    process = built.started("model=sensor_and")
    assert process.stdout is not None
    for line in process.stdout:
        if "-m toolchain train" in line:
            break
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)  # all the epochs would take hours
    assert process.returncode == 2
    assert out.splitlines()[-1].startswith("stopped    sensor_and")
    assert "Traceback" not in out + err
    folder = built.root / "build/sensor_and"
    assert not (folder / "model.h5").exists()
    assert not list(folder.glob(".*.partial"))

    built.edit(MANIFEST, "epochs: 100000", "epochs: 20")
    again = built.scons("model=sensor_and")
    assert again.status == 0, again.out + again.err
    assert again.stages == ["train"]
