"""The bars and the latency line that end a build.

    program  [=====.....]  55.1 %   27,112 of 49,152 B    weights 25,450  kernels 912  application 750
    data     [==........]  20.0 %    1,214 of  6,144 B    activations 816  static 96  stack 302
    latency                          8.0 ms at 20 MHz      160,000 cycles, 6.3 per product
    time     [========..]  86.4 %   17.280 of 20.000 ms    worst case 345,600 cycles

The last line is there where the manifest grants a time; a warning follows where it asks for constant time and a layer
does not keep to it. On a terminal of fewer columns the details go on lines of their
own.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

from toolchain.memory import budgets

WIDTH = 10
LABEL = 9
DETAILS = 52  # the column at which the details begin
PROSE = 100  # the width of a warning where no terminal says otherwise


def lines(report: Mapping[str, Any], columns: int | None = None) -> list[str]:
    """The lines (more if ``columns`` are too few), plain."""
    program, data = report["program"], report["data"]
    parts = (("weights", "kernels", "application"), ("activations", "static", "stack"))
    rows = [
        (_bar(name, section["used"], section["budget"]), "  ".join(f"{part} {section[part]:,}" for part in names))
        for name, section, names in zip(("program", "data"), (program, data), parts, strict=True)
    ]
    rows.append(_latency(report))
    if time := budgets.used(report).get("time"):
        rows.append((_bar("time", *time), f"worst case {report['latency']['cycles_max']:,} cycles"))
    result = []
    for head, details in rows:
        if columns is None or DETAILS + len(details) <= columns:
            result.append(f"{head:<{DETAILS}}  {details}".rstrip())
        else:
            result += [head.rstrip(), f"{'':<{LABEL}}{details}"]
    return [*result, *_varying(report, columns or PROSE)]


def summary(report: Mapping[str, Any]) -> str:
    """All of it in half a line: ``program 8,766 B, data 910 B, 0.90 ms``."""
    program, data, ms = report["program"]["used"], report["data"]["used"], report["latency"]["ms"]
    return f"program {program:,} B, data {data:,} B, {'too large to be run' if ms is None else _time(ms)}"


def _bar(name: str, used: int, budget: int) -> str:
    share = used / budget
    filled = min(WIDTH, max(1 if used else 0, int(share * WIDTH)))
    bar = "=" * filled + "." * (WIDTH - filled)
    needed, granted = budgets.amount(name, used), budgets.amount(name, budget)
    room = max(len(granted), 6)
    amounts = f" {needed:>{room}} of {granted:>{room}} {budgets.unit(name)}"
    return f"{name:<{LABEL}}[{bar}] {share:>6.1%} ".replace("%", " %") + amounts


def _latency(report: Mapping[str, Any]) -> tuple[str, str]:
    latency = report["latency"]
    clock = report["clock_hz"] / 1e6
    if latency["cycles"] is None:
        return f"{'latency':<{LABEL + WIDTH + 13}}not measured", "the image is too large to be run"
    head = f"{'latency':<{LABEL + WIDTH + 13}}{_time(latency['ms'])} at {clock:g} MHz"
    products = sum(layer["macs"] for layer in latency["layers"])
    details = f"{round(latency['cycles_mean']):,} cycles"
    if products:
        details += f", {latency['cycles_mean'] / products:.1f} per product"
    return head, details


def _varying(report: Mapping[str, Any], columns: int) -> list[str]:
    """A warning if constant time was asked for and layers do not keep to it."""
    spreads = {layer["name"]: layer["spread"] for layer in report["latency"]["layers"] if layer.get("spread")}
    if not spreads:
        return []
    text = "latency: constant does not hold; by how many cycles at most the time of a layer varies: "
    text += ", ".join(f"{name} {cycles:,}" for name, cycles in spreads.items())
    return textwrap.wrap(
        text, columns, initial_indent=f"{'warning':<{LABEL}}", subsequent_indent=" " * LABEL, break_on_hyphens=False
    )


def _time(ms: float) -> str:
    return f"{ms:.1f} ms" if ms >= 10 else f"{ms:.2f} ms" if ms >= 0.1 else f"{1000 * ms:.0f} µs"


def columns() -> int | None:
    """The terminal's width, as COLUMNS or the terminal itself says it; None where the output goes elsewhere, and for a
    terminal that does not know its width (it says 0)."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit():
        return int(told) or None
    return (os.get_terminal_size(1).columns or None) if os.isatty(1) else None


def show(report: Mapping[str, Any]) -> None:
    """Prints the lines; colours if the environment asks for them (FORCE_COLOR), as wide as COLUMNS says."""
    rendered = lines(report, columns())
    if "FORCE_COLOR" not in os.environ:
        print("\n".join(rendered), flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for line in rendered:
        console.print(_coloured(line, report))


def _coloured(line: str, report: Mapping[str, Any]) -> Text:
    """Green up to nine tenths of the budget, yellow above, red beyond it."""
    from rich.text import Text

    text = Text(line)
    if found := budgets.used(report).get(line[:LABEL].strip()):
        share = found[0] / found[1]
        text.stylize("red" if share > 1 else "yellow" if share > 0.9 else "green", LABEL, LABEL + WIDTH + 2)
    text.stylize("bold", 0, LABEL)
    return text
