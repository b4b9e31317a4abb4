"""The rules of style and the types hold everywhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.graph.project import ROOT


@pytest.mark.parametrize("command", [["ruff", "check", "--quiet", "."], ["mypy"]], ids=["ruff", "mypy"])
def test(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, "\n" + done.stdout + done.stderr
