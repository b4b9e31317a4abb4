"""Stage ``study``: the results of all points of a study as CSV, as a table (Markdown, terminal) and as a figure."""

from __future__ import annotations

import argparse
import io
import json
import os
from pathlib import Path
from typing import Any, Literal

from toolchain.files import atomic, together
from toolchain.report import status
from toolchain.studies import table
from toolchain.studies.rows import BUILT, Row, as_csv, rows_of

WIDTH = 100  # of the table where no terminal says otherwise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=Path, required=True, help="study.json: points, measures, table and figure")
    parser.add_argument("--output", type=Path, required=True, help="the .csv; .md, .txt, .svg and .png go beside it")


def run(args: argparse.Namespace) -> None:
    study = json.loads(args.plan.read_text(encoding="utf-8"))
    study["measures"] = {measure["name"]: measure for measure in study["measures"]}
    status.update(f"measuring {len(study['points'])} points")
    rows = rows_of(study)
    drawn = table.make(study, rows)
    with atomic(args.output, "w") as file:
        file.write(as_csv(study, rows))
    with atomic(args.output.with_suffix(".md"), "w") as file:
        file.write(page(study, drawn))
    with atomic(args.output.with_suffix(".txt"), "w") as file:
        file.write(as_text(drawn, study["study"], WIDTH, colour=False))
    if study["figure"] is not None:
        status.update("drawing")
        from toolchain.studies.figure import draw

        with together(args.output.with_suffix(".svg"), args.output.with_suffix(".png")) as (svg, png):
            draw(study, rows, svg, png)
    columns = os.environ.get("COLUMNS", "")
    print(as_text(drawn, study["study"], int(columns) if columns.isdigit() else WIDTH, "FORCE_COLOR" in os.environ))
    status.done(closing(rows))


def as_text(drawn: table.Table, title: str, width: int, colour: bool) -> str:
    """The table as a terminal shows it."""
    from rich.console import Console

    text = io.StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    screen = Console(file=text, width=width, force_terminal=colour, highlight=False, color_system=system)
    screen.print(table.rich_table(drawn, title))
    for note in drawn.notes:
        screen.print(note, markup=False)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def page(study: dict[str, Any], drawn: table.Table) -> str:
    """The table in Markdown below what the study asks."""
    head = [f"# {study['study']}", "", study["description"]]
    if study["source"]:
        head += ["", f"After {study['source']}."]
    figure = (
        [f"![{study['figure']['title'] or study['description']}]({study['study']}.svg)", ""] if study["figure"] else []
    )
    return "\n".join([*head, "", *figure, table.markdown(drawn)])


def closing(rows: list[Row]) -> str:
    """``12 points, 2 over budget``"""
    over = sum(row.status != BUILT for row in rows)
    return f"{len(rows)} points" + (f", {over} over budget" if over else "")
