"""Puts a study's results under docs/results/, with the command, the versions and the date beside them.

python -m toolchain publish NAME
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.report import status

BUILT = Path("build/studies")
RESULTS = Path("docs/results")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", help="a study that has been run")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"where to (default {RESULTS})")


def run(args: argparse.Namespace) -> None:
    built, target = BUILT / args.study, args.results / args.study
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


def origin(study: str, built: Path) -> str:
    """Who wants to see the same must do what: command, versions, date."""
    finished = datetime.date.fromtimestamp((built / f"{study}.csv").stat().st_mtime)
    points = json.loads((built / "study.json").read_text(encoding="utf-8"))["points"]
    folders = next((point["folders"] for point in points if point["folders"]), None)
    if folders is None:
        return f"`./scons study={study}`, {finished}."
    versions = json.loads(Path(folders["trained"], "model.history.json").read_text(encoding="utf-8"))["versions"]
    compiler = json.loads(Path(folders["point"], "memory.json").read_text(encoding="utf-8"))["compiler"]
    commit = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=False).stdout.strip()
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"`./scons study={study}` on {finished}" + (f" at {commit}" if commit else "") + f"; {used}, {compiler}."
