"""What is said when a cluster cannot do a build, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable


def unreachable(scheduler: str) -> str:
    return (
        f"no Dask scheduler answers at {scheduler}; start one there (.venv/bin/dask scheduler --port 8786), "
        "or correct scheduler=tcp://HOST:PORT"
    )


def without_workers(scheduler: str) -> str:
    return (
        f"the Dask scheduler at {scheduler} has no workers; on each machine type in its clone of this project: "
        f"./scons worker scheduler={scheduler}"
    )


def different(worker: str, what: Iterable[str]) -> str:
    return (
        f"the worker {worker} has not what this build has: {'; '.join(what)}; "
        "bring both clones to the same state (git pull) and start the worker again"
    )


def unseen(worker: str, cache: object) -> str:
    return (
        f"the worker {worker} does not find what this build puts into the cache folder {cache}; all machines must see "
        "the same folder: where it has another name, start the worker with cache=NAME"
    )
