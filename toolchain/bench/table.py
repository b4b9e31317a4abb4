"""The benchmark's rows for the screen, and as Markdown for the documentation; what has changed since a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from toolchain.bench.measure import NETWORK, Row
from toolchain.bench.published import PUBLISHED

Baseline = Mapping[str, Mapping[str, Any]]
COMPARED = ("mean", "worst", "possible", "flash", "ram")
COLUMNS = ("mean", "worst", "possible", "a product", "of floor", "flash", "RAM")


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


def screen(rows: Sequence[Row], old: Baseline) -> RenderableType:
    """A table of models and one of kernels, layer by layer."""
    models, kernels = [row for row in rows if row.kernel == NETWORK], [row for row in rows if row.kernel != NETWORK]
    parts: list[RenderableType] = []
    if models:
        table = _table("Models: cycles on an AVRxt core over 1,000 test images, bytes with everything", ("model",), ())
        for row in models:
            table.add_row(row.name, *_figures(row), _told(row, old))
        parts.append(table)
    if kernels:
        table = _table("Kernels: one layer each, bytes beyond its weights", ("layer, kernel",), ("published",))
        for name, group in groupby(kernels, key=lambda row: row.name):
            table.add_row(f"[bold]{name}")
            for row in group:
                table.add_row(f"  {row.kernel}", *_figures(row), PUBLISHED.get((name, row.kernel), ""), _told(row, old))
        parts.append(table)
    return Group(*parts)


def markdown(rows: Sequence[Row]) -> str:
    """The same as two tables of Markdown, without a comparison."""
    models, kernels = [row for row in rows if row.kernel == NETWORK], [row for row in rows if row.kernel != NETWORK]
    lines = [*_markdown(("model", *COLUMNS), ((row.name, *_figures(row)) for row in models)), ""]
    cells = ((row.name, row.kernel, *_figures(row), PUBLISHED.get((row.name, row.kernel), "")) for row in kernels)
    return "\n".join([*lines, *_markdown(("layer", "kernel", *COLUMNS, "published"), cells)]) + "\n"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    words = sum(name in ("model", "layer", "kernel") for name in head)
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * words + "---:|" * (len(head) - words)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _table(title: str, words: Sequence[str], more: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for name in words:
        table.add_column(name, no_wrap=True)
    for name in (*COLUMNS, *more, "change"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _figures(row: Row) -> tuple[str, ...]:
    per = f"{row.mean / row.products:.2f} / {row.possible / row.products:.2f}" if row.products else ""
    share = f"{row.possible / row.floor:.2f}" if row.floor else ""
    return (f"{row.mean:,}", f"{row.worst:,}", f"{row.possible:,}", per, share, f"{row.flash:,}", f"{row.ram:,}")


def _told(row: Row, old: Baseline) -> str:
    if old and row.key not in old:
        return "new"
    before = old.get(row.key, {})
    told = [f"{name} {_percent(by, before[name])}" for name, by in changes(row, old).items()]
    colour = "red" if slower(row, old) else "green" if faster(row, old) else ""
    text = ", ".join(told)
    return f"[{colour}]{text}[/]" if colour and text else text


def _percent(by: int, before: int) -> str:
    return f"{by / before:+.1%}" if before and abs(by) >= before / 1000 else f"{by:+,}"
