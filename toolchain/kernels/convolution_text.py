"""Assembly text that counts itself: bytes of flash, and cycles on an AVRxt core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

CYCLES = {
    "mul": 2, "ld": 2, "ldd": 2, "pop": 2, "lpm": 3, "rjmp": 2, "jmp": 3, "adiw": 2, "sbiw": 2, "ret": 4,
    "lds": 3, "sts": 2, "rcall": 2,
}  # fmt: skip
"""Instructions that take more than one cycle; conditional branches are counted as 1.5."""

LONG = ("jmp", "call", "lds", "sts")
NEAR = 60
"""Words that a conditional branch reaches with certainty."""
JUMP = 1900
"""Words that RJMP reaches with certainty."""


class Text:
    """Lines of assembly. ``mean`` and ``worst`` are the cycles of what was written, each times how often it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.words = 0
        self.mean = 0.0
        self.worst = 0.0
        self._often = [(1.0, 1.0)]
        self._labels = 0

    def __call__(self, *instructions: str) -> None:
        """Write instructions, one a string."""
        mean, worst = self._often[-1]
        for line in instructions:
            name = line.split()[0]
            self.lines.append(f"        {line}")
            self.words += 2 if name in LONG else 1
            cycles = 1.5 if name.startswith("br") else CYCLES.get(name, 1)
            self.mean += cycles * mean
            self.worst += cycles * worst

    def count(self, mean: float, worst: float) -> None:
        """Add the cycles of code that is written elsewhere."""
        often = self._often[-1]
        self.mean += mean * often[0]
        self.worst += worst * often[1]

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def fresh(self, what: str) -> str:
        """A new local label."""
        self._labels += 1
        return f".L{self.name}_{what}_{self._labels}"

    @contextmanager
    def often(self, mean: float, worst: float | None = None) -> Iterator[None]:
        """What is written inside runs this often, on average and at most, for each time of what is around it."""
        outer = self._often[-1]
        self._often.append((outer[0] * mean, outer[1] * (mean if worst is None else worst)))
        yield
        self._often.pop()

    def load(self, registers: list[str], values: list[int], scratch: int = 26) -> None:
        """Constants into registers, through ``scratch`` and the one above where LDI does not reach; pairs by MOVW."""
        held: dict[int, int] = {}
        place = 0
        while place < len(registers):
            number = int(registers[place][1:])
            if number >= 16:
                self(f"ldi r{number}, {values[place]}")
                place += 1
                continue
            pair = number % 2 == 0 and place + 1 < len(registers) and registers[place + 1] == f"r{number + 1}"
            for half, value in enumerate(values[place : place + (2 if pair else 1)]):
                if held.get(half) != value:
                    self(f"ldi r{scratch + half}, {value}")
                    held[half] = value
            self(f"movw r{number}, r{scratch}" if pair else f"mov r{number}, r{scratch}")
            place += 2 if pair else 1

    def advance(self, pointer: int, by: int) -> None:
        """Add a constant to a register pair (the number of its low register: 26, 28 or 30)."""
        if 0 < by < 64:
            self(f"adiw r{pointer}, {by}")
        elif -64 < by < 0:
            self(f"sbiw r{pointer}, {-by}")
        elif by:
            self(f"subi r{pointer}, {-by & 0xFF}", f"sbci r{pointer + 1}, {-by >> 8 & 0xFF}")

    def render(self) -> str:
        return "\n".join(self.lines) + "\n"


def little_endian(value: int, size: int) -> list[int]:
    """The bytes of a number in two's complement, lowest first."""
    return [value >> 8 * index & 0xFF for index in range(size)]
