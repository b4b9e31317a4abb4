"""On a Dask cluster: every command becomes a task, its files travel through the cache folder that all machines share.

A worker that dies takes nothing with it: Dask gives its tasks to another one. What a command showed, its errors and its
files come back as if it had run here.
"""

from __future__ import annotations

import logging
import shlex
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolchain.engine import project, refusals
from toolchain.engine.base import Engine, Job
from toolchain.engine.blobs import Blobs
from toolchain.engine.orders import Order, Result
from toolchain.errors import GoldcrestError
from toolchain.files import together
from toolchain.graph import compilers
from toolchain.graph.process import Listener
from toolchain.memory.compiler import avr_gcc

TOLD = ("PYTHONHASHSEED", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM")  # what a stage's words depend on
ATTEMPTS = 3  # at bringing files to a worker that does not find them
SECONDS_TO_CONNECT = 10


class Cluster:
    """``here`` runs what is bound to this machine; ``cache`` is the folder that all machines share."""

    def __init__(self, scheduler: str, cache: Path, here: Engine) -> None:
        """Raises GoldcrestError if the scheduler or its workers cannot do this build."""
        self._here = here
        self._cache = cache.resolve()
        self._blobs = Blobs(self._cache)
        self._scheduler = scheduler
        self._project = project.identity()
        self._tools = {
            sys.executable: "python",
            str(avr_gcc()): "avr-gcc",
            str(compilers.host_compiler()): "cc",
        }
        self._topic = f"goldcrest-{uuid.uuid4().hex}"
        self._listeners: dict[str, Listener] = {}
        self._client = _connect(scheduler)
        self._client.subscribe_topic(self._topic, self._told)
        self._check_workers()

    @property
    def threads(self) -> int:
        """How many commands the workers run at once."""
        return sum(self._client.nthreads().values())

    def run(self, job: Job, listener: Listener) -> tuple[int, str]:
        order = None if job.bound else self._order(job)
        if order is None:
            return self._here.run(job, listener)
        for _ in range(ATTEMPTS):
            result = self._result(order(), listener)
            if not result.missing:
                break
        else:
            return 2, f"error: {refusals.unseen(result.worker, self._cache)}\n"
        for text in result.output:
            listener.output(text)
        for message in result.news:
            listener.message(message)
        _place(result.targets, self._blobs)
        lost = [path for path in job.targets if path not in result.targets]
        if result.status == 0 and lost:
            return 2, f"error: the worker {result.worker} returned without {', '.join(lost)}\n"
        return result.status, result.errors

    def close(self) -> None:
        self._client.close()
        self._here.close()

    def _order(self, job: Job) -> Callable[[], Order] | None:
        """Makes the order anew at each call; None if the command can only be run here."""
        program, *words = shlex.split(job.command)
        named = [word for word in words if not word.startswith("-") and Path(word).is_file()]
        inputs = list(dict.fromkeys([*job.inputs(), *named, *_beside(named)]))
        if program not in self._tools or not job.targets or any(Path(path).is_absolute() for path in inputs):
            return None
        environment = {name: job.environment[name] for name in TOLD if name in job.environment}

        def order() -> Order:
            return Order(
                self._tools[program],
                words,
                environment,
                {path: self._blobs.put(Path(path)) for path in inputs},
                list(job.targets),
                str(self._cache),
                self._project,
                self._topic,
                f"{job.targets[0]}-{uuid.uuid4().hex}",
            )

        return order

    def _result(self, order: Order, listener: Listener) -> Result:
        """Hands the order to the cluster and waits for what comes of it."""
        from distributed import KilledWorker

        def carry_out(given: dict[str, Any]) -> Result:
            # Travels as it is, in plain values: the scheduler unpacks it, and may know nothing of this project.
            from toolchain.engine import orders, worker

            return worker.carry_out(orders.Order(**given))

        ended = threading.Event()
        self._listeners[order.key] = listener
        listener.message({"text": "waits for a worker"})
        try:
            future = self._client.submit(carry_out, asdict(order), key=order.key, pure=False)
            future.add_done_callback(lambda _: ended.set())
            while not ended.wait(0.1):
                if listener.stopped():
                    future.cancel(force=True)
                    return Result(130)
                if self._client.status not in ("running", "connecting"):
                    return Result(2, f"error: the Dask scheduler at {self._scheduler} no longer answers\n")
            result: Result = future.result()
            return result
        except KilledWorker as error:
            return Result(2, f"error: {error}\n  run again when it is known why workers die of this\n")
        except Exception as error:
            return Result(2, f"error: the cluster did not run this: {type(error).__name__}: {error}\n")
        finally:
            del self._listeners[order.key]

    def _told(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """A worker says how far a command is."""
        _, message = event
        listener = self._listeners.get(message["key"])
        if listener is not None:
            listener.message({name: value for name, value in message.items() if name != "key"})

    def _check_workers(self) -> None:
        found: dict[str, dict[str, str]] = self._client.run(project.identity, on_error="return")
        if not found:
            raise GoldcrestError(refusals.without_workers(self._scheduler))
        complaints = []
        for address, there in found.items():
            different = project.differences(self._project, there) if isinstance(there, dict) else [str(there)]
            if different:
                complaints.append(refusals.different(f"at {address}", different))
        if complaints:
            raise GoldcrestError("\n".join(complaints))


def _connect(scheduler: str) -> Any:
    import distributed

    # What is wrong is said here, and once.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client: Any = distributed.Client
        return client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False, name="goldcrest")
    except (OSError, TimeoutError) as error:
        raise GoldcrestError(refusals.unreachable(scheduler)) from error


def _beside(named: list[str]) -> list[str]:
    """Manifests start from others, and studies from manifests: where one is named, all are needed."""
    manifests = [Path(path) for path in named if path.endswith(".yaml")]
    folders = {Path("models"), *(path.parent for path in manifests)} if manifests else ()
    return [str(path) for folder in sorted(folders) for path in sorted(folder.glob("*.yaml"))]


def _place(targets: Mapping[str, str], blobs: Blobs) -> None:
    """Puts results into this folder; the first is the one by which the others are known to be complete."""
    if targets:
        with together(*targets) as temporaries:
            for temporary, blob in zip(temporaries, targets.values(), strict=True):
                blobs.copy(blob, temporary)
