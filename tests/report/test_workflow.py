"""The workflow's own lines, run here: two checkouts with reports, and stand-ins for ./scons and gh."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.graph.project import ROOT
from tests.report.test_compare import OLD, changed
from toolchain.report.markdown import MARKER

WORKFLOW = ROOT / ".github/workflows/models.yml"
GH = """\
#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in *--paginate*) echo "$FOUND" ;; esac
"""


@pytest.fixture
def steps() -> list[dict[str, Any]]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["models"]["steps"]


def run(step: dict[str, Any], folder: Path, **environment: str) -> None:
    command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
    where = folder / step.get("working-directory", ".")
    done = subprocess.run(command, cwd=where, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("found", ["", "123"])
def test_its_steps(steps: list[dict[str, Any]], tmp_path: Path, found: str) -> None:
    by_name = {step["name"]: step for step in steps if "name" in step}
    for side, report in (("base", OLD), ("head", changed(program__used=28000))):
        (tmp_path / side).mkdir()
        (tmp_path / side / "requirements.lock").write_text("same", encoding="utf-8")
        made = json.dumps(report)
        script = f"#!/bin/sh\nmkdir -p build/one\ncat > build/one/report.json <<'E'\n{made}\nE\n"
        (tmp_path / side / "scons").write_text(script, encoding="utf-8")
        (tmp_path / side / "scons").chmod(0o755)
    (tmp_path / "head/.venv").symlink_to(ROOT / ".venv")
    (tmp_path / "head/toolchain").symlink_to(ROOT / "toolchain")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH, encoding="utf-8")
    (tmp_path / "bin/gh").chmod(0o755)
    summary, log = tmp_path / "summary.md", tmp_path / "log"
    run(by_name["Build the pull request"], tmp_path)
    run(by_name["Build the base"], tmp_path)
    assert (tmp_path / "base/.venv").resolve() == (ROOT / ".venv").resolve()
    run(by_name["Compare"], tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert "28,000 B (**+106 B**)" in summary.read_text(encoding="utf-8")
    given = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "LOG": str(log), "FOUND": found}
    run(by_name["Comment"], tmp_path, REPOSITORY="some/one", NUMBER="7", **given)
    wanted = f"api -X PATCH repos/some/one/issues/comments/{found}" if found else "api repos/some/one/issues/7/comments"
    assert log.read_text(encoding="utf-8").splitlines()[1] == f"{wanted} -F body=@models.md"


def test_it_finds_its_own_comment_again(steps: list[dict[str, Any]], tmp_path: Path) -> None:
    comment = next(step["run"] for step in steps if step.get("name") == "Comment")
    assert re.search(r'startswith\("(.*?)"\)', comment)[1] == MARKER  # type: ignore[index]


def test_a_model_that_does_not_fit_fails_it_after_the_comment(steps: list[dict[str, Any]]) -> None:
    names = [step.get("name") for step in steps]
    assert names.index("Comment") < names.index("Do all models build and fit?")
    last = steps[-1]
    assert last["if"] == "steps.head.outcome != 'success'"
    assert subprocess.run(["bash", "-c", last["run"]], capture_output=True).returncode == 1
    head = next(step for step in steps if step.get("id") == "head")
    assert head["continue-on-error"] and "-k" in head["run"]
