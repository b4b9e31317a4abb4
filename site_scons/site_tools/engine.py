"""Which engine runs the commands of this build, and what it is told of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import SCons.Node.FS
from SCons.Script import COMMAND_LINE_TARGETS, GetOption, SetOption
from shared import BUILD, caches, option

from toolchain import blank
from toolchain.engine.base import Engine, Job
from toolchain.engine.cluster import Cluster
from toolchain.engine.local import Local
from toolchain.errors import GoldcrestError

ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d+")
STUDIES = f"{BUILD}/studies/"
AHEAD = 2  # commands that are under way for each that a worker can run: the next one is there when one is done

trainings = 0  # how many trainings the graph of this run has


def generate(env: Any) -> None:
    """Nothing of this goes on the graph."""


def exists(env: Any) -> bool:
    return True


def is_local() -> bool:
    return option("engine") == "local"


def prepare(lock: int | None) -> None:
    """When the graph is complete: a cluster that cannot do the build is refused before anything runs."""
    if option("scheduler") and is_local() and "worker" not in COMMAND_LINE_TARGETS:
        raise GoldcrestError(f"scheduler={option('scheduler')} goes with engine=dask")
    if not (is_local() or GetOption("no_exec") or GetOption("clean") or GetOption("help")):
        engine = current(lock)
        if isinstance(engine, Cluster):
            SetOption("num_jobs", AHEAD * engine.threads)


@cache
def current(lock: int | None) -> Engine:
    """The engine of this run, made when it is first asked for."""
    local = Local(lock)
    if trainings > 1:
        local.warm_up()
    return local if is_local() else cluster(local)


def address() -> str:
    """``scheduler=``. Raises GoldcrestError for what is no address."""
    if not ADDRESS.fullmatch(option("scheduler")):
        raise GoldcrestError(f"scheduler={option('scheduler')}: expected an address like tcp://HOST:8786")
    return option("scheduler")


def cluster(local: Local) -> Cluster:
    if not option("scheduler"):
        raise GoldcrestError("engine=dask needs to know where: scheduler=tcp://HOST:8786 (see docs/cluster.md)")
    address()
    if option("AVR_GCC"):
        raise GoldcrestError(
            "AVR_GCC= names a compiler of this machine, and engine=dask compiles on others: leave it out"
        )
    if not caches:
        raise GoldcrestError(
            "with engine=dask files travel through the cache folder: cache=DIR, one that all machines see"
        )
    return Cluster(option("scheduler"), caches[0], local)


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
        inputs=lambda: files(target[0]),
        bound=bool(target[0].nocache),
        warm=bool(env.get("WARM", True)),
    )


def blanked(target: list[Any], env: Any) -> bool:
    """Whether a command of a study is not to be run, because what it would read is blank: so are its targets then."""
    if not str(target[0]).startswith(STUDIES) or env.get("READS_BLANKS"):
        return False
    reasons = (blank.reason_of(file) for file in files(target[0]) if file.startswith(STUDIES))
    reason = next(filter(None, reasons), None)
    if reason is not None:
        blank.write(map(str, target), reason)
    return reason is not None


def files(target: Any) -> list[str]:
    """All that a target is made from and that is a file, headers included."""
    return [str(node) for node in target.children() if isinstance(node, SCons.Node.FS.File)]
