"""Puts a study's results under docs/results/, with the command, the versions and the date beside them.

python -m toolchain publish NAME              the results of the last run
python -m toolchain publish NAME --redraw     what is published already, after a change of how it is shown
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

from toolchain import blank, studies
from toolchain.errors import GoldcrestError
from toolchain.files import atomic, together
from toolchain.report import status
from toolchain.studies import stored, study_stage, table

BUILT = Path("build/studies")
RESULTS = Path("docs/results")
STUDIES = Path("studies")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="a study that has been run")
    parser.add_argument("--redraw", action="store_true", help="table and figure again from the published .csv")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"where to (default {RESULTS})")


def run(args: argparse.Namespace) -> None:
    built, target = BUILT / args.study, args.results / args.study
    if args.redraw:
        redraw(args.study, target)
        status.done(str(target))
        return
    csv = built / f"{args.study}.csv"
    if not csv.is_file():
        raise GoldcrestError(f"{csv} is not there; run ./scons study={args.study} first")
    for suffix in ("csv", "svg", "png"):
        source = csv.with_suffix(f".{suffix}")
        if source.is_file():
            with atomic(target / source.name) as file:
                file.write(source.read_bytes())
    page = csv.with_suffix(".md").read_text(encoding="utf-8").rstrip()
    with atomic(target / f"{args.study}.md", "w") as file:
        file.write(f"{page}\n\n{origin(args.study, built)}\n")
    status.done(str(target))


def redraw(name: str, folder: Path) -> None:
    """Table and figure of the published figures anew: nothing is built, and their origin stays as it was.

    Raises GoldcrestError if the figures are those of other points than the study has now.
    """
    csv, page = (folder / f"{name}.{suffix}" for suffix in ("csv", "md"))
    path = STUDIES / f"{name}.yaml"
    if not (csv.is_file() and page.is_file() and path.is_file()):
        raise GoldcrestError(f"{csv}: there is no published study `{name}` to draw again")
    study = declared(path)
    rows = stored.rows(study, csv)
    if study["figure"] is not None:
        from toolchain.studies.figure import draw

        with together(csv.with_suffix(".svg"), csv.with_suffix(".png")) as (svg, png):
            draw(study, rows, svg, png)
    came = page.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
    with atomic(page, "w") as file:
        file.write(f"{study_stage.page(study, table.make(study, rows)).rstrip()}\n\n{came}\n")


def declared(path: Path) -> dict[str, Any]:
    """The study of a file as the stage ``study`` knows it, with points of which nothing is built."""
    study = studies.read(path)
    points = [{"name": point.name, "values": point.values} for point in studies.points(study)]
    return stored.plan({**study.drawn(), "points": points})


def origin(study: str, built: Path) -> str:
    """Who wants to see the same must do what: command, versions, date."""
    finished = datetime.date.fromtimestamp((built / f"{study}.csv").stat().st_mtime)
    points = json.loads((built / "study.json").read_text(encoding="utf-8"))["points"]
    every = (point["folders"] for point in points if point["folders"])
    folders = next((each for each in every if blank.reason_of(_history(each)) is None), None)
    if folders is None:
        return f"`./scons study={study}`, {finished}."
    versions = json.loads(_history(folders).read_text(encoding="utf-8"))["versions"]
    compiler = json.loads(Path(folders["point"], "memory.json").read_text(encoding="utf-8"))["compiler"]
    commit = _commit()
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"`./scons study={study}` on {finished}" + (f" at {commit}" if commit else "") + f"; {used}, {compiler}."


def _history(folders: dict[str, str]) -> Path:
    return Path(folders["trained"], "model.history.json")


def _commit() -> str:
    """The commit that is checked out; empty where there is none, or no git."""
    try:
        done = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
