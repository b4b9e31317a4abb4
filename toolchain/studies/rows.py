"""The results of a study as rows: one a point for the CSV file, one a combination of axes for the table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain import blank
from toolchain.memory import budgets
from toolchain.studies.measures import DIGITS, Value, document, measured

BUILT, OVER, DIVERGED = "built", "over budget", "diverged"  # how a status begins


@dataclass(frozen=True)
class Row:
    """A point: the values of its axes (and its seed), its measures, and ``status``: built, or why not."""

    name: str
    values: Mapping[str, Any]
    measures: Mapping[str, Value]
    status: str


def rows_of(study: Mapping[str, Any]) -> list[Row]:
    """What the plan of the stage ``study`` says of its points, with everything measured."""
    rows = []
    for point in study["points"]:
        missing = _missing(point)
        if missing is not None:
            rows.append(Row(point["name"], point["values"], dict.fromkeys(study["measures"]), missing))
            continue
        found = measured(study["measures"], point["folders"])
        rows.append(Row(point["name"], point["values"], found, _status(point["folders"])))
    return rows


def _missing(point: Mapping[str, Any]) -> str | None:
    """Why there is nothing to measure: it was refused by estimate, or its training diverged."""
    if point["refusal"] is not None:
        return f"{OVER}: {point['refusal']}"
    return blank.reason_of(Path(point["folders"]["report"], "report.json"))


def _status(folders: Mapping[str, str]) -> str:
    report = document(Path(folders["report"], "report.json"))
    used = budgets.used(report)
    over = [budgets.message(name, *used[name]).partition(" (")[0] for name in budgets.exceeded(report)]
    return f"{OVER}: {'; '.join(over)}" if over else BUILT


def as_csv(study: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Every point with every measure, of ten significant digits, and the figures of others beside them."""
    beside = [(measure, number) for number, _ in enumerate(study["references"]) for measure in referred(study, number)]
    names = [f"{measure} ({study['references'][number]['name']})" for measure, number in beside]
    axes = [axis["name"] for axis in study["axes"]] + (["seed"] if study["repeated"] else [])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*axes, *study["measures"], *names, "status"])
    for row in rows:
        others = [reference(study, number, row.values, measure) for measure, number in beside]
        writer.writerow([*(row.values[axis] for axis in axes), *map(_plain, row.measures.values()),
                         *map(_plain, others), row.status])  # fmt: skip
    return text.getvalue()


def _plain(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def referred(study: Mapping[str, Any], number: int) -> list[str]:
    """The measures of which a reference has figures that belong to rows."""
    given = {key for point in study["references"][number]["points"] if "name" not in point for key in point}
    return [measure for measure in study["measures"] if measure in given]


def reference(study: Mapping[str, Any], number: int, values: Mapping[str, Any], measure: str) -> Value:
    """A reference's figure for a row: of the point whose axes are the row's."""
    axes = {axis["name"] for axis in study["axes"]}
    for point in study["references"][number]["points"]:
        own = {key: value for key, value in point.items() if key in axes}
        if measure in point and "name" not in point and all(values[key] == value for key, value in own.items()):
            return point[measure]
    return None


@dataclass(frozen=True)
class Summary:
    """Several trainings in one figure."""

    mean: float
    least: float
    greatest: float
    count: int


def summarized(rows: Sequence[Row], measure: str) -> Summary | Value:
    """One figure for rows that differ in the seed only."""
    values = [row.measures[measure] for row in rows if row.measures[measure] is not None]
    if not values or len(rows) == 1 or not all(isinstance(value, int | float) for value in values):
        return values[0] if values else None
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    return Summary(math.fsum(numbers) / len(numbers), min(numbers), max(numbers), len(numbers))


def grouped(rows: Sequence[Row], by_seed: bool) -> list[list[Row]]:
    """Rows that a table shows as one: those with the same values of all axes."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple((type(v).__name__, v) for k, v in row.values.items() if by_seed or k != "seed")
        groups.setdefault(key, []).append(row)
    return list(groups.values())
