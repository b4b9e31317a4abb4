"""The benchmark's rows for the screen, and as Markdown for the documentation; what has changed since a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.text import Text

from toolchain.bench.measure import NETWORK, Row
from toolchain.bench.published import PUBLISHED
from toolchain.report import tables

Baseline = Mapping[str, Mapping[str, Any]]
COMPARED = ("mean", "worst", "possible", "flash", "ram")
COLUMNS = {  # heading → which goes first where a terminal is narrow: the greatest
    "mean, cycles": 1,
    "worst, cycles": 8,
    "possible, cycles": 2,
    "a product, cycles": 4,
    "of floor": 6,
    "flash, B": 5,
    "RAM, B": 7,
}
CHANGE, PUBLISHED_RANK = 3, 9
MODELS_TITLE = "Models: the whole inference on an AVRxt core over 1,000 test images, bytes with everything"
KERNELS_TITLE = "Kernels: one layer each on an AVRxt core, bytes beyond its weights"


def changes(row: Row, old: Baseline) -> dict[str, int]:
    """By how much each figure has grown since the baseline; only those that have changed."""
    before = old.get(row.key)
    if before is None:
        return {}
    grown = {name: getattr(row, name) - before[name] for name in COMPARED}
    return {name: by for name, by in grown.items() if by}


def slower(row: Row, old: Baseline) -> bool:
    return any(changes(row, old).get(name, 0) > 0 for name in ("mean", "worst", "possible"))


def faster(row: Row, old: Baseline) -> bool:
    return not slower(row, old) and any(changes(row, old).get(name, 0) < 0 for name in ("mean", "worst", "possible"))


def summary(rows: Sequence[Row], old: Baseline) -> str:
    """One line: how many rows, and what came of them since the baseline."""
    if not old:
        return f"{len(rows)} rows; no baseline to compare with"
    new, gone = sum(row.key not in old for row in rows), len(set(old) - {row.key for row in rows})
    counts = {
        "slower": sum(slower(row, old) for row in rows),
        "faster": sum(faster(row, old) for row in rows),
        "new": new,
        "not measured now": gone,
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{len(rows)} rows; beside the baseline: {told or 'all as they were'}"


def screen(rows: Sequence[Row], old: Baseline, width: int | None, colour: bool, whole: str) -> str:
    """A table of models and one of kernels, layer by layer, for a terminal of that width (None: no limit).

    ``whole`` names the file that holds them with all columns.
    """
    models, kernels = _apart(rows)
    parts = []
    if models:
        columns = _columns("model", [(row.name, row) for row in models], old)
        parts.append(tables.text(MODELS_TITLE, columns, width, colour, whole))
    if kernels:
        lines: list[tuple[tables.Cell, Row | None]] = []
        for name, group in groupby(kernels, key=lambda row: row.name):
            lines += [(Text(name, "bold"), None), *((f"  {row.kernel}", row) for row in group)]
        parts.append(tables.text(KERNELS_TITLE, _columns("layer, kernel", lines, old), width, colour, whole))
    return "\n".join(parts)


def markdown(rows: Sequence[Row]) -> str:
    """The same as two tables of Markdown, without a comparison; a layer is a bold line above those of its kernels."""
    models, kernels = _apart(rows)
    cells: list[tuple[str, ...]] = []
    for name, group in groupby(kernels, key=lambda row: row.name):
        cells.append((f"**{name}**", *[""] * (len(COLUMNS) + 1)))
        cells += [(row.kernel, *_figures(row), PUBLISHED.get((row.name, row.kernel), "")) for row in group]
    lines = [*_markdown(("model", *COLUMNS), ((row.name, *_figures(row)) for row in models)), ""]
    return "\n".join([*lines, *_markdown(("layer, kernel", *COLUMNS, "published"), cells)]) + "\n"


def _apart(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The models' rows by name, and the kernels' in the order of their cases."""
    models = sorted((row for row in rows if row.kernel == NETWORK), key=lambda row: row.name)
    return models, [row for row in rows if row.kernel != NETWORK]


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _columns(words: str, lines: Sequence[tuple[tables.Cell, Row | None]], old: Baseline) -> list[tables.Column]:
    """A line a row; one without a row is a heading among them."""
    figures = [_figures(row) if row else ("",) * len(COLUMNS) for _, row in lines]
    published = [PUBLISHED.get((row.name, row.kernel), "") if row else "" for _, row in lines]
    told = [_told(row, old) if row else "" for _, row in lines]
    return [
        tables.Column(words, [name for name, _ in lines], right=False),
        *(
            tables.Column(heading, cells, rank=rank)
            for (heading, rank), cells in zip(COLUMNS.items(), zip(*figures, strict=True), strict=True)
        ),
        tables.Column("published", published, rank=PUBLISHED_RANK),
        tables.Column("change", told, right=False, rank=CHANGE),
    ]


def _figures(row: Row) -> tuple[str, ...]:
    per = f"{row.mean / row.products:.2f} / {row.possible / row.products:.2f}" if row.products else ""
    share = f"{row.possible / row.floor:.2f}" if row.floor else ""
    return (f"{row.mean:,}", f"{row.worst:,}", f"{row.possible:,}", per, share, f"{row.flash:,}", f"{row.ram:,}")


def _told(row: Row, old: Baseline) -> Text:
    if old and row.key not in old:
        return Text("new")
    before = old.get(row.key, {})
    told = ", ".join(f"{name}{tables.TIED}{_percent(by, before[name])}" for name, by in changes(row, old).items())
    return Text(told, "red" if slower(row, old) else "green" if faster(row, old) else "")


def _percent(by: int, before: int) -> str:
    return f"{by / before:+.1%}" if before and abs(by) >= before / 1000 else f"{by:+,}"
