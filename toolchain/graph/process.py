"""Runs one command of the build: reads its status pipe and its output, and ends it when the build is stopped."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from toolchain.report import status

GRACE = 5.0  # seconds between asking a command to stop and killing it


@dataclass
class Listener:
    """Who hears of a running command; every function may be called many times, from the thread that runs it."""

    message: Callable[[dict[str, Any]], None]  # a line of the status pipe
    output: Callable[[str], None]  # whole lines of standard output
    stopped: Callable[[], bool]  # has the build been interrupted?


@dataclass
class _Stream:
    receive: Callable[[str], None]
    pending: bytes = field(default=b"")

    def feed(self, data: bytes) -> None:
        """Pass on whole lines only; at the end (no data) whatever is left."""
        whole, newline, rest = (self.pending + data).rpartition(b"\n")
        self.pending = rest
        if newline:
            self.receive((whole + newline).decode(errors="replace"))
        if not data and rest:
            self.receive(rest.decode(errors="replace") + "\n")


class Running(Protocol):
    """A command under way. Whoever follows it closes its streams and waits for it."""

    stdout: IO[bytes]
    stderr: IO[bytes]
    news: IO[bytes]  # the reading end of its status pipe

    def signal(self, number: signal.Signals) -> None:
        """Send it, and what it started, a signal; none if it has ended."""

    def wait(self) -> int:
        """Its exit status; negative if a signal ended it."""


class Started:
    """A shell command line in a process group of its own.

    ``keep_open`` is a descriptor (the build's lock) that the command inherits: should the build be killed, the lock
    stays held for as long as something it started may still write. ``folder`` is where it runs.
    """

    def __init__(
        self, command: str, environment: Mapping[str, str], keep_open: int | None = None, folder: str | None = None
    ) -> None:
        listening, telling = os.pipe()
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=folder,
            env={**environment, status.VARIABLE: str(telling)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[telling] if keep_open is None else [telling, keep_open],
            process_group=0,  # Ctrl-C comes through us, once: a second one would break off the cleaning up
        )
        os.close(telling)
        assert self._process.stdout is not None and self._process.stderr is not None
        self.stdout: IO[bytes] = self._process.stdout
        self.stderr: IO[bytes] = self._process.stderr
        self.news: IO[bytes] = os.fdopen(listening, "rb")

    def signal(self, number: signal.Signals) -> None:
        signal_group(self._process.pid, number)

    def wait(self) -> int:
        return self._process.wait()


def run(
    command: str,
    environment: Mapping[str, str],
    listener: Listener,
    keep_open: int | None = None,
    folder: str | None = None,
) -> tuple[int, str]:
    """Run a shell command line (see ``Started``); returns its exit status and all that it wrote to standard error."""
    return follow(Started(command, environment, keep_open, folder), listener)


def follow(running: Running, listener: Listener) -> tuple[int, str]:
    """Hear a command out; returns its exit status and all that it wrote to standard error."""
    errors: list[str] = []

    def tell(lines: str) -> None:
        for line in lines.splitlines():
            listener.message(json.loads(line))

    asked_to_stop: float | None = None
    with selectors.DefaultSelector() as selector, running.stdout, running.stderr, running.news:
        selector.register(running.stdout, selectors.EVENT_READ, _Stream(listener.output))
        selector.register(running.stderr, selectors.EVENT_READ, _Stream(errors.append))
        selector.register(running.news, selectors.EVENT_READ, _Stream(tell))
        while selector.get_map():
            for key, _ in selector.select(timeout=0.2):
                data = os.read(key.fd, 65536)
                key.data.feed(data)
                if not data:
                    selector.unregister(key.fileobj)
            if listener.stopped():
                if asked_to_stop is None:
                    asked_to_stop = time.monotonic()
                    running.signal(signal.SIGINT)
                elif time.monotonic() - asked_to_stop > GRACE:
                    running.signal(signal.SIGKILL)
    return running.wait(), "".join(errors)


def attend(command: str, environment: Mapping[str, str], stopped: Callable[[], bool]) -> int:
    """Run a command that has the terminal to itself, and its Ctrl-C too; returns its exit status."""
    process = subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], env=environment)
    since: float | None = None
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=0.2)
        if stopped():
            since = since or time.monotonic()
            if time.monotonic() - since > GRACE:
                process.kill()
            elif time.monotonic() - since > 1.0:  # whoever stopped us did not reach the command
                process.terminate()


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process and all that it started; nothing if it has ended by itself just now."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
