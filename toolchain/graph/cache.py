"""The folder of results that clones share. SCons finds them by what they were made from; two things differ here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from SCons.CacheDir import CacheDir


class SharedCache(CacheDir):  # type: ignore[misc]
    """Results appear whole or not at all, and no lock file is needed that a killed build would leave behind."""

    def _readconfig(self, path: str) -> None:
        self.config = {"prefix_len": 2}  # SCons locks and reads a file for this one constant

    @classmethod
    def copy_from_cache(cls, env: Any, source: str, target: str) -> str:
        with tempfile.TemporaryDirectory(dir=Path(target).parent, prefix=".", suffix=".partial") as folder:
            copy = Path(folder) / Path(target).name
            super().copy_from_cache(env, source, str(copy))
            copy.replace(target)
        return target
