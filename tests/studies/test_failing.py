"""Every wrong study of this folder gives exactly the text beside it: ``failing/NAME.yaml`` and ``NAME.txt``.

After a change that is meant:  python tests/studies/test_failing.py --write    and read the difference.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("tests/studies/failing")
CASES = sorted(path.stem for path in (ROOT / FOLDER).glob("*.yaml"))


def message(name: str) -> str:
    """What reading the study and its points says, with the project's root as the working folder."""
    from toolchain import studies
    from toolchain.errors import GoldcrestError

    try:
        studies.points(studies.read(FOLDER / f"{name}.yaml"))
    except GoldcrestError as error:
        return f"{error}\n"
    return "no error\n"


@pytest.mark.parametrize("name", CASES)
def test_exact_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = message(name)
    assert text == (ROOT / FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith(str(FOLDER)) and ": error: " in lines[0]
    assert all(len(line) <= 80 for line in lines if "error" not in line)


def test_every_text_has_its_study() -> None:
    assert {path.stem for path in (ROOT / FOLDER).glob("*.txt")} == set(CASES)


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in CASES:
        (FOLDER / f"{name}.txt").write_text(message(name), encoding="utf-8")


if __name__ == "__main__":
    main()
