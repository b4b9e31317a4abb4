"""Every wrong study in ``failing/`` gives exactly the text beside it (``tests/golden.py`` writes them)."""

from __future__ import annotations

import pytest

from tests.golden import ROOT, STUDIES


@pytest.mark.parametrize("name", STUDIES.cases)
def test_exact_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = STUDIES.said(name)
    assert text == STUDIES.text(name)
    lines = text.splitlines()
    assert lines[0].startswith(str(STUDIES.path)) and ": error: " in lines[0]
    assert all(len(line) <= 80 for line in lines if "error" not in line)


def test_every_text_has_its_study() -> None:
    assert STUDIES.texts == STUDIES.cases
