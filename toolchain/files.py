"""Files that are either whole or not there.

A build tool believes what lies on the disk: a half-written result of a failed, interrupted or killed stage must never
be taken for one. So every file is written under another name in the same folder, flushed to the disk and renamed.

Temporary names are folders ``.NAME.<random>.partial`` that hold the file under its own name (libraries look at the
suffix) and are locked while their writer lives; a later run knows what a killed run left behind by the missing lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from toolchain.errors import GoldcrestError

PARTIAL = ".partial"

_PERMIT = "make the folder writable for this user (chmod u+w, or chown if it is another's)"
_CURES = {
    errno.ENOSPC: ("the disk is full", "make room on it and run again"),
    errno.EDQUOT: ("the disk quota is used up", "make room in it and run again"),
    errno.EROFS: ("it lies on a read-only file system", "remount it writable, or build in another folder"),
    errno.EACCES: ("permission denied", _PERMIT),
    errno.EPERM: ("operation not permitted", _PERMIT),
    errno.ENOTDIR: ("a file lies where a folder is needed", "move that file away"),
    errno.EEXIST: ("a file lies where a folder is needed", "move that file away"),
    errno.EISDIR: ("a folder of that name lies there", "move that folder away"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "choose a shorter name"),
    errno.EIO: ("the disk reports an input/output error", "check the disk (dmesg says more)"),
}


def explain(error: OSError, path: Path | str, action: str = "write") -> GoldcrestError | None:
    """One sentence for an operating system's refusal, or ``None`` if it is nothing that a user can mend.

    ``path`` is the file that was to be written; the one that ``error`` itself names is not shown, because it is often
    a temporary name that no longer exists when the message is read.
    """
    if error.errno not in _CURES:
        return None
    reason, cure = _CURES[error.errno]
    return GoldcrestError(f"cannot {action} {path}: {reason}; {cure}")


@contextmanager
def staged(path: Path | str) -> Iterator[Path]:
    """Yields the temporary path (same name, other folder) that a library may write; publishes it as ``path``.

    Missing parent folders are made. On any exception (KeyboardInterrupt too) ``path`` is what it was before.
    Raises GoldcrestError for a full disk, a read-only folder and their like.
    """
    with together(path) as (temporary,):
        yield temporary


@contextmanager
def atomic(path: Path | str, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens ``path`` for writing (``"w"``, UTF-8, or ``"wb"``) so that it appears whole or not at all."""
    if mode not in ("w", "wb"):
        raise ValueError(f"atomic() replaces files: mode 'w' or 'wb', not {mode!r}")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with staged(path) as temporary, temporary.open(mode, **text) as file:  # type: ignore[call-overload]
        yield file


@contextmanager
def together(main: Path | str, *companions: Path | str) -> Iterator[tuple[Path, ...]]:
    """Several files that belong to each other: yields their temporary paths, in the order given, and publishes them.

    The main file goes first off the disk (if an older one is there) and last onto it: where it lies, its companions are
    those written with it. A companion that was not written is an error of the caller (FileNotFoundError).
    """
    targets = [Path(main), *map(Path, companions)]
    with ExitStack() as stack:
        temporaries = tuple(stack.enter_context(_temporary(target)) for target in targets)
        try:
            yield temporaries
        except OSError as error:
            explained = _explain_block(error, temporaries, targets)
            if explained is None:
                raise
            raise explained from error
        for temporary, target in zip(temporaries, targets, strict=True):
            with _explaining(target):
                _flush(temporary)
        if len(targets) > 1:
            with _explaining(targets[0]):
                targets[0].unlink(missing_ok=True)
        for temporary, target in [*zip(temporaries, targets, strict=True)][::-1]:
            with _explaining(target):
                temporary.replace(target)
                _flush(target.parent)


def remove_stale(folder: Path | str) -> None:
    """Removes what killed writers left in ``folder``; those still at work are known by their lock and left alone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(PARTIAL) and entry.is_dir(follow_symlinks=False):
                _remove_if_unlocked(Path(entry.path))


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A locked temporary folder beside ``target``, gone at the end; yields the path inside it."""
    with _explaining(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        remove_stale(target.parent)
        folder, lock = _locked_folder(target)
    try:
        yield folder / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_folder(target: Path) -> tuple[Path, int]:
    """Makes the folder and locks it. Another run may sweep it away between the two steps: then it is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # a file system without locks: nobody sweeps there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_if_unlocked(folder: Path) -> None:
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _explaining(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        explained = explain(error, target)
        if explained is None:
            raise
        raise explained from error


def _explain_block(error: OSError, temporaries: tuple[Path, ...], targets: list[Path]) -> GoldcrestError | None:
    """What an OSError of the caller's block means, if it is about one of our files and not about one that it reads."""
    for temporary, target in zip(temporaries, targets, strict=True):
        if str(error.filename) == str(temporary):
            return explain(error, target)
    return explain(error, targets[0]) if error.filename is None else None  # write() names no file
