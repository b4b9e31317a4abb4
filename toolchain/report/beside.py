"""Two models side by side, plain and within 80 columns.

                        mnist_dense32       mnist_cnn_4k          change
program memory       27,894 B    57 %   17,754 B    54 %       −10,140 B
  weights            25,594 B            6,685 B               −18,909 B
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from toolchain.report import difference
from toolchain.report.difference import Report, Row

LABEL, FIGURE, CHANGE = 22, 20, 18
HALF = 39


def text(old: Mapping[str, Report], new: Mapping[str, Report]) -> str:
    """A table for each model of both; models that only one side has are named at the end."""
    blocks = [pair(old[name], new[name]) for name in new if name in old]
    for reports, others, word in ((old, new, "only before"), (new, old, "only now")):
        if alone := [name for name in reports if name not in others]:
            blocks.append([f"{word}: {', '.join(alone)}"])
    return "\n".join("\n".join(line.rstrip() for line in block) + "\n" for block in blocks)


def pair(old: Report, new: Report) -> list[str]:
    """The lines of one table: names, figures, layers."""
    names = [_fitted(report["model"], FIGURE - 2) for report in (old, new)]
    lines = [f"{'':<{LABEL}}{names[0]:>{FIGURE}}{names[1]:>{FIGURE}}{'change':>{CHANGE}}"]
    for row in difference.rows(old, new):
        section = {"program memory": "program", "data memory": "data"}.get(row.name)
        left, right = (_figure(value, row, report, section) for value, report in ((row.old, old), (row.new, new)))
        label = f"  {row.name}" if row.part else row.name
        lines.append(f"{label:<{LABEL}}{left:>{FIGURE}}{right:>{FIGURE}}{difference.signed(row):>{CHANGE}}")
    lines += ["", *_layers(old, new)]
    return lines


def _figure(value: float | None, row: Row, report: Report, section: str | None) -> str:
    shown = difference.shown(value, row.unit)
    if section is None:
        return shown if row.name.startswith(("time", "acc", "mean")) else f"{shown}{'':8}"
    return f"{shown}{100 * report[section]['used'] / report[section]['budget']:>6.0f} %"


def _layers(old: Report, new: Report) -> list[str]:
    """The layers of both in the order of execution: kind, bytes of weights, milliseconds of the first sample."""
    columns = [_column(report) for report in (old, new)]
    rows = zip_longest(*columns, fillvalue="")
    return [f"{left:<{HALF}}  {right}" for left, right in rows]


def _column(report: Report) -> list[str]:
    sizes = {layer["name"]: layer["weight_bytes"] for layer in report["layers"]}
    times = {layer["name"]: layer["cycles"] for layer in report["latency"]["layers"]}
    lines = [f"{'layer':<17}{'weights':>10}{'time':>12}"]
    for name in dict.fromkeys([*sizes, *times]):
        size = f"{sizes[name]:,} B" if sizes.get(name) else ""
        cycles: Any = times.get(name)
        time = "" if cycles is None else difference.shown(1000 * cycles / report["clock_hz"], "ms")
        lines.append(f"{_fitted(name, 17):<17}{size:>10}{time:>12}")
    return lines


def _fitted(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
