"""Files are whole or not there, whatever happens to their writer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from toolchain.errors import GoldcrestError
from toolchain.files import atomic, staged, together


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_text_and_bytes_and_makes_the_folder(tmp_path: Path) -> None:
    with atomic(tmp_path / "a" / "b.txt", "w") as file:
        file.write("ß\n")
    with atomic(tmp_path / "a" / "c.bin") as file:
        file.write(b"\0\1")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "ß\n".encode()
    assert names(tmp_path / "a") == ["b.txt", "c.bin"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_write_changes_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(failure), atomic(tmp_path / "f", "w") as file:
        file.write("half")
        raise failure
    assert (tmp_path / "f").read_text() == "old"
    assert names(tmp_path) == ["f"]


def test_the_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    with atomic(tmp_path / "f") as file:
        file.write(b"x")
    (tmp_path / "g").write_text("x")
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode


def test_a_library_may_write_by_name(tmp_path: Path) -> None:
    with staged(tmp_path / "model.h5") as path:
        assert path.suffix == ".h5"
        path.write_bytes(b"x")
    assert names(tmp_path) == ["model.h5"]


def test_companions_appear_together_and_the_main_file_last(tmp_path: Path) -> None:
    main, companion = tmp_path / "main", tmp_path / "companion"
    main.write_text("old")
    with pytest.raises(FileNotFoundError), together(main, companion) as (first, _):
        first.write_text("new")
    assert main.read_text() == "old"
    with together(main, companion) as (first, second):
        first.write_text("new")
        second.write_text("too")
    assert (main.read_text(), companion.read_text()) == ("new", "too")
    assert names(tmp_path) == ["companion", "main"]


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    program = (
        "import sys; from toolchain.files import atomic\n"
        "with atomic(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('writing', flush=True); sys.stdin.read()\n"
    )
    target = tmp_path / "f"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with atomic(tmp_path / "g") as file:  # a writer at work is left alone
            file.write(b"x")
        assert len(names(tmp_path)) == 2
        writer.send_signal(signal.SIGKILL)
    assert len(names(tmp_path)) == 2
    with atomic(target) as file:
        file.write(b"whole")
    assert names(tmp_path) == ["f", "g"]
    assert target.read_bytes() == b"whole"


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    def write(value: int) -> None:
        for _ in range(20):
            with atomic(tmp_path / "f") as file:
                file.write(bytes([value]) * 1000)

    threads = [threading.Thread(target=write, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = (tmp_path / "f").read_bytes()
    assert len(content) == 1000
    assert len(set(content)) == 1
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full; make room on it and run again"),
        (errno.EROFS, "it lies on a read-only file system; remount it writable, or build in another folder"),
        (errno.EDQUOT, "the disk quota is used up; make room in it and run again"),
    ],
)
def test_the_systems_refusals_are_explained(tmp_path: Path, number: int, text: str) -> None:
    target = tmp_path / "f"
    with pytest.raises(GoldcrestError) as caught, atomic(target):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"cannot write {target}: {text}"
    assert names(tmp_path) == []


def test_a_full_device_is_explained(tmp_path: Path) -> None:
    with pytest.raises(GoldcrestError, match="the disk is full"), atomic(tmp_path / "f"):  # noqa: SIM117
        with Path("/dev/full").open("w") as full:
            full.write("x" * 100_000)
            full.flush()


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("")
    with pytest.raises(GoldcrestError) as caught, atomic(tmp_path / "build" / "f"):
        pass
    target = tmp_path / "build" / "f"
    assert str(caught.value) == f"cannot write {target}: a file lies where a folder is needed; move that file away"


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    message = "a folder of that name lies there; move that folder away"
    with pytest.raises(GoldcrestError, match=message), atomic(tmp_path / "f"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(GoldcrestError, match="permission denied; make the folder writable"), atomic(tmp_path / "f"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_the_callers_own_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "f"):
        (tmp_path / "absent").read_text()
    with pytest.raises(ValueError, match="mode"), atomic(tmp_path / "f", "a"):
        pass
