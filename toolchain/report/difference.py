"""What two reports say of the same things: one table for the page, the terminal and a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One figure in two reports; ``None`` where a report has none. ``better`` is -1 (less), 1 (more) or 0 (neither)."""

    name: str
    old: float | None
    new: float | None
    unit: str
    better: int
    part: bool = False  # of the figure above it

    @property
    def change(self) -> float | None:
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def verdict(self) -> str:
        """``same``, ``better``, ``worse`` or ``different``."""
        if self.old == self.new:
            return "same"
        if self.change is None or not self.better:
            return "different"
        return "better" if self.change * self.better > 0 else "worse"


FORMATS: Mapping[str, Callable[[float], str]] = {
    "B": lambda value: f"{round(value):,} B",
    "ms": lambda value: f"{value:.3f} ms" if abs(value) < 10 else f"{value:.2f} ms",
    "%": lambda value: f"{100 * value:.2f} %",
    "": lambda value: f"{value:.4g}",
}


def shown(value: float | None, unit: str) -> str:
    """A figure as it is printed; a dash for one that is not there."""
    return "–" if value is None else FORMATS[unit](value)


def signed(row: Row) -> str:
    """The change with its sign (``+1,024 B``, ``−0.012 ms``); empty where there is none to speak of."""
    if row.change is None or not row.change:
        return ""
    text = FORMATS[row.unit](abs(row.change)).replace(" %", " pp")
    return ("+" if row.change > 0 else "−") + text


def rows(old: Report, new: Report, parts: bool = True) -> list[Row]:
    """Memory, time and accuracy; with ``parts`` also what memory consists of."""
    return list(_rows(old, new, parts))


def _rows(old: Report, new: Report, parts: bool) -> Iterator[Row]:
    for section, title, names in (
        ("program", "program memory", ("weights", "kernels", "application")),
        ("data", "data memory", ("activations", "static", "stack")),
    ):
        yield Row(title, old[section]["used"], new[section]["used"], "B", -1)
        if parts:
            for name in names:
                yield Row(name, old[section][name], new[section][name], "B", -1, part=True)
    yield Row("time, mean", old["latency"]["ms"], new["latency"]["ms"], "ms", -1)
    yield Row("time, at most", longest(old), longest(new), "ms", -1)
    for key, title in (("quantized", "accuracy"), ("float", "accuracy, float"), ("board", "accuracy, board")):
        values = old["accuracy"].get(key), new["accuracy"].get(key)
        if any(value is not None for value in values):
            yield Row(title, *values, "%", 1)
    errors = [(report["accuracy"].get("error") or {}).get("quantized") for report in (old, new)]
    if any(error is not None for error in errors):
        yield Row("mean absolute error", errors[0], errors[1], "", -1)


def longest(report: Report) -> float | None:
    """The longest inference in milliseconds."""
    cycles = report["latency"]["cycles_max"]
    return None if cycles is None else 1000 * cycles / report["clock_hz"]
