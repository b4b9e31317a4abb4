"""The report of the build before: what a new one is compared with.

SCons removes a target before it is made again, and takes others from the cache; so the reports are kept at the start of
a run, before anything is built, and only while their content differs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEPT = 2
NAME = "report.kept.json"


def keep(folder: Path) -> None:
    """Add ``folder/report.json`` to the kept ones, if it is there and not the newest of them already."""
    from toolchain.files import atomic

    try:
        content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    reports = kept(folder)
    if reports[-1:] != [content]:
        with atomic(folder / NAME, "w") as file:
            json.dump([*reports, content][-KEPT:], file)
            file.write("\n")


def kept(folder: Path) -> list[Any]:
    """The reports of the last builds, oldest first."""
    try:
        reports = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return reports if isinstance(reports, list) else []


def previous(folder: Path, report: Any) -> Any | None:
    """The newest kept report that differs from ``report``."""
    return next((each for each in reversed(kept(folder)) if each != report), None)
