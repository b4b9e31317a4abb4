"""Stage ``study``: the results of all points of a study as CSV, as a table (Markdown, terminal) and as a figure."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolchain.errors import GoldcrestError
from toolchain.files import atomic, together
from toolchain.report import bars, status
from toolchain.stages import read_json
from toolchain.studies import stored, table
from toolchain.studies.rows import DIVERGED, OVER, Row, as_csv, rows_of

NAMED = 5  # points that an error names


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
    refuse_diverged(rows, args.output)


def page(study: dict[str, Any], drawn: table.Table) -> str:
    """The table in Markdown below what the study asks."""
    head = [f"# {study['study']}", "", study["description"]]
    if study["source"]:
        head += ["", f"After {study['source']}."]
    figure = (
        [f"![{study['figure']['title'] or study['description']}]({study['study']}.svg)", ""] if study["figure"] else []
    )
    return "\n".join([*head, "", *figure, table.markdown(drawn)])


def closing(rows: Sequence[Row]) -> str:
    """``12 points, 2 over budget``"""
    counts = ((what, len(those(rows, what))) for what in (OVER, DIVERGED))
    return ", ".join([f"{len(rows)} points", *(f"{count} {what}" for what, count in counts if count)])


def those(rows: Sequence[Row], what: str) -> list[Row]:
    """The rows of this status."""
    return [row for row in rows if row.status.startswith(what)]


def refuse_diverged(rows: Sequence[Row], table: Path) -> None:
    """Raises GoldcrestError if a training diverged: everything is written, and the build tells of it."""
    diverged = those(rows, DIVERGED)
    if diverged:
        named = ", ".join(row.name for row in diverged[:NAMED]) + (" …" if len(diverged) > NAMED else "")
        raise GoldcrestError(
            f"{len(diverged)} of {len(rows)} points diverged ({named}); {table} has the figures of the others: "
            "take a smaller learning_rate there, or leave these points out"
        )
