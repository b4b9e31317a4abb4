"""What was found out about files, kept between runs: it holds as long as a file has the same time and size.

Reading the graph asks the same of some two hundred files each time (what they import, what is in them), and of the
compilers (which version they are). The notes make that a glance at each file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Notes:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            self._entries: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._entries = {}  # none yet, or half-written: they are only a shortcut

    def about(self, file: str, subject: str, find_out: Callable[[], Any]) -> Any:
        """What ``find_out()`` gave when the file was last different; plain JSON values."""
        found = Path(file).stat()
        stamp = [found.st_mtime_ns, found.st_size]
        key = f"{subject}: {file}"
        entry = self._entries.get(key)
        if entry is None or entry[0] != stamp:
            entry = self._entries[key] = [stamp, find_out()]
            self._changed = True
        return entry[1]

    def save(self) -> None:
        """Write them down, if there is anything new and a folder to write to."""
        if self._changed and self._path.parent.is_dir():
            partial = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            try:
                partial.write_text(json.dumps(self._entries), encoding="utf-8")
                partial.replace(self._path)
            except OSError:
                partial.unlink(missing_ok=True)  # a full disk: the build itself will say so
