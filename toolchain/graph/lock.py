"""One build at a time in a folder: a second one waits. Commands inherit the lock, see ``toolchain.graph.process``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from toolchain.errors import GoldcrestError


def hold(path: Path, waiting: Callable[[], None]) -> int:
    """Take the lock for the rest of this process and return its descriptor; call ``waiting`` if another build has it.

    Raises GoldcrestError if the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        from toolchain.files import explain

        explained = explain(error, path)
        if explained is None:
            raise
        raise explained from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        reason = f"{path.parent} lies on a file system without locks ({error.strerror}); build elsewhere"
        raise GoldcrestError(reason) from error
    return descriptor
