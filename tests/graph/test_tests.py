"""``./scons test``: pytest's last line is the last line, pytest's exit status is the exit status."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graph.project import ROOT, Project


@pytest.mark.parametrize(("body", "status"), [("assert True", 0), ("assert False", 1)])
def test(fresh: Project, body: str, status: int) -> None:
    (fresh.root / "tests").mkdir()
    (fresh.root / "tests/test_x.py").write_text(f"def test_x():\n    {body}\n", encoding="utf-8")
    run = fresh.scons("test")
    assert run.status == status
    assert re.match(r"=*\s*1 (passed|failed) in .*s", run.out.splitlines()[-1])


def test_no_tests_found(fresh: Project) -> None:
    (fresh.root / "tests").mkdir()
    assert fresh.scons("test").status == 5


def test_some_of_them(fresh: Project) -> None:
    (fresh.root / "tests").mkdir()
    for name in ("a", "b", "c"):
        (fresh.root / f"tests/test_{name}.py").write_text("def test():\n    pass\n", encoding="utf-8")
    run = fresh.scons("test", "only=tests/test_a.py,tests/test_c.py")
    assert run.status == 0
    assert "2 passed" in run.out.splitlines()[-1]


def test_a_missing_browser_is_installed(tmp_path: Path) -> None:
    """apt-get and sudo are stand-ins that write down what they were asked for."""
    (tmp_path / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n', encoding="utf-8")
    (tmp_path / "sudo").write_text('#!/bin/sh\nshift\nexec "$@"\n', encoding="utf-8")
    (tmp_path / "true").write_text("#!/bin/sh\n", encoding="utf-8")
    for name in ("apt-get", "sudo", "true"):
        (tmp_path / name).chmod(0o755)
    command = [sys.executable, str(ROOT / "site_scons/test_packages.py")]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked == ["-q update", "-q install -y chromium chromium-driver zsh avrdude"]


def test_a_build_asks_for_no_browser(fresh: Project) -> None:
    assert "test_packages" not in fresh.scons("model=sensor_and", "-n").out
    (fresh.root / "tests/report").mkdir(parents=True)
    (fresh.root / "tests/report/test_x.py").write_text("def test():\n    pass\n", encoding="utf-8")
    assert "test_packages" in fresh.scons("test", "-n").out
    assert "test_packages" in fresh.scons("test", "only=tests/report", "-n").out
    assert "test_packages" not in fresh.scons("test", "only=tests/graph", "-n").out
