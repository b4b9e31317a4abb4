"""What a file of samples shows: the data set that the manifest declares, and a scaling that goes with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolchain.datasets import base, registry, tables
from toolchain.errors import GoldcrestError
from toolchain.lazy import LazyModule
from toolchain.starter import columns

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

TABLES = (".csv", ".tsv", ".txt", ".data")


@dataclass(frozen=True)
class Scaling:
    """``offset`` and ``divide`` of the manifest: one number, or one a feature."""

    offset: float | Sequence[float]
    divide: float | Sequence[float]
    reason: str


@dataclass(frozen=True)
class Findings:
    """``dataset`` is the manifest's section; ``shown`` are lines for the screen: a topic and what was found."""

    dataset: Mapping[str, Any]
    splits: base.Splits
    scaling: Scaling
    shown: Sequence[tuple[str, str]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample as the file holds it."""
        return tuple(self.splits.x["train"].shape[1:])

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        return self.splits.classes or self.splits.y["train"].shape[1]


def look(path: Path) -> Findings:
    """Reads the whole file. Raises DataError with the line of the file for what cannot be a data set."""
    suffix = path.suffix.lower()
    if suffix in TABLES:
        dataset, shown = _table(path)
    elif suffix == ".npz":
        dataset, shown = {"name": "npz", "file": str(path)}, []
    else:
        images = "; for images write the manifest by hand: `dataset: {name: image_folder, folder: …}`"
        wanted = f"a table ({', '.join(TABLES)}) or numpy's .npz was expected"
        raise GoldcrestError(f"data={path}: {wanted}{images if path.is_dir() else ''}")
    splits = registry.load(dataset)
    if not _is_split_already(path):
        total = sum(len(y) for y in splits.y.values())
        dataset = {**dataset, "split": base.counts(None, total, str(path))}
        shown = [*shown, ("split", f"{_parts(splits)} to train, validate and test, in random order")]
    else:
        shown = [*shown, ("split", f"{_parts(splits)} to train, validate and test, as the file has them")]
    scaling = scaling_of(splits.x["train"])
    kind = "bytes" if splits.x["train"].dtype == np.uint8 else "floats"
    shape = base.shape_text(splits.x["train"].shape[1:])
    shown += [("input", f"{shape} {kind}, {scaling.reason}")]
    return Findings(dataset, splits, scaling, shown)


def scaling_of(x: np.ndarray) -> Scaling:
    """A scaling that puts most values between -1 and 1 or near to it; ``x`` (n, *shape) are training samples.

    Values of one kind (an image, whole numbers of one range) get one scale: then bytes reach the chip as they are, and
    zeros stay zero. Columns of their own units are each taken to mean 0 and standard deviation 1.
    """
    flat = x.reshape(len(x), -1).astype(np.float64)
    largest = np.abs(flat).max(axis=0)
    alike = np.count_nonzero(2 * largest >= largest.max()) * 2 >= flat.shape[1]
    if x.ndim > 2 or (alike and x.dtype == np.uint8):
        top = _rounded(float(largest.max())) or 1.0
        return Scaling(0.0, top, f"all divided by {plain(top)}")
    divide = [_rounded(spread) or 1.0 for spread in flat.std(axis=0)]
    offset = [_rounded(-mean, spread / 100) for mean, spread in zip(flat.mean(axis=0), divide, strict=True)]
    return Scaling(offset, divide, "each less its mean, by its standard deviation")


def plain(value: float) -> str:
    """The shortest decimal text of a number."""
    return f"{value:g}" if value == int(value) and abs(value) < 1e6 else repr(value)


def _rounded(value: float, within: float = math.inf) -> float:
    """Four digits, as people write them, or as many as bring it ``within`` so much of the value; never -0."""
    short = (float(f"{value:.{digits}g}") for digits in range(4, 17))
    return next((number for number in short if abs(number - value) <= within), value) + 0.0


def _table(path: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    table = tables.read(path)
    found = columns.guess(table)
    label = columns.name(table, found.output)
    header = f"with a header, {table.width} columns" if table.header else f"no header, {table.width} columns"
    shown = [("data", f"{path}: {len(table.rows):,} rows, {header}")]
    dataset: dict[str, Any] = {"name": "csv", "file": str(path)}
    if found.classes is None:
        dataset["targets"] = [label]
        shown.append(("target", f"{label} ({found.reason}): values, so this is a regression"))
    else:
        values = columns.cells(table, found.output)
        counts = [f"{name} ({values.count(name):,})" for name in found.classes]
        dataset |= {"label": label, "classes": list(found.classes)}
        shown.append(("label", f"{label} ({found.reason})"))
        shown.append(("classes", f"{len(counts)}: {', '.join(counts)}"))
    for column, why in found.left_out:
        shown.append(("left out", f"{table.column_name(column)}: {why}"))
    if found.left_out:
        dataset["features"] = [columns.name(table, column) for column in found.inputs]
    return dataset, shown


def _is_split_already(path: Path) -> bool:
    if path.suffix.lower() != ".npz":
        return False
    with np.load(path, allow_pickle=False) as archive:
        return not {"x", "y"} <= set(archive.files)


def _parts(splits: base.Splits) -> str:
    return " + ".join(f"{len(splits.y[part]):,}" for part in base.PARTS)
