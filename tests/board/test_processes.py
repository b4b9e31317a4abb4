"""The board's verbs as processes: what Ctrl-C and an end without warning leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.board.conftest import Model
from tests.board.tiny_chip import ROOT
from toolchain.report import status


def start(*words: str, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toolchain", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=pipe, stderr=pipe, **more)  # type: ignore[call-overload,no-any-return]


def test_ctrl_c_ends_an_evaluation_and_keeps_what_it_measured(model: Model, tmp_path: Path) -> None:
    """Ctrl-C goes to every process at the terminal: the evaluation and its board."""
    output = tmp_path / "evaluation.json"
    reader, writer = os.pipe()
    words = model.arguments("--output", str(output), "--samples", "100")
    environment = {**os.environ, status.VARIABLE: str(writer)}
    process = start("evaluate", *words, env=environment, pass_fds=[writer], start_new_session=True)
    os.close(writer)
    with os.fdopen(reader) as news:
        next(line for line in news if " of 100, " in line)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    found = json.loads(output.read_text(encoding="utf-8"))
    assert 0 < found["samples"] < 100
    assert found["complete"] is False


def test_a_board_goes_when_whoever_started_it_goes() -> None:
    process = start("board")
    assert process.stdout is not None
    line = next(line for line in process.stdout if "serial line" in line)
    port = Path(line.split("port=")[1].strip())
    assert port.is_symlink()
    process.kill()
    process.wait()
    until = time.monotonic() + 30
    while port.parent.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not port.parent.exists()


def test_a_failure_is_one_message_and_status_2(model: Model) -> None:
    process = start("flash", *model.arguments("--port", "/dev/nowhere"))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("error: there is no port /dev/nowhere; ")
    assert len(said.splitlines()) == 1
