"""``python -m toolchain.engine.warm_server VERB SOCKET``: imports what a verb needs, then forks a process per command.

Orders are packets on the socket (see ``toolchain.engine.warm``), each with the descriptors for standard output and
error, for the status messages, and for the answer: two lines, the process and, at its end, its exit status. Whoever
gives the orders has ended when the socket closes: then all that still runs is ended as well.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from toolchain import __main__ as stages
from toolchain.errors import GoldcrestError
from toolchain.report import status

LARGEST_ORDER = 1 << 20  # bytes: a command line and the environment
DESCRIPTORS = 4


def serve(verb: str, control: socket.socket) -> None:
    """Until the socket closes. A process that was forked for a command does not return from here."""
    stage = importlib.import_module(stages.verbs()[verb])
    if hasattr(stage, "warm_up"):
        with suppress(GoldcrestError):  # the command will say it, in its own place
            stage.warm_up()
    running: dict[int, tuple[int, int]] = {}  # descriptor of a process → its number, and where its end is told
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    selector.unregister(key.fd)
                    tell_the_end(key.fd, *running.pop(key.fd))
                    continue
                order, descriptors, _, _ = socket.recv_fds(control, LARGEST_ORDER, DESCRIPTORS)
                if not order:
                    end(running)
                    return
                *streams, telling = descriptors
                server = os.getpid()
                process = os.fork()
                if process == 0:
                    selector.close()
                    for descriptor in (control.detach(), telling, *running, *(other for _, other in running.values())):
                        os.close(descriptor)
                    become(json.loads(order), streams, server)
                with suppress(OSError):  # the child does it as well: whoever comes first
                    os.setpgid(process, process)
                for descriptor in streams:
                    os.close(descriptor)
                os.write(telling, f"{process}\n".encode())
                watched = os.pidfd_open(process)
                running[watched] = (process, telling)
                selector.register(watched, selectors.EVENT_READ)


def become(order: dict[str, Any], streams: list[int], server: int) -> NoReturn:
    """What the forked process does: it becomes the command, and ends with its exit status."""
    result = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.environ[status.VARIABLE] = str(streams[2])
        for number, descriptor in enumerate(streams[:2], start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        stages.die_with_the_build()
        if os.getppid() == server:  # it did not end just before that
            os.chdir(order["folder"])
            sys.argv[1:] = order["words"]
            result = stages.main(order["words"])
    except SystemExit as ended:  # argparse, about the words
        result = ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        result = 130
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(result)  # not through the server's own end


def tell_the_end(watched: int, process: int, telling: int) -> None:
    _, ended = os.waitpid(process, 0)
    with suppress(BrokenPipeError):
        os.write(telling, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os.close(telling)
    os.close(watched)


def end(running: dict[int, tuple[int, int]]) -> None:
    for process, _ in running.values():
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGTERM)


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
    os._exit(0)  # TensorFlow takes a while to leave
