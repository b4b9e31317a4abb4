"""The budgets of a manifest, and the words in which one that does not hold is reported.

Program and data memory are counted in bytes, time (the longest inference over every possible input) in microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PLACES: Mapping[str, tuple[str, ...]] = {
    "program": ("target", "memory", "program"),
    "data": ("target", "memory", "data"),
    "time": ("target", "time"),
}
"""Where the manifest grants them."""

MOST = {"program": "largest", "data": "largest", "time": "slowest"}
"""What those parts are that take most of them."""


def used(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Of report.json: what each budget's subject takes, and the budget. A time is rounded up to whole microseconds."""
    found = {name: (report[name]["used"], report[name]["budget"]) for name in ("program", "data")}
    latency = report["latency"]
    if latency.get("budget_ms") is not None and latency["cycles_max"] is not None:
        needed = -(-latency["cycles_max"] * 10**6 // report["clock_hz"])
        found["time"] = (needed, round(1000 * latency["budget_ms"]))
    return found


def exceeded(report: Mapping[str, Any]) -> list[str]:
    """The budgets that do not hold."""
    return [name for name, (needed, budget) in used(report).items() if needed > budget]


def message(name: str, needed: int, budget: int, about: str = "") -> str:
    """``data memory: 812 B needed, 700 B available (112 B over)``; ``about`` goes before what is only estimated."""
    what, verb = ("time", "granted") if name == "time" else (f"{name} memory", "available")
    asked, granted, over = (f"{amount(name, value)} {unit(name)}" for value in (needed, budget, needed - budget))
    return f"{what}: {about}{asked} needed, {granted} {verb} ({over} over)"


def unit(name: str) -> str:
    """The one in which amounts are shown."""
    return "ms" if name == "time" else "B"


def amount(name: str, value: int) -> str:
    """Bytes as they are, microseconds as milliseconds."""
    return f"{value / 1000:,.3f}" if name == "time" else f"{value:,}"


def listed(parts: Sequence[tuple[str, int]], count: int = 3) -> str:
    """The largest parts on one line."""
    order = sorted(parts, key=lambda part: -part[1])
    return " · ".join(f"{name} {size:,}" for name, size in order[:count] if size)


def slowest(cycles: Iterable[tuple[str, int]], count: int = 3) -> str:
    """The layers that take most of the time, by name with their cycles: ``dense_1 225,000 cycles · dense_2 3,100``."""
    order = [(name, number) for name, number in sorted(cycles, key=lambda layer: -layer[1]) if number][:count]
    return " · ".join(f"{name} {number:,}{'' if place else ' cycles'}" for place, (name, number) in enumerate(order))
