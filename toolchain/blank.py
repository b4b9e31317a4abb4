"""Results that there are not: what a point of a study has where its training diverged.

A blank file holds the reason instead of a result. What would be made from a blank file is blank for the same reason, so
that the row of the point can say it, and the other points are built as ever. Only studies have such files: the training
of a model that diverges fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolchain.files import atomic

MARK = b"blank: "


def write(paths: Iterable[Path | str], reason: str) -> None:
    """Makes the files blank."""
    for path in paths:
        with atomic(path) as file:
            file.write(MARK + reason.encode() + b"\n")


def reason_of(path: Path | str) -> str | None:
    """Why the file is blank; None if it is none of these."""
    with Path(path).open("rb") as file:
        return file.read().decode().strip() if file.read(len(MARK)) == MARK else None
