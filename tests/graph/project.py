"""A copy of the project in which SCons really runs, and what can be read from such a run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "SConstruct",
    "scons",
    "site_scons",
    "toolchain",
    "firmware",
    "models",
    "studies",
    "requirements.lock",
    "LICENSE",
)
VERB = re.compile(r"-m toolchain (\w+) ")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*.partial")


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    @property
    def stages(self) -> list[str]:
        """What ran, in order: verbs, and ``compile``, ``link`` and ``host`` for the compilers (needs ``verbose=1``)."""
        found = []
        for line in self.out.splitlines():
            if match := VERB.search(line):
                found.append(match[1])
            elif " -c -o build/" in line:
                found.append("compile")
            elif "/firmware.elf " in line and "-Wl," in line:
                found.append("link")
            elif "/host/network " in line and "-o " in line:
                found.append("host")
        return found

    @property
    def fetched(self) -> list[str]:
        """Stages whose results came from the shared cache."""
        return [line.split()[0] for line in self.out.splitlines() if line.endswith("from the cache")]


@dataclass(frozen=True)
class Project:
    root: Path

    @classmethod
    def copied(cls, root: Path, origin: Path = ROOT, more: Iterable[str] = ()) -> Project:
        """The project as it is in a working tree, without anything built; ``more`` parts than a build needs."""
        root.mkdir(parents=True)
        for part in (*PARTS, *more):
            if (origin / part).is_dir():
                shutil.copytree(origin / part, root / part, ignore=IGNORED)
            else:
                shutil.copy2(origin / part, root / part)
        return cls(root)

    def clone(self, root: Path) -> Project:
        """The same with all that is built, time stamps included."""
        shutil.copytree(self.root, root, symlinks=True, ignore=IGNORED)
        return Project(root)

    def environment(self, **extra: str) -> dict[str, str]:
        # A run of the tests side by side says how wide its terminal is; what the tests read is cut to no width.
        without = ("GOLDCREST", "PYTEST", "COLUMNS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(without)}
        # Python trusts compiled modules of the same second: they would hide an edit that a test makes.
        return {**inherited, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb", **extra}

    def command(self, *arguments: str, cache: str = "off") -> list[str]:
        return [sys.executable, "-m", "SCons", "verbose=1", f"cache={cache}", *arguments]

    def scons(self, *arguments: str, cache: str = "off", **environment: str) -> Run:
        done = subprocess.run(
            self.command(*arguments, cache=cache),
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=7200,  # a machine with other work to do
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def started(self, *arguments: str, cache: str = "off") -> subprocess.Popen[str]:
        """A build in a session of its own, as a terminal starts it."""
        return subprocess.Popen(
            self.command(*arguments, cache=cache),
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def results(self, model: str) -> dict[str, bytes]:
        """The files by which two builds are compared."""
        names = ("model.h5", "quantized.npz", "weights.h", "network.c", "firmware.elf", "firmware.hex", "report.json")
        return {name: (self.root / "build" / model / name).read_bytes() for name in names}
