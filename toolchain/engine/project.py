"""What two machines must have in common so that one can work for the other: the project, and the tools it uses."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import lru_cache
from pathlib import Path

from toolchain.graph import compilers

ROOT = Path(__file__).parents[2]
PARTS = ("toolchain", "firmware", "requirements.lock")
LEFT_OUT = (".pyc", ".partial")


def identity(root: Path = ROOT) -> dict[str, str]:
    """Each subject and what it is on this machine. Raises ToolError if there is no C compiler."""
    return {
        "project": digest(root),
        "Python": ".".join(map(str, sys.version_info[:2])),
        "C compiler": compilers.version(compilers.host_compiler()),
        "machine": os.uname().machine,
    }


def digest(root: Path) -> str:
    """Of all files that stages run or read and that come with the project."""
    whole = hashlib.sha256()
    for path in sorted(each for part in PARTS for each in [root / part, *(root / part).rglob("*")]):
        if path.is_file() and not path.name.endswith(LEFT_OUT):
            found = path.stat()
            whole.update(f"{path.relative_to(root)}\0".encode())
            whole.update(_content(path, found.st_mtime_ns, found.st_size))
    return whole.hexdigest()[:12]


@lru_cache(maxsize=10_000)
def _content(path: Path, time: int, size: int) -> bytes:
    """Read once, as long as the file has the same time and size."""
    return hashlib.sha256(path.read_bytes()).digest()


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """``project 3f2a (here e90b)`` for everything that is not the same."""
    return [
        f"{name} {there.get(name, 'unknown')} (here {value})"
        for name, value in here.items()
        if there.get(name) != value
    ]
