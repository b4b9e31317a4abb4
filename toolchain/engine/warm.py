"""Stages that start at once: each verb has a process that has imported all it needs, and is forked for every command.

A training forked from a process that has imported TensorFlow, but started nothing of it, begins in exactly the state in
which it would begin alone: so it writes the same bytes, and an interrupted or killed one takes nothing with it. (Many
trainings one after another in a single process would be no faster, and every one would have to be proven to leave
nothing behind.) The other side is ``toolchain.engine.warm_server``.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from toolchain.graph.process import signal_group

SERVER = "toolchain.engine.warm_server"
STAGE = ["-m", "toolchain"]


class ServerLost(Exception):
    """The process that was to run the command has ended (it was killed, say)."""


class Servers:
    """The warm processes of one run, one for each interpreter and verb, started when they are first needed."""

    def __init__(self, keep_open: int | None = None) -> None:
        self._keep_open = keep_open
        self._servers: dict[tuple[str, str], Server] = {}
        self._lock = threading.Lock()

    def start(self, command: str, environment: Mapping[str, str], folder: str | None = None) -> Forked | None:
        """Starts the command, if it is a stage in Python; otherwise None."""
        words = shlex.split(command)
        if words[1:3] != STAGE or len(words) < 4:
            return None
        with self._lock:
            server = self._servers.get((words[0], words[3]))
            if server is None or not server.alive():
                server = Server(words[0], words[3], environment, self._keep_open)
                self._servers[words[0], words[3]] = server
        return server.start(words[3:], environment, folder)

    def close(self) -> None:
        """Ends them, and whatever they still run."""
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()


class Server:
    """One warm process, and the socket over which it takes its orders; it ends when the socket closes."""

    def __init__(self, python: str, verb: str, environment: Mapping[str, str], keep_open: int | None) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sending = threading.Lock()
        with theirs:
            inherited = [theirs.fileno()] if keep_open is None else [theirs.fileno(), keep_open]
            self._process = subprocess.Popen(
                [python, "-m", SERVER, verb, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
                process_group=0,  # the terminal's Ctrl-C is not for it
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self, words: list[str], environment: Mapping[str, str], folder: str | None) -> Forked:
        """Orders one command (verb and arguments). Raises nothing if the server is gone: waiting for it will tell."""
        order = {"words": words, "environment": dict(environment), "folder": folder or str(Path.cwd())}
        forked = Forked(self)
        try:
            with self._sending:
                socket.send_fds(self._control, [json.dumps(order).encode()], forked.theirs)
        except OSError:
            pass  # the streams end at once
        finally:
            for descriptor in forked.theirs:
                os.close(descriptor)
        return forked

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._control.close()
        self._process.wait()


class Forked:
    """A command that a server runs (a ``process.Running``)."""

    stdout: IO[bytes]
    stderr: IO[bytes]
    news: IO[bytes]

    def __init__(self, server: Server) -> None:
        self._server = server
        pipes = [os.pipe() for _ in range(4)]
        self.theirs = [writing for _, writing in pipes]  # standard output and error, status messages, process and end
        self.stdout, self.stderr, self.news, self._told = (os.fdopen(reading, "rb") for reading, _ in pipes)
        self._pid: int | None = None

    def signal(self, number: signal.Signals) -> None:
        if self._pid is None:
            os.set_blocking(self._told.fileno(), False)
            said = self._told.readline()
            os.set_blocking(self._told.fileno(), True)
            self._pid = int(said) if said else None
        if self._pid is None:
            self._server.kill()  # it is still busy importing
        else:
            signal_group(self._pid, number)

    def wait(self) -> int:
        """Its exit status; negative if a signal ended it. Raises ServerLost if nobody knows."""
        with self._told:
            said = self._told.read().split()
        if len(said) < (2 if self._pid is None else 1):
            raise ServerLost
        return int(said[-1])
