"""The tiny stand-in for a network (tests/board/tiny), as an image for a chip, as a process, and repeated in Python."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

import numpy as np

from toolchain.board import chips, protocol
from toolchain.board.link import Expected
from toolchain.board.virtual.noise import Noise
from toolchain.graph import compilers
from toolchain.memory.compiler import avr_gcc, companion

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/board/tiny"
MODEL = 0x1234ABCD
INPUTS, OUTPUTS = 784, 10
PATIENCE = 0.02  # s: a process answers sooner, and if once it does not, the answer is taken later
INCLUDES = ("firmware/runtime", "firmware/app", "firmware/ports")


EXPECTED = Expected(MODEL, INPUTS, OUTPUTS, b"\xff" * 100)  # a process has no program memory: 0xff everywhere


def reference(data: bytes) -> tuple[bytes, int]:
    """What tiny/network.c computes: output bytes and class."""
    outputs = []
    for k in range(OUTPUTS):
        total = k
        for value in data[k::OUTPUTS]:
            total = (total * 3 + value) & 0xFF
        outputs.append(total)
    return bytes(outputs), int(np.argmax(outputs))


def image(folder: Path, mcu: str, clock: int, network: Path = TINY, optimize: str = "s") -> Path:
    """firmware.elf with ``network`` on a chip, and firmware.hex beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [*compilers.avr_flags(mcu, clock, optimize), *(f"-D{k}={v}" for k, v in chips.defines(mcu).items())]
    include = [f"-I{path}" for path in (network, *(ROOT / name for name in INCLUDES))]
    objects = []
    for source in [*(ROOT / name for name in chips.sources(mcu)), network / "network.c"]:
        objects.append(folder / f"{source.name}.o")
        run(avr_gcc(), *flags, *compilers.avr_compile_flags(), *include, "-c", source, "-o", objects[-1])
    elf = folder / "firmware.elf"
    run(avr_gcc(), *flags, *compilers.avr_link_flags(), *objects, "-o", elf)
    run(companion("objcopy"), "-O", "ihex", "-R", ".eeprom", elf, elf.with_suffix(".hex"))
    return elf


def host_program(folder: Path, main: str = "main.c", *flags: str) -> Path:
    """The firmware as a program of this machine that speaks the link on standard input and output."""
    program = folder / "host"
    sources = [ROOT / "firmware/app" / main, ROOT / "firmware/app/link.c", ROOT / "firmware/ports/host.c"]
    include = [f"-I{path}" for path in (TINY, *(ROOT / name for name in INCLUDES))]
    warnings = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
    run(
        compilers.host_compiler(), "-O1", "-g", *warnings, *flags, *include, *sources, TINY / "network.c", "-o", program
    )
    return program


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:4000]


class ProcessLine:
    """A line (``toolchain.board.link.Line``) to the firmware as a process, with noise on both directions.

    Time is counted, not spent: ``clock`` advances by what a reader would have waited in vain.
    """

    baudrate = 10_000_000

    def __init__(self, program: Path, there: Noise | None = None, back: Noise | None = None) -> None:
        self._program = program
        self._there, self._back = there or Noise(), back or Noise()
        self._now = 0.0
        self.reset_after: int | None = None  # bytes sent until the board is reset
        self.start()

    def start(self) -> None:
        """Power-up: waits until the process answers, because from then on its time is counted."""
        self._process = subprocess.Popen([self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(protocol.frame(protocol.HELLO.pack(0, 0)))
        answer = b""
        while not protocol.Unframer().feed(answer):
            answer += self._process.stdout.read(1)

    def clock(self) -> float:
        self._now += 1e-6
        return self._now

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        if self.reset_after is not None:
            self.reset_after -= len(data)
            if self.reset_after < 0:
                self.reset_after = None
                self._process.stdin.write(data[: len(data) // 2])
                self.close()
                self.start()
                return
        self._process.stdin.write(self._there(data))

    def read(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], PATIENCE)[0]:
            return self._back(os.read(self._process.stdout.fileno(), 4096))
        self._now += seconds
        return b""

    def close(self) -> None:
        """Power off. A crash, and anything the sanitizers find, is an error."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        assert self._process.wait(30) == 0

    def __enter__(self) -> ProcessLine:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()
