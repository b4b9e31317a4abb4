"""What changes for each model, as Markdown for a pull request: flash, RAM, time and accuracy against the base."""

from __future__ import annotations

from collections.abc import Mapping

from toolchain.memory import budgets
from toolchain.report import difference
from toolchain.report.difference import Report, Row

HEADS = ("model", "flash", "RAM", "time, mean", "time, at most", "accuracy")
SHOWN = ("program memory", "data memory", "time, mean", "time, at most")
BUDGETED = {"program": "program memory", "data": "data memory", "time": "time, at most"}
MARKER = "<!-- goldcrest: models -->"
"""By this line a workflow finds its own comment again."""


def text(old: Mapping[str, Report], new: Mapping[str, Report]) -> str:
    """A headline, a row for each model that changes, and the names of those that do not."""
    rows, same = [], []
    for name in dict.fromkeys([*new, *old]):
        cells = _cells(old.get(name), new.get(name))
        shown = name or new[name]["model"]
        if cells is None:
            same.append(shown)
        else:
            rows.append(f"| {shown} | {' | '.join(cells)} |")
    total = len(rows) + len(same)
    lines = [
        MARKER,
        f"### {len(rows)} of {total} model{'' if total == 1 else 's'} change{'s' if len(rows) == 1 else ''}",
    ]
    if rows:
        lines += ["", f"| {' | '.join(HEADS)} |", "|---|" + "---:|" * (len(HEADS) - 1), *rows]
    if same:
        lines += ["", f"Unchanged: {', '.join(same)}."]
    return "\n".join(lines) + "\n"


def _cells(old: Report | None, new: Report | None) -> list[str] | None:
    """One model's row; None if nothing in it changed."""
    if old is None or new is None:
        report = new or old
        assert report is not None
        word = "new" if old is None else "removed"
        figures = [difference.shown(row.new, row.unit) for row in _rows(report, report)]
        return [f"{word}: {figures[0]}", *figures[1:]]
    rows = _rows(old, new)
    if all(row.verdict == "same" for row in rows):
        return None
    cells = [_cell(row) for row in rows]
    for name in budgets.exceeded(new):
        cells[SHOWN.index(BUDGETED[name])] += " **over budget**"
    return cells


def _rows(old: Report, new: Report) -> list[Row]:
    """The figures of the columns, the last one accuracy or, for a regression, its error."""
    rows = {row.name: row for row in difference.rows(old, new, parts=False)}
    last = rows.get("accuracy") or rows.get("mean absolute error") or Row("accuracy", None, None, "%", 1)
    return [*(rows[name] for name in SHOWN), last]


def _cell(row: Row) -> str:
    now = difference.shown(row.new, row.unit)
    change = difference.signed(row)
    if row.verdict == "same":
        return now
    return f"{now} (**{change or 'was ' + difference.shown(row.old, row.unit)}**)"
