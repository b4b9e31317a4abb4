"""Wrong files whose messages are kept word for word: ``NAME.yaml`` and, beside it, ``NAME.txt``.

The texts are what people read, so a change of one is a change to look at. After a change that is meant:

    python -m tests.golden        then read the difference in version control
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Folder:
    """``path`` is relative to the project's root, which has to be the working folder; ``read`` refuses each file."""

    path: Path
    read: Callable[[Path], object]

    @property
    def cases(self) -> list[str]:
        return sorted(path.stem for path in (ROOT / self.path).glob("*.yaml"))

    @property
    def texts(self) -> list[str]:
        return sorted(path.stem for path in (ROOT / self.path).glob("*.txt"))

    def said(self, name: str) -> str:
        """What reading the file says now."""
        from toolchain.errors import GoldcrestError

        try:
            self.read(self.path / f"{name}.yaml")
        except GoldcrestError as error:
            return f"{error}\n"
        return "no error\n"

    def text(self, name: str) -> str:
        """What it should say."""
        golden = ROOT / self.path / f"{name}.txt"
        assert golden.is_file(), f"{golden} is missing: see the top of {__file__}"
        return golden.read_text(encoding="utf-8")

    def write(self) -> None:
        for name in self.cases:
            (ROOT / self.path / f"{name}.txt").write_text(self.said(name), encoding="utf-8")


def _manifest(path: Path) -> None:
    from toolchain import manifest

    manifest.load(path)


def _study(path: Path) -> None:
    from toolchain import studies

    studies.points(studies.read(path))


MANIFESTS = Folder(Path("tests/failing"), _manifest)
STUDIES = Folder(Path("tests/studies/failing"), _study)


if __name__ == "__main__":
    for folder in (MANIFESTS, STUDIES):
        folder.write()
