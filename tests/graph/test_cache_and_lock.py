"""The folder that clones share, and the lock that builds in one folder share."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.project import ROOT
from toolchain.errors import GoldcrestError
from toolchain.graph import cache, lock


@given(sizes=st.lists(st.integers(0, 50), max_size=12), limit=st.integers(0, 300))
def test_what_was_used_last_stays(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int) -> None:
    folder = tmp_path_factory.mktemp("cache")
    paths = [folder / f"{index % 3:02}" / str(index) for index in range(len(sizes))]
    for index, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (1000 + index, 1000 + index))
    removed = cache.prune(folder, limit)
    assert [path.exists() for path in paths] == [False] * removed + [True] * (len(paths) - removed)
    assert sum(sizes[removed:]) <= limit
    assert removed == 0 or sum(sizes[removed - 1 :]) > limit  # not one more than necessary


def test_the_lock_is_held_by_what_inherits_it(tmp_path: Path) -> None:
    path = tmp_path / "build/.lock"
    waited: list[bool] = []
    first = lock.hold(path, lambda: waited.append(True))
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[first])
    os.close(first)
    program = (
        "from pathlib import Path; from toolchain.graph import lock; "
        f"lock.hold(Path({str(path)!r}), lambda: print('waits', flush=True)); print('has it')"
    )
    other = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "waits\n"
    child.communicate()
    assert other.communicate()[0] == "has it\n"
    assert waited == []


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refuse(*given: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(GoldcrestError, match=says):
        lock.hold(tmp_path / ".lock", lambda: None)
