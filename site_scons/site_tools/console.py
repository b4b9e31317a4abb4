"""Puts the screen between SCons and the terminal: live lines, finished lines, errors whole, one closing line."""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import engine
import SCons.Node.FS
import SCons.SConsign
import SCons.Script.Main as main
import SCons.Taskmaster.Job
from SCons.Script import COMMAND_LINE_TARGETS, GetBuildFailures, GetOption
from shared import BEGAN, BUILD, caches, option, refuse, screen

from toolchain.graph import process
from toolchain.graph.cache import SharedCache, prune

CACHE_LIMIT = 4 << 30  # bytes
RESTATED = re.compile(r"^scons: \*\*\* \[.*\] (Error -?\d+|Build interrupted\.)\n", re.MULTILINE)

lock: int | None = None  # the descriptor of the build's lock, see the manifest tool
reports: list[Any] = []  # report.json of each model of this run
tables: list[Any] = []  # the .csv of each study of this run
closing: str | None = None  # what the closing line is about; none without models
_interrupted = threading.Event()
_announced = threading.local()  # the command that this thread is about to run
_worked = _built = False
_terminal_status = 0  # of the last command that had the terminal to itself


def generate(env: Any) -> None:
    env["PRINT_CMD_LINE_FUNC"] = announce
    env["SPAWN"] = spawn
    env["ENV"] = dict(os.environ, PYTHONHASHSEED="0")
    SCons.Taskmaster.Job.InterruptState.set = interrupt
    SharedCache.listeners.append(arrived)
    main.BuildTask.failed = without_restating(main.BuildTask.failed)
    main._build_targets = noting_the_end(main._build_targets)
    check = SCons.Node.FS.diskcheck_match
    check.func = naming_what_is_in_the_way(check.func)
    atexit.register(close)


def exists(env: Any) -> bool:
    return True


def announce(command: str, target: list[Any], source: list[Any], env: Any) -> None:
    """SCons calls this before each action, in the thread that runs it."""
    if env.get("STAGE") is None:
        return  # not worth a line: plan files, aliases
    if option("verbose") == "1" or GetOption("no_exec"):
        screen.write(f"{command}\n")
    _announced.now = (env, target)


def arrived(targets: Sequence[Any]) -> None:
    """What a command makes has come from the cache: it says what the command itself would have shown."""
    work_was_done()
    first, env = targets[0], targets[0].get_build_env()
    if not env.get("QUIET"):
        screen.line(env["STAGE"], str(first), "from the cache")
    if not GetOption("no_exec"):
        show_bars(report for report in reports if report is first)
        show_tables(table for table in tables if table is first)


def spawn(shell: str, escape: Any, command: str, words: list[str], environment: dict[str, str]) -> int:
    global _terminal_status
    work_was_done()
    env, target = _announced.now
    line = " ".join(words)
    if env.get("TERMINAL"):  # an interactive command (the tests) has the terminal to itself
        screen.pause()
        _terminal_status = process.attend(line, environment, _interrupted.is_set)
        return _terminal_status
    if engine.blanked(target, env):
        return 0
    key = screen.begin(env["STAGE"], str(target[0]))
    listener = process.Listener(
        lambda message: screen.message(key, message), lambda text: screen.output(key, text), _interrupted.is_set
    )
    job = engine.job(line, {**environment, **screen.environment()}, target, env)
    status, errors = engine.current(lock).run(job, listener)
    if _interrupted.is_set():
        screen.drop(key)
    else:
        screen.end(key, status == 0, errors, bool(env.get("QUIET")))
    return status


def work_was_done() -> None:
    global _worked
    _worked = True


def interrupt(state: Any) -> None:
    """Ctrl-C: SCons starts no more commands, and those that run are told to stop."""
    state.interrupted = True
    _interrupted.set()


def without_restating(failed: Any) -> Any:
    """After a command has said what is wrong SCons adds ``*** [target] Error 2``: drop that, keep what else it says."""

    def wrapped(task: Any) -> None:
        said = io.StringIO()
        with redirect_stderr(said):
            failed(task)
        screen.complain(RESTATED.sub("", said.getvalue()))

    return wrapped


def noting_the_end(build: Any) -> Any:
    """Around SCons's building of all targets, at whose end it writes down what it knows of them.

    Under ``-s`` SCons announces no command, and by its announcement a command's stage is known: the screen is silent
    instead.
    """

    def wrapped(files: Any, options: Any, *given: Any) -> Any:
        global _built
        _built = True
        screen.quiet, options.silent = options.silent, False
        try:
            return build(files, options, *given)
        except OSError as error:
            from toolchain.files import explain

            explained = explain(error, BUILD / ".sconsign")
            if explained is None:
                raise
            for database in SCons.SConsign.DB_sync_list:
                database._needs_sync = False  # or it would try once more when the interpreter ends
            refuse(str(explained))

    return wrapped


def naming_what_is_in_the_way(match: Any) -> Any:
    """SCons has a TypeError for a folder where a file belongs, and for a file where a folder does."""

    def wrapped(node: Any, predicate: Any, text: str) -> None:
        try:
            match(node, predicate, text)
        except TypeError:
            from toolchain.files import explain

            path = Path(node.get_internal_path())
            error = OSError(errno.EISDIR if path.is_dir() else errno.ENOTDIR, "")
            refuse(str(explain(error, path, "write" if BUILD in path.parents else "read")))

    return wrapped


def close() -> None:
    """The closing line, and the exit status of the tests as it is (SCons makes 2 of every failure)."""
    screen.pause()
    engine.close(lock)
    if closing is not None and _built and not GetOption("no_exec"):
        show_verdict()
        if _worked:
            for folder in caches:
                prune(folder, CACHE_LIMIT)
    sys.stdout.flush()
    sys.stderr.flush()
    if _terminal_status > 0:
        os._exit(_terminal_status)


def show_verdict() -> None:
    seconds = f"{time.monotonic() - BEGAN:.1f} s"
    if _interrupted.is_set():
        screen.line("stopped", f"{closing} after {seconds}")
    elif GetBuildFailures() or main.exit_status:
        screen.line("failed", f"{closing} after {seconds}")
    elif GetOption("clean"):
        screen.line("ok", f"{closing} removed; trained models are kept")
    else:
        # What this run did not make anew has been shown by nobody yet.
        if not COMMAND_LINE_TARGETS or "build" in COMMAND_LINE_TARGETS:
            show_bars(report for report in reports if report.get_state() == SCons.Node.up_to_date)
        show_tables(table for table in tables if table.get_state() == SCons.Node.up_to_date)
        up_to_date = "are up to date" if "," in closing or closing.endswith(" models") else "is up to date"
        screen.line("ok", f"{closing} in {seconds}" if _worked else f"{closing} {up_to_date}")


def show_tables(shown: Iterable[Any]) -> None:
    """The tables of studies, as wide as the terminal."""
    from toolchain.report import bars
    from toolchain.studies import stored

    colour = "FORCE_COLOR" in screen.environment()
    for table in shown:
        screen.write(f"{stored.as_text(Path(table.get_internal_path()), bars.columns(), colour)}\n")


def show_bars(shown: Iterable[Any]) -> None:
    """The memory and the time that reports tell of."""
    from toolchain.report import bars

    for report in () if screen.quiet else shown:
        screen.pause()
        bars.show(json.loads(Path(report.get_internal_path()).read_text(encoding="utf-8")))
