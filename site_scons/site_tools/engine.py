"""Which engine runs the commands of this build, and what it is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from toolchain.engine.base import Engine, Job
from toolchain.engine.local import Local

trainings = 0  # how many trainings the graph of this run has


def generate(env: Any) -> None:
    """Nothing of this goes on the graph."""


def exists(env: Any) -> bool:
    return True


@cache
def current(lock: int | None) -> Engine:
    """The engine of this run; asked for when the first command is due, and the graph complete."""
    local = Local(lock)
    if trainings > 1:
        local.warm_up()
    return local


def close(lock: int | None) -> None:
    """At the end of the run, if any command was run."""
    if current.cache_info().currsize:
        current(lock).close()


def job(command: str, environment: Mapping[str, str], target: list[Any], env: Any) -> Job:
    """What an engine is told of a command that SCons has announced."""
    return Job(
        command,
        environment,
        targets=tuple(map(str, target)),
        bound=bool(env.get("BOUND")),
        warm=bool(env.get("WARM", True)),
    )
