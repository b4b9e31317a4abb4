"""The table of a study: in Markdown for the results page, with rich for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.studies.rows import BUILT, Row, Summary, grouped, reference, referred, summarized

if TYPE_CHECKING:
    from rich.table import Table as RichTable

UNKNOWN = ""


@dataclass(frozen=True)
class Table:
    """Headings and cells as text; ``numeric`` says which columns are flush right."""

    headings: list[str]
    cells: list[list[str]]
    numeric: list[bool]
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
    groups = grouped(study, rows, by_seed)
    cells = [[_cell(study, axes, group, name, number) for name, number in columns] for group in groups]
    headings = [heading(study, axes, name, number) for name, number in columns]
    said = _statuses(groups)
    if any(said):
        headings.append("status")
        cells = [[*line, text] for line, text in zip(cells, said, strict=True)]
    numeric = [all(_number(line[index]) for line in cells) for index in range(len(headings))]
    return Table(headings, cells, numeric, _notes(study, rows, by_seed, columns))


def heading(study: Mapping[str, Any], axes: Mapping[str, Any], name: str, number: int | None = None) -> str:
    """``time, ms``, or ``the thesis, ms``."""
    shown = axes.get(name) or study["measures"].get(name) or {}
    title = shown.get("title") or name.replace("_", " ")
    if number is not None:
        title = study["references"][number]["name"]
    return f"{title}, {shown['unit']}" if shown.get("unit") else title


def _cell(study: Mapping[str, Any], axes: Mapping[str, Any], group: list[Row], name: str, number: int | None) -> str:
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
        if found.least != found.greatest
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
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}" if abs(value) >= 1 else f"{value:.4f}"


def _statuses(groups: list[list[Row]]) -> list[str]:
    """What is not as it should be, for each line of the table; all empty if everything was built."""
    said = []
    for group in groups:
        failed = [row for row in group if row.status != BUILT]
        of = f"{len(failed)} of {len(group)} " if 0 < len(failed) < len(group) else ""
        said.append(f"{of}{failed[0].status}" if failed else "")
    return said


def _notes(study: Mapping[str, Any], rows: Sequence[Row], by_seed: bool, columns: Any) -> list[str]:
    notes = list(study["table"].get("notes", ()))
    if study["repeated"] and not by_seed:
        seeds = list(dict.fromkeys(row.values["seed"] for row in rows))
        notes.insert(0, f"Mean (least – greatest) of {len(seeds)} trainings, seeds {', '.join(map(str, seeds))}.")
    for reference_ in study["references"]:
        source = f": {reference_['source']}" if reference_["source"] else ""
        notes.append(f"{reference_['name']}{source}. Where its column is blank the figure is not known to us.")
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


def rich_table(table: Table, title: str) -> RichTable:
    """The same for a terminal."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading_, right in zip(table.headings, table.numeric, strict=True):
        drawn.add_column(Text(heading_), justify="right" if right else "left", vertical="bottom")
    for cells in table.cells:
        drawn.add_row(*map(Text, cells))
    return drawn
