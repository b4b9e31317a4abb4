"""Small programs for the simulator's tests: assembled or compiled with avr-gcc, kept per source text."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from toolchain.memory.compiler import avr_gcc
from toolchain.simulator.core import Core

CACHE = Path("build/tests/programs")
BARE = ("-nostartfiles", "-nostdlib", "-x", "assembler-with-cpp")


def build(source: str, mcu: str, *flags: str) -> Path:
    """The ELF of a C program with the usual start-up code, or with ``BARE`` among the flags of bare assembly."""
    key = hashlib.sha256("\0".join([source, mcu, *flags]).encode()).hexdigest()[:16]
    path = CACHE / f"{key}.elf"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        language = () if "-x" in flags else ("-x", "c")
        made = path.with_suffix(".partial")
        done = subprocess.run(
            [avr_gcc(), f"-mmcu={mcu}", *flags, *language, "-", "-o", made],
            input=source, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not done.returncode, done.stderr
        made.replace(path)
    return path


def assembled(body: str, mcu: str = "atmega4809") -> Core:
    """A chip with a program of assembly: ``start`` is a global function unless the body defines others."""
    return Core(build(f".global start\n.type start,@function\nstart:\n{body}\n", mcu, *BARE), mcu)


def compiled(source: str, mcu: str = "atmega4809", *flags: str) -> Core:
    return Core(build(source, mcu, *(flags or ("-Os",))), mcu)
