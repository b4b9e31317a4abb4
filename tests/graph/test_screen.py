"""What the terminal shows."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import pytest

from tests.graph.project import ROOT
from toolchain.graph import process
from toolchain.report.console import Screen


def plain() -> tuple[Screen, io.StringIO]:
    stream = io.StringIO()
    return Screen(stream, live=False), stream


def test_a_finished_stage_is_one_line() -> None:
    screen, stream = plain()
    key = screen.begin("train", "build/m/model.h5")
    screen.message(key, {"text": "epoch 1/2", "fraction": 0.5})
    screen.message(key, {"done": "accuracy 94.4 %"})
    screen.end(key, True, "a warning that nobody needs")
    assert stream.getvalue() == "train      build/m/model.h5                      accuracy 94.4 %\n"


def test_a_quiet_screen_tells_of_failures_only(capsys: pytest.CaptureFixture[str]) -> None:
    screen, stream = plain()
    screen.quiet = True
    screen.end(screen.begin("train", "build/m/model.h5"), True, "")
    key = screen.begin("link", "build/m/firmware.elf")
    screen.output(key, "a table\n")
    screen.end(key, False, "error: line 1\n")
    assert (stream.getvalue(), capsys.readouterr().err) == ("", "error: line 1\n")


def test_a_failed_stage_shows_all_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    screen, stream = plain()
    key = screen.begin("train", "build/m/model.h5")
    screen.end(key, False, "error: line 1\nline 2\n")
    assert stream.getvalue() == "train      build/m/model.h5                      failed\n"
    assert capsys.readouterr().err == "error: line 1\nline 2\n"


def test_a_stage_that_shows_something_itself_has_no_line() -> None:
    screen, stream = plain()
    key = screen.begin("budget", "build/m/report.json")
    screen.output(key, "program  [=====.....]\n")
    screen.end(key, True, "")
    assert stream.getvalue() == "program  [=====.....]\n"


def test_a_quiet_stage_speaks_only_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    screen, stream = plain()
    screen.end(screen.begin("compile", "a.o"), True, "", quiet=True)
    assert stream.getvalue() == ""
    screen.end(screen.begin("compile", "a.o"), False, "", quiet=True)
    assert "failed" in stream.getvalue()


def test_live_lines_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    screen = Screen(stream, live=True)
    key = screen.begin("train", "build/a_model_with_a_rather_long_name/model.h5")
    screen.message(key, {"text": "epoch 3/10, and quite some words about it that do not fit", "fraction": 0.3})
    screen.end(key, True, "")
    screen.line("ok", "a_model in 1.0 s")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert max(len(line) for line in re.split(r"[\r\n]", shown)) <= 80
    assert "\x1b[1m" not in stream.getvalue().replace("\x1b[1m\x1b", "")
    assert "ok         a_model in 1.0 s" in shown


@pytest.mark.parametrize("live", [True, False])
def test_on_a_narrow_terminal_the_text_of_a_line_goes_below_it(monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    screen = Screen(stream, live)
    screen.line("train", "build/m/model.h5", "accuracy 94.4 %")
    screen.line(
        "evaluate", "build/m/evaluation.json", "93.00% on the chip, 1,000 of 1,000 answers equal to the reference"
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert [line.rstrip() for line in shown.splitlines()] == [
        "train      build/m/model.h5                      accuracy 94.4 %",
        "evaluate   build/m/evaluation.json",
        "           93.00% on the chip, 1,000 of 1,000 answers equal to the reference",
    ]
    assert screen.environment() == {"COLUMNS": "80"}


def run(program: str, **more: object) -> tuple[int, str, list[dict[str, object]], str]:
    messages: list[dict[str, object]] = []
    shown: list[str] = []
    listener = process.Listener(messages.append, shown.append, lambda: False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    status, errors = process.run(f"{sys.executable} -c '{program}'", environment, listener, None)
    return status, errors, messages, "".join(shown)


def test_a_stage_is_heard_over_its_pipe() -> None:
    program = 'from toolchain.report import status; status.update("half", 0.5); status.done("all"); print("shown")'
    assert run(program) == (0, "", [{"text": "half", "fraction": 0.5}, {"done": "all"}], "shown\n")


def test_exit_status_and_errors_of_a_command() -> None:
    status, errors, _, shown = run('import sys; print("no end of line", end="", file=sys.stderr); sys.exit(3)')
    assert (status, errors, shown) == (3, "no end of line\n", "")


def test_long_output_does_not_block() -> None:
    status, errors, _, shown = run('import sys; print("x" * 300000); print("y" * 300000, file=sys.stderr)')
    assert (status, len(shown), len(errors)) == (0, 300001, 300001)


def test_a_command_is_told_to_stop() -> None:
    listener = process.Listener(lambda message: None, lambda text: None, lambda: True)
    endless = "import signal; signal.sigwait({signal.SIGINT}) if signal.pthread_sigmask(0, {2}) is not None else 0"
    status, _ = process.run(f"{sys.executable} -c '{endless}'", os.environ, listener, None)
    assert status in (0, -2)


def test_by_hand_a_stage_speaks_to_standard_error() -> None:
    program = 'from toolchain.report import status; status.update("a", 0.1); status.update("a", 0.2); status.done("b")'
    environment = {name: value for name, value in os.environ.items() if name != "GOLDCREST_STATUS_FD"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == "a\nb\n"


def test_a_listener_that_has_gone_does_not_stop_the_work() -> None:
    program = 'from toolchain.report import status; status.update("a"); status.done("b")'
    environment = {**os.environ, "GOLDCREST_STATUS_FD": "77"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "a\nb\n")


def test_messages_are_lines_of_json() -> None:
    reading, writing = os.pipe()
    program = 'from toolchain.report import status; status.update("é\\n", 7)'
    environment = {**os.environ, "GOLDCREST_STATUS_FD": str(writing)}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, pass_fds=[writing], check=True)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert [json.loads(line) for line in pipe] == [{"text": "é\n", "fraction": 1.0}]
