"""Stage ``compare``: two reports, or two folders of them, side by side in the terminal or as a table in Markdown.

    python -m toolchain compare build/a/report.json build/b/report.json
    python -m toolchain compare --markdown ../main/build build

Folders are searched for ``*/report.json``; what belongs together has the same name of a model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.errors import GoldcrestError
from toolchain.report import beside, markdown
from toolchain.report.budget_stage import SCHEMA

Reports = Mapping[str, Mapping[str, Any]]
FIELDS = ("clock_hz", "program", "data", "latency", "accuracy", "layers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, help="a report.json, or a folder of models' folders (build)")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("--markdown", action="store_true", help="a table in Markdown: what changes for each model")


def run(args: argparse.Namespace) -> None:
    old, new = found(args.old), found(args.new)
    if args.old.is_dir() != args.new.is_dir():
        raise GoldcrestError(f"{args.old} and {args.new}: two files or two folders were expected, not one of each")
    if not args.old.is_dir():
        old, new = ({"": report} for report in (*old.values(), *new.values()))
    sys.stdout.write(markdown.text(old, new) if args.markdown else beside.text(old, new))


def found(path: Path) -> Reports:
    """The reports of a file or a folder by model. Raises GoldcrestError naming what is missing or is no report."""
    if not path.is_dir():
        report = read(path)
        return {report["model"]: report}
    reports = [read(file) for file in sorted(path.glob("*/report.json"))]
    if not reports:
        raise GoldcrestError(f"{path}: holds no model's report.json; build some models first (./scons model=all)")
    return {report["model"]: report for report in reports}


def read(path: Path) -> Mapping[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GoldcrestError(f"{path}: does not exist; build the model first") from error
    except ValueError as error:
        raise GoldcrestError(f"{path}: not a report.json ({error}); delete it and build again") from error
    if not isinstance(report, dict) or report.get("schema") != SCHEMA or "model" not in report:
        raise GoldcrestError(f"{path}: not a report.json of version {SCHEMA}; delete it and build again")
    if missing := [name for name in FIELDS if name not in report]:
        raise GoldcrestError(f"{path}: a report.json without {', '.join(missing)}; delete it and build again")
    return report
