"""Stage ``study``: the results of all points of a study as CSV, as a table (Markdown, terminal) and as a figure."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from toolchain.files import atomic, together
from toolchain.report import bars, status
from toolchain.stages import read_json
from toolchain.studies import stored, table
from toolchain.studies.rows import BUILT, Row, as_csv, rows_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=Path, required=True, help="study.json: points, measures, table and figure")
    parser.add_argument("--output", type=Path, required=True, help="the .csv; .md, .txt, .svg and .png go beside it")


def run(args: argparse.Namespace) -> None:
    study = stored.plan(read_json(args.plan))
    status.update(f"measuring {len(study['points'])} points")
    rows = rows_of(study)
    drawn = table.make(study, rows)
    with atomic(args.output, "w") as file:
        file.write(as_csv(study, rows))
    with atomic(args.output.with_suffix(".md"), "w") as file:
        file.write(page(study, drawn))
    whole = args.output.with_suffix(".txt")
    with atomic(whole, "w") as file:
        file.write(table.as_text(drawn, study["study"], None, False, whole))
    if study["figure"] is not None:
        status.update("drawing")
        from toolchain.studies.figure import draw

        with together(args.output.with_suffix(".svg"), args.output.with_suffix(".png")) as (svg, png):
            draw(study, rows, svg, png)
    print(table.as_text(drawn, study["study"], bars.columns(), "FORCE_COLOR" in os.environ, whole))
    status.done(closing(rows))


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
