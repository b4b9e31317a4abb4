"""Every wrong manifest of this folder gives exactly the text beside it: ``NAME.yaml`` and ``NAME.txt``.

The texts are what people read, so a change of one is a change to look at. After a change that is meant:

    python tests/failing/test_failing.py --write        then read the difference in version control
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("tests/failing")
CASES = sorted(path.stem for path in (ROOT / FOLDER).glob("*.yaml"))


def message(name: str) -> str:
    """What loading the manifest says, with the project's root as the working folder."""
    from toolchain import manifest
    from toolchain.errors import ManifestError

    try:
        manifest.load(FOLDER / f"{name}.yaml")
    except ManifestError as error:
        return f"{error}\n"
    return "no error\n"


@pytest.mark.parametrize("name", CASES)
def test_exact_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    golden = ROOT / FOLDER / f"{name}.txt"
    assert golden.is_file(), f"{golden} is missing: see the top of this file"
    assert message(name) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_shape_of_the_message(name: str) -> None:
    text = (ROOT / FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith(str(FOLDER)) and ": error: " in lines[0]
    assert lines[-1].endswith(f" in {FOLDER}/{name}.yaml")
    assert all(len(line) <= 80 for line in lines if not line.startswith(str(FOLDER)) and "error" not in line)
    assert "Traceback" not in text and "\x1b" not in text


def test_there_are_enough() -> None:
    assert len(CASES) >= 100


def test_every_text_has_its_manifest() -> None:
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
