"""The seam: SCons says which command is due, an engine runs it somewhere and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from toolchain.graph.process import Listener


@dataclass(frozen=True)
class Job:
    """One command of the build.

    ``targets`` and ``inputs()`` are the files that it makes and reads, by their paths from the project's folder. What
    must run on this machine (a board's port is here, or the result is not just files) is ``bound`` to it; ``warm`` says
    whether a warm process is of any use to it.
    """

    command: str
    environment: Mapping[str, str]
    targets: tuple[str, ...] = ()
    inputs: Callable[[], list[str]] = list
    bound: bool = False
    warm: bool = True


class Engine(Protocol):
    def run(self, job: Job, listener: Listener) -> tuple[int, str]:
        """Runs the job to its end; returns its exit status and all that it wrote to standard error."""

    def close(self) -> None:
        """Ends what the engine keeps for later commands."""
