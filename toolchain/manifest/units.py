"""Sizes, clocks and times with their units: ``48 KiB``, ``6144 B``, ``2 kB``; ``20 MHz``; ``20 ms``, ``1500 us``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A quantity that a manifest may state: its units by name, in their order in messages, how one writes it, and up to
    where a number without a unit probably counts that of the example."""

    what: str
    factors: dict[str, int]
    example: str
    base: str
    usual: int

    @property
    def pattern(self) -> str:
        """The regular expression of a value, for the JSON Schema."""
        return rf"^[0-9]+(\.[0-9]+)? ?({'|'.join(self.factors)})$"


SIZE = Unit("size", {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2}, "48 KiB", "bytes", 256)
CLOCK = Unit("clock", {"Hz": 1, "kHz": 1000, "MHz": 1000**2}, "20 MHz", "Hz", 999)
TIME = Unit("time", {"us": 1, "ms": 1000, "s": 1000**2}, "20 ms", "microseconds", 999)
UNITS = {unit.base: unit for unit in (SIZE, CLOCK, TIME)}

SPELT = {"k": "KiB", "kb": "kB", "kib": "KiB", "µs": "us", "μs": "us", "sec": "s"}
"""Other ways to write some of them: the sign of micro is two characters, and both look alike."""

QUANTITY = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(\S*)", re.ASCII)


class UnitError(ValueError):
    """A quantity that cannot be read; ``notes`` say what was expected."""

    def __init__(self, message: str, *notes: str) -> None:
        super().__init__(message)
        self.notes = notes


def parse(text: str, unit: Unit) -> int:
    """The quantity in the base unit (bytes, hertz, microseconds). Raises UnitError."""
    wanted = f"expected a {unit.what} such as `{unit.example}`; units: {', '.join(unit.factors)}"
    match = QUANTITY.fullmatch(text.strip())
    if not match:
        raise UnitError(f"`{text[:40]}` is not a {unit.what}", wanted)
    number, name = match.groups()
    if not name:
        raise UnitError(f"the {unit.what} `{text}` has no unit", f"did you mean `{_guess(number, unit)}`?", wanted)
    if name not in unit.factors:
        known = {factor.lower(): factor for factor in unit.factors} | SPELT
        guess = known.get(name.lower().removesuffix("hz") + "hz") if unit is CLOCK else known.get(name.lower())
        notes = (f"did you mean `{number} {guess}`?",) if guess in unit.factors else ()
        raise UnitError(f"unknown unit `{name[:20]}`", *notes, wanted)
    value = Fraction(number) * unit.factors[name]
    if value.denominator != 1:
        raise UnitError(f"`{text}` is not a whole number of {unit.base}", wanted)
    return int(value)


def _guess(number: str, unit: Unit) -> str:
    """What a bare number probably means: a small one counts the unit that people use, a large one the base unit."""
    if Fraction(number) <= unit.usual:
        return f"{number} {unit.example.split()[1]}"
    return show(int(Fraction(number)), unit)


def show(value: int, unit: Unit) -> str:
    """The shortest exact way to write ``value``: 49152 → ``48 KiB``, 16000000 → ``16 MHz``."""
    exact = [name for name, factor in unit.factors.items() if value % factor == 0 and value >= factor]
    names = sorted(exact, key=lambda name: (len(str(value // unit.factors[name])), -unit.factors[name]))
    name = names[0] if names else next(iter(unit.factors))
    return f"{value // unit.factors[name]} {name}"
