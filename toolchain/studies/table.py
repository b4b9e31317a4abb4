"""The table of a study: in Markdown for the results page, in columns for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.studies.rows import BUILT, Row, Summary, grouped, reference, referred, summarized

UNKNOWN = ""


@dataclass(frozen=True)
class Table:
    """Headings and cells as text; ``numeric`` says which columns are flush right.

    ``short`` are the cells with means only, for a narrow terminal; ``ranks`` says which columns that goes without: the
    greatest first, those of rank 0 never.
    """

    headings: list[str]
    cells: list[list[str]]
    short: list[list[str]]
    numeric: list[bool]
    ranks: list[int]
    notes: list[str]


def make(study: Mapping[str, Any], rows: Sequence[Row]) -> Table:
    """A row for each combination of axes, with others' figures in the column after ours."""
    axes = {axis["name"]: axis for axis in study["axes"]}
    wanted = study["table"].get("columns") or [*axes, *study["measures"]]
    by_seed = "seed" in wanted
    columns: list[tuple[str, Any]] = []
    for name in [*(axis for axis in axes if axis not in wanted), *wanted]:
        columns.append((name, None))
        columns += [(name, n) for n, _ in enumerate(study["references"]) if name in referred(study, n)]
    groups = grouped(rows, by_seed)
    cells, short = (
        [[_cell(study, axes, group, name, number, spread) for name, number in columns] for group in groups]
        for spread in (True, False)
    )
    headings = [heading(study, axes, name, number) for name, number in columns]
    ranks = [0 if name in (*axes, "seed") else place for place, (name, _) in enumerate(columns)]
    said = _statuses(groups)
    if any(said):
        headings.append("status")
        ranks.append(0)
        cells, short = ([[*line, text] for line, text in zip(lines, said, strict=True)] for lines in (cells, short))
    numeric = [all(_number(line[index]) for line in cells) for index in range(len(headings))]
    return Table(headings, cells, short, numeric, ranks, _notes(study, rows, by_seed))


def heading(study: Mapping[str, Any], axes: Mapping[str, Any], name: str, number: int | None = None) -> str:
    """``time, ms``, or ``the thesis, ms``."""
    shown = axes.get(name) or study["measures"].get(name) or {}
    title = shown.get("title") or name.replace("_", " ")
    if number is not None:
        title = study["references"][number]["name"]
    return f"{title}, {shown['unit']}" if shown.get("unit") else title


def _cell(
    study: Mapping[str, Any], axes: Mapping[str, Any], group: list[Row], name: str, number: int | None, spread: bool
) -> str:
    """``spread``: with the least and the greatest of several trainings behind their mean."""
    first = group[0]
    if name in axes:
        return str(axes[name]["label"]).replace("{}", f"{first.values[name]}")
    if name == "seed":
        return str(first.values["seed"])
    measure = study["measures"][name]
    if number is not None:
        return formatted(reference(study, number, first.values, name), measure)
    found = summarized(group, name)
    if not isinstance(found, Summary):
        return formatted(found, measure)
    return (
        f"{formatted(found.mean, measure)} ({formatted(found.least, measure)} – {formatted(found.greatest, measure)})"
        if spread and found.least != found.greatest
        else formatted(found.mean, measure)
    )


def formatted(value: Any, measure: Mapping[str, Any]) -> str:
    """A figure with the measure's decimals, or as many as make four digits."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if "digits" in measure:
        return f"{value:,.{measure['digits']}f}"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 1:
        return f"{value:,.{max(0, 4 - len(str(int(abs(value)))))}f}"
    return f"{value:.{4 if abs(value) >= 1e-3 else 3 - math.floor(math.log10(abs(value)))}f}"


def _statuses(groups: list[list[Row]]) -> list[str]:
    """What is not as it should be, for each line of the table; all empty if everything was built."""
    said = []
    for group in groups:
        failed = [row for row in group if row.status != BUILT]
        of = f"{len(failed)} of {len(group)} " if 0 < len(failed) < len(group) else ""
        said.append(f"{of}{failed[0].status}" if failed else "")
    return said


def _notes(study: Mapping[str, Any], rows: Sequence[Row], by_seed: bool) -> list[str]:
    notes = list(study["table"].get("notes", ()))
    if study["repeated"] and not by_seed:
        seeds = list(dict.fromkeys(row.values["seed"] for row in rows))
        notes.insert(0, f"Mean (least – greatest) of {len(seeds)} trainings, seeds {', '.join(map(str, seeds))}.")
    for number, reference_ in enumerate(study["references"]):
        source = f": {reference_['source']}" if reference_["source"] else ""
        blank = " Where its column is blank the figure is not known to us." if referred(study, number) else ""
        notes.append(f"{reference_['name']}{source}.{blank}")
    return notes


def _number(text: str) -> bool:
    bare = text.replace(",", "").replace("(", "").replace(")", "").replace("–", "").replace("-", "").replace(".", "")
    return not bare.strip() or bare.replace(" ", "").isdigit()


def markdown(table: Table) -> str:
    """A table as Markdown, notes below it."""
    lines = [
        _line([cell.replace("|", "\\|") for cell in table.headings]),
        _line(["---:" if right else "---" for right in table.numeric]),
        *(_line([cell.replace("|", "\\|") for cell in cells]) for cells in table.cells),
    ]
    return "\n".join([*lines, "", *(f"{note}\n" for note in table.notes)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_text(table: Table, title: str, width: int | None, colour: bool, whole: Path) -> str:
    """The same for a terminal of that many columns (None: no limit); ``whole`` is the file with all of the table."""
    from toolchain.report import tables

    columns = [
        tables.Column(heading_, cells, right, rank, short if short != cells else None)
        for heading_, cells, short, right, rank in zip(
            table.headings, _turned(table.cells), _turned(table.short), table.numeric, table.ranks, strict=True
        )
    ]
    shown = tables.text(title, columns, width, colour, str(whole), "means only")
    return shown + tables.prose(table.notes, width)


def _turned(lines: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return list(zip(*lines, strict=True))
