"""What was found out about files holds as long as they are the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain.graph.notes import Notes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one", encoding="utf-8")
    return path


def asked(notes: Notes, file: Path, subject: str = "text") -> tuple[str, bool]:
    """The answer, and whether it was found out anew."""
    calls = []

    def find_out() -> str:
        calls.append(1)
        return file.read_text(encoding="utf-8")

    return notes.about(str(file), subject, find_out), bool(calls)


def test_found_out_once(file: Path, tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    assert asked(notes, file) == ("one", True)
    assert asked(notes, file) == ("one", False)
    assert asked(notes, file, "another question") == ("one", True)
    notes.save()
    assert asked(Notes(tmp_path / "notes"), file) == ("one", False)


def test_another_size_or_time(file: Path, tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    asked(notes, file)
    file.write_text("three", encoding="utf-8")
    assert asked(notes, file) == ("three", True)
    file.write_text("seven", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert asked(notes, file) == ("seven", True)


@pytest.mark.parametrize("content", ["", "{", '{"text: x": [[1', "\0"])
def test_torn_notes(file: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "notes").write_text(content, encoding="utf-8")
    notes = Notes(tmp_path / "notes")
    assert asked(notes, file) == ("one", True)
    notes.save()
    assert asked(Notes(tmp_path / "notes"), file) == ("one", False)


def test_no_folder_no_notes(file: Path, tmp_path: Path) -> None:
    notes = Notes(tmp_path / "nowhere" / "notes")
    assert asked(notes, file) == ("one", True)
    notes.save()
    assert not (tmp_path / "nowhere").exists()
