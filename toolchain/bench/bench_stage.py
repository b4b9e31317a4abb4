"""``bench``: kernels and models in simulated cycles, beside the stored baseline; ``--accept`` replaces that.

The figures go to ``--output`` as JSON, as a table to a text file beside it and to the screen, and with ``--accept``
into the documentation, where they stand between two marks.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from toolchain.bench.cases import cases, digits
from toolchain.bench.measure import NETWORK, Row, measure_kernels, measure_model
from toolchain.bench.table import markdown, screen, summary
from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.report import bars, status
from toolchain.stages import add_files, read_json, write_json

MODELS = Path("models")
BEGIN, END = "<!-- figures: ./scons bench accept=1 writes them -->\n", "<!-- end of figures -->\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "dataset", output="the figures as JSON; the table goes beside it (.txt)")
    parser.add_argument("--baseline", type=Path, required=True, help="the stored figures (.json)")
    parser.add_argument("--page", type=Path, required=True, help="the page (.md) that shows the stored figures")
    parser.add_argument("--accept", action="store_true", help="store today's figures as the baseline")
    parser.add_argument("reports", type=Path, nargs="*", help="report.json of built models")


def run(args: argparse.Namespace) -> None:
    rows = measure(args.reports, args.dataset)
    old = {Row(**row).key: row for row in read_json(args.baseline)} if args.baseline.exists() else {}
    whole = args.output.with_suffix(".txt")
    with atomic(whole, "w") as file:
        file.write(screen(rows, old, None, False, str(whole)))
    write_json(args.output, [row.as_json() for row in rows])
    print(screen(rows, old, bars.columns(), "FORCE_COLOR" in os.environ, str(whole)), flush=True)
    if args.accept:
        stored = [*others(rows, (Row(**row) for row in old.values())), *rows]
        write_json(args.baseline, [row.as_json() for row in stored])
        publish(args.page, markdown(stored))
    status.done(summary(rows, old))


def measure(reports: Sequence[Path], dataset: Path) -> list[Row]:
    """All rows: the models', then each case with each kernel on the digits of ``dataset``."""
    models = (measure_model(path.parent) for path in reports)
    rows = [row for row in models if row is not None]
    all_cases = cases(digits(dataset))
    with tempfile.TemporaryDirectory() as folder:
        for index, case in enumerate(all_cases):
            status.update(case.name, index / len(all_cases))
            rows += measure_kernels(case, Path(folder) / str(index))
    return rows


def others(rows: Sequence[Row], old: Iterable[Row]) -> list[Row]:
    """The stored figures of models that were not asked for. (Kernels are all measured, whatever was asked.)"""
    measured = {row.key for row in rows}
    return [
        row
        for row in old
        if row.kernel == NETWORK and row.key not in measured and (MODELS / f"{row.name}.yaml").exists()
    ]


def publish(page: Path, figures: str) -> None:
    """Put the figures between the page's marks. Raises GoldcrestError if it has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise GoldcrestError(f"{page}: the marks between which the figures stand are gone; it needs {BEGIN}{END}")
    with atomic(page, "w") as file:
        file.write(f"{before}{begin}\n{figures}\n{end}{after}")
