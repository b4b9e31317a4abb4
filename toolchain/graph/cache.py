"""The folder of results that clones share. SCons finds them by what they were made from; two things differ here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from SCons.CacheDir import CacheDir, CacheRetrieveSilent

from toolchain.errors import GoldcrestError
from toolchain.files import staged


class SharedCache(CacheDir):  # type: ignore[misc]
    """Results appear whole or not at all, and no lock file is needed that a killed build would leave behind.

    Who is in ``listeners`` hears of each command whose targets have all come from here, from the thread that took them.
    """

    listeners: ClassVar[list[Callable[[Sequence[Any]], None]]] = []

    def _readconfig(self, path: str) -> None:
        self.config = {"prefix_len": 2}  # SCons locks and reads a file for this one constant

    def retrieve(self, node: Any) -> bool:
        """SCons asks this for one target after another, and runs the command after all if one of them is missing."""
        if not self.is_enabled() or CacheRetrieveSilent(node, [], node.get_build_env(), execute=1):
            return False
        targets = node.get_executor().get_all_targets()
        if node is targets[-1]:
            for listener in self.listeners:
                listener(targets)
        return True

    @classmethod
    def copy_from_cache(cls, env: Any, source: str, target: str) -> str:
        try:
            with staged(
                target
            ) as copy:  # locked: a stage that writes beside it sweeps away what nobody writes any more
                super().copy_from_cache(env, source, str(copy))
        except GoldcrestError as error:
            raise OSError(str(error)) from error  # what SCons knows how to report
        return target


def prune(folder: Path, limit: int) -> int:
    """Remove the results that were used longest ago until the folder holds at most ``limit`` bytes; returns how many.

    SCons sets a file's time when it takes it from the cache. Another build may remove the same files at the same time.
    """
    files = []
    for inside, _, names in os.walk(folder):
        for name in names:
            path = Path(inside, name)
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            files.append((found.st_mtime, found.st_size, path))
    surplus = sum(size for _, size, _ in files) - limit
    removed = 0
    for _, size, path in sorted(files):
        if surplus <= 0:
            break
        path.unlink(missing_ok=True)
        surplus -= size
        removed += 1
    return removed
