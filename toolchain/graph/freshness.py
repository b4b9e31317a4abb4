"""When a target is out of date: when a dependency's content changed, or when the target is not what its stage wrote.

SCons looks at dependencies only: it takes any file under a target's name for the result it remembers. But it writes its
memory (``.sconsign``) at the end of a run, so after a kill a target may be newer than that memory, and a compiler that
was killed leaves half a file. So here a target must also have the content that was remembered for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SCons.Node import executing
from SCons.Util import hash_file_signature

_looked_at: dict[Any, bool] = {}  # SCons asks once for every dependency


def by_content(dependency: Any, target: Any, remembered: Any, repository: Any = None) -> bool:
    """A SCons decider for files: time stamps first, contents where they differ."""
    # Asked for an explanation SCons names no node, and would look in the memory of the dependency, not the target's.
    changed = dependency.changed_timestamp_then_content(target, remembered, repository or target)
    return bool(changed) or was_altered(target)


def by_value(dependency: Any, target: Any, remembered: Any, repository: Any = None) -> bool:
    """The same for a target made of a ``Value``."""
    return dependency.get_csig() != getattr(remembered, "csig", None) or was_altered(target)


def was_altered(target: Any) -> bool:
    """Is the file under the target's name another one than was remembered for it? (A missing one is SCons's matter.)"""
    if target.get_state() >= executing:
        return False  # it has been looked at, or made, in this run
    if target not in _looked_at:
        _looked_at[target] = _was_altered(Path(target.get_internal_path()), target.get_stored_info().ninfo)
    return _looked_at[target]


def _was_altered(path: Path, remembered: Any) -> bool:
    try:
        now = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if int(now.st_mtime) == getattr(remembered, "timestamp", None) and now.st_size == getattr(remembered, "size", None):
        return False
    return bool(hash_file_signature(str(path)) != getattr(remembered, "csig", None))
