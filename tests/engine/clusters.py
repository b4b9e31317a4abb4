"""A Dask cluster of real processes on the loopback: a scheduler, and workers in folders of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.graph.project import Project, Run

PATIENCE = 600.0  # seconds, on a machine that has other things to do


def wait_for(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.05)


@dataclass
class Worker:
    project: Project
    process: subprocess.Popen[str]

    @property
    def orders(self) -> list[Path]:
        """The folders of the orders that it carries out."""
        return list(self.project.root.glob("build/worker/dask-scratch-space/*/order-*"))

    def carries_out(self, pattern: str) -> bool:
        """Is it at an order that has such a file (``build/*/plan/training.json``)?"""
        return any(list(order.glob(pattern)) for order in self.orders)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Cluster:
    address: str
    cache: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    def add(self, origin: Project, *more: str) -> Worker:
        """One more worker, in a copy of the project that has nothing built."""
        project = Project.copied(self.folder / f"worker-{len(self.workers)}", origin.root)
        return self.start(project, *more)

    def start(self, project: Project, *more: str) -> Worker:
        command = [sys.executable, "-m", "toolchain", "worker", "--scheduler", self.address, *more]
        process = subprocess.Popen(
            command, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert "works for" in process.stdout.readline()
        self.workers.append(Worker(project, process))
        return self.workers[-1]

    def arguments(self, *more: str) -> list[str]:
        return ["engine=dask", f"scheduler={self.address}", *more]

    def scons(self, project: Project, *more: str) -> Run:
        return project.scons(*self.arguments(*more), cache=self.cache)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A scheduler (plain Dask: it knows nothing of the project), and at the end all that was started is ended."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(parents=True)
    (folder / "cache").mkdir()
    written = folder / "scheduler.json"
    program = str(Path(sys.executable).with_name("dask"))
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(written)]
    scheduler = subprocess.Popen(
        [program, *words], cwd=elsewhere, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    found = Cluster("", str(folder / "cache"), folder)
    try:
        wait_for(lambda: written.is_file() and written.read_text().rstrip().endswith("}"), "the scheduler")
        found.address = json.loads(written.read_text())["address"]
        yield found
    finally:
        started: list[subprocess.Popen[Any]] = [*(each.process for each in found.workers), scheduler]
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in started:
            process.wait()
