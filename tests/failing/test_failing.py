"""Every wrong manifest of this folder gives exactly the text beside it (``tests/golden.py`` writes them)."""

from __future__ import annotations

import pytest

from tests.golden import MANIFESTS, ROOT

FOLDER = str(MANIFESTS.path)


@pytest.mark.parametrize("name", MANIFESTS.cases)
def test_exact_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert MANIFESTS.said(name) == MANIFESTS.text(name)


@pytest.mark.parametrize("name", MANIFESTS.cases)
def test_shape_of_the_message(name: str) -> None:
    text = MANIFESTS.text(name)
    lines = text.splitlines()
    assert lines[0].startswith(FOLDER) and ": error: " in lines[0]
    assert lines[-1].endswith(f" in {FOLDER}/{name}.yaml")
    assert all(len(line) <= 80 for line in lines if not line.startswith(FOLDER) and "error" not in line)
    assert "Traceback" not in text and "\x1b" not in text


def test_there_are_enough() -> None:
    assert len(MANIFESTS.cases) >= 100


def test_every_text_has_its_manifest() -> None:
    assert MANIFESTS.texts == MANIFESTS.cases
