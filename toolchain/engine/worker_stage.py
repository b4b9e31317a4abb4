"""Work for builds on other machines, until Ctrl-C: ``./scons worker scheduler=tcp://HOST:8786``.

    python -m toolchain worker --scheduler tcp://HOST:8786 [--threads 2] [--cache FOLDER]

The worker belongs to this clone of the project: a build whose files differ is refused. It takes its orders from a Dask
scheduler, so it does what anybody says who can reach that: keep it within a network that you trust.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

from toolchain.engine import refusals
from toolchain.errors import GoldcrestError
from toolchain.graph import compilers

FOLDER = Path("build/worker")
SECONDS_TO_CONNECT = 30
SECONDS_TO_LEAVE = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scheduler", required=True, help="address of the Dask scheduler")
    parser.add_argument("--threads", type=int, default=1, help="how many stages to run at once (default 1)")
    parser.add_argument("--cache", type=Path, help="where the shared folder is here, if not where the builds see it")
    parser.add_argument("--name", default=f"{os.uname().nodename}-{os.getpid()}", help="what it is called in messages")


def run(args: argparse.Namespace) -> None:
    """Raises GoldcrestError if there is no scheduler, or no folder of that name."""
    from toolchain.engine import worker

    compilers.host_compiler()
    if args.cache is not None and not args.cache.is_dir():
        raise GoldcrestError(f"cache={args.cache}: there is no such folder; name the one that the builds use")
    worker.mount = args.cache and str(args.cache.resolve())
    try:
        asyncio.run(work(args.scheduler, args.threads, args.name))
    finally:
        worker.engine().close()


async def work(scheduler: str, threads: int, name: str) -> None:
    """Until Ctrl-C (KeyboardInterrupt) or the scheduler's end (GoldcrestError)."""
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said here, or by the build
    FOLDER.mkdir(parents=True, exist_ok=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        worker = await Worker(
            scheduler,
            nthreads=threads,
            name=name,
            local_directory=str(FOLDER),
            death_timeout=SECONDS_TO_CONNECT,
            memory_limit=0,  # the stages are processes of their own
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise GoldcrestError(refusals.unreachable(scheduler)) from error
    print(f"works for {scheduler} as {name}, {threads} at once; Ctrl-C ends it", flush=True)
    either = [asyncio.create_task(worker.finished()), asyncio.create_task(stopped.wait())]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not stopped.is_set():
        raise GoldcrestError(f"the Dask scheduler at {scheduler} has ended, and this worker with it")
    with suppress(TimeoutError):
        await asyncio.wait_for(worker.close(executor_wait=False), SECONDS_TO_LEAVE)
    raise KeyboardInterrupt
