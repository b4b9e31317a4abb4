"""A worker's side: carries out an order in a folder of its own that holds the order's files and nothing else.

So a stage that reads what it does not declare fails here, and nothing that one order leaves behind reaches another.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from toolchain.codegen import workbench
from toolchain.engine import project, refusals
from toolchain.engine.base import Job
from toolchain.engine.blobs import Blobs
from toolchain.engine.local import Local
from toolchain.engine.orders import Order, Result
from toolchain.graph import compilers
from toolchain.graph.process import Listener
from toolchain.memory import chip, compiler
from toolchain.simulator import native

KEPT = (native.CACHE, chip.CACHE, workbench.LIBRARIES)  # what stages find out about this machine, once for all

mount: str | None = None  # where this machine sees the shared folder, if not where the build does


@cache
def engine() -> Local:
    local = Local()
    local.warm_up()
    return local


def carry_out(order: Order) -> Result:
    """Runs the order's command on this worker, in one of its threads."""
    from distributed import Status, get_worker

    here = get_worker()
    name = str(here.name)
    different = project.differences(order.project, project.identity())
    if different:
        return Result(2, f"error: {refusals.different(name, different)}\n", worker=name)
    blobs = Blobs(Path(mount or order.cache))
    missing = [path for path, blob in order.inputs.items() if not blobs.has(blob)]
    if missing:
        return Result(missing=missing, worker=name)
    output: list[str] = []
    closing: list[dict[str, Any]] = []

    def tell(message: dict[str, Any]) -> None:
        if "done" in message:
            closing.append(message)
        else:
            here.log_event(order.topic, {"key": order.key, **message})

    def stopped() -> bool:
        task = here.state.tasks.get(order.key)
        return task is None or task.state == "cancelled" or here.status != Status.running

    tell({"text": f"on {name}"})
    with sandbox(order, blobs, here.local_directory) as folder:
        job = Job(shlex.join([program(order.program), *order.words]), environment(order))
        status, errors = engine().run(job, Listener(tell, output.append, stopped), str(folder))
        made = {path: blobs.put(folder / path) for path in order.targets if (folder / path).is_file()}
    return Result(status, errors, output, closing, made, worker=name)


@contextmanager
def sandbox(order: Order, blobs: Blobs, work: str) -> Iterator[Path]:
    """A folder in ``work`` (Dask clears up after a killed worker) with links to the inputs in the shared folder."""
    with tempfile.TemporaryDirectory(prefix="order-", dir=work) as name:
        folder = Path(name).resolve()
        for kept in KEPT:
            kept.mkdir(parents=True, exist_ok=True)
            link = folder / kept
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(kept.resolve())
        for path in order.targets:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        for path, blob in order.inputs.items():
            link = folder / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blobs.path(blob).resolve())
        yield folder


def environment(order: Order) -> dict[str, str]:
    return {**os.environ, **order.environment, "PYTHONPATH": str(project.ROOT)}


def program(name: str) -> str:
    """This machine's own."""
    known = {"python": lambda: sys.executable, "avr-gcc": compiler.avr_gcc, "cc": compilers.host_compiler}
    return str(known[name]())
