"""On this machine: each command in a process of its own, or forked from a warm one where that pays."""

from __future__ import annotations

from contextlib import suppress

from toolchain.engine import warm
from toolchain.engine.base import Job
from toolchain.graph import process
from toolchain.graph.process import Listener


class Local:
    """``keep_open`` is the descriptor of the build's lock, which all that is started here inherits."""

    def __init__(self, keep_open: int | None = None) -> None:
        self._keep_open = keep_open
        self._warm: warm.Servers | None = None

    def warm_up(self) -> None:
        """From now on, stages in Python are forked from processes that have imported what they need.

        It pays where a run has the same stages several times: importing TensorFlow alone takes three seconds.
        """
        self._warm = warm.Servers(self._keep_open)

    def run(self, job: Job, listener: Listener, folder: str | None = None) -> tuple[int, str]:
        """See ``Engine``; ``folder`` is where the command runs, if not in this process's own."""
        if job.warm and self._warm is not None:
            running = self._warm.start(job.command, job.environment, folder)
            if running is not None:
                with suppress(warm.ServerLost):
                    return process.follow(running, listener)
                if listener.stopped():
                    return 130, ""
        return process.run(job.command, job.environment, listener, self._keep_open, folder)

    def close(self) -> None:
        """Ends the warm processes: they hold the build's lock."""
        if self._warm is not None:
            self._warm.close()
