"""``bench``: kernels and models in simulated cycles, beside the stored baseline; ``--accept`` replaces it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from toolchain.bench.cases import cases
from toolchain.bench.measure import FLOOR, Row, measure_kernels, measure_model
from toolchain.report import status
from toolchain.stages import read_json, write_json

Baseline = Mapping[str, Mapping[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="the table as JSON")
    parser.add_argument("--baseline", type=Path, required=True, help="the stored figures (.json)")
    parser.add_argument("--accept", action="store_true", help="store today's figures as the baseline")
    parser.add_argument("reports", type=Path, nargs="*", help="report.json of built models")


def run(args: argparse.Namespace) -> None:
    rows = measure(args.reports)
    write_json(args.output, [row.as_json() for row in rows])
    old = {key(row): row for row in read_json(args.baseline)} if args.baseline.exists() else {}
    Console(file=sys.stdout, highlight=False).print(table(rows, old))
    slower = [row for row in rows if change(row, old) > 0]
    faster = [row for row in rows if change(row, old) < 0]
    if args.accept:
        write_json(args.baseline, [row.as_json() for row in rows])
    status.done(f"{len(rows)} rows, {len(slower)} slower and {len(faster)} faster than the baseline")


def measure(reports: Sequence[Path]) -> list[Row]:
    """All rows: the models', then each case with each kernel."""
    rows = [measure_model(read_json(path)) for path in reports]
    all_cases = cases()
    with tempfile.TemporaryDirectory() as folder:
        for index, case in enumerate(all_cases):
            status.update(case.name, index / len(all_cases))
            rows += measure_kernels(case, Path(folder) / str(index))
    return rows


def key(row: Mapping[str, Any]) -> str:
    return f"{row['name']}, {row['kernel']}"


def change(row: Row, old: Baseline) -> float:
    """By how much the mean grew since the baseline, as a fraction; 0 for a row that the baseline does not have."""
    before = old.get(key(row.as_json()))
    return row.mean / before["mean"] - 1 if before and before["mean"] else 0.0


def table(rows: Sequence[Row], old: Baseline) -> Table:
    """The screen's table; floor: 8 cycles a product."""
    result = Table(title=f"Cycles on an AVRxt core (floor: {FLOOR:g} a product; flash beyond the weights)", box=None)
    for title in ("layer", "kernel", "mean", "worst", "a product", "of floor", "flash", "RAM", "change"):
        words = title in ("layer", "kernel")
        result.add_column(title, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for row in rows:
        per = row.per_product
        result.add_row(
            row.name,
            row.kernel,
            f"{row.mean:,}",
            f"{row.worst:,}",
            f"{per:.2f}" if per else "",
            f"{per / FLOOR:.2f}" if per else "",
            f"{row.flash:,}",
            f"{row.ram:,}",
            f"{change(row, old):+.1%}" if key(row.as_json()) in old and change(row, old) else "",
        )
    return result
