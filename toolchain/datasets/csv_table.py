"""CSV: a table with one sample a row; some columns are what goes in, one (or some) what should come out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.datasets import tables
from toolchain.datasets.base import (
    SHUFFLED_SPLIT,
    Dataset,
    DatasetOptionError,
    Description,
    Options,
    Splits,
    asked_for,
    raw_values,
    shuffled,
)
from toolchain.datasets.labels import class_indices
from toolchain.errors import DataError
from toolchain.layers.base import Option
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_COLUMN = {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}

FILE = Option(
    "file", {"type": "string", "minLength": 1, "description": "The file, relative to the folder that holds the build."}
)
LABEL = Option(
    "label",
    {
        "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "null"}],
        "default": None,
        "description": "The column with the class, by its name in the header or its number from 0.",
    },
)
TARGETS = Option(
    "targets",
    {
        "anyOf": [{"type": "array", "items": _COLUMN, "minItems": 1}, {"type": "null"}],
        "default": None,
        "description": "Instead of `label`, for regression: the columns whose values the network puts out.",
    },
)
FEATURES = Option(
    "features",
    {
        "anyOf": [{"type": "array", "items": _COLUMN, "minItems": 1}, {"type": "null"}],
        "default": None,
        "description": "The columns that go in. Left out: all but `label` or `targets`.",
    },
)
CLASSES = Option(
    "classes",
    {
        "anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}, {"type": "null"}],
        "default": None,
        "description": "The labels in the order of the network's outputs. "
        "Left out: whole numbers as they are, words sorted.",
    },
)
DELIMITER = Option(
    "delimiter",
    {
        "anyOf": [{"type": "string", "minLength": 1, "maxLength": 1}, {"type": "null"}],
        "default": None,
        "description": "What stands between two cells. Left out: found by looking (comma, semicolon, tab, bar, space).",
    },
)
HEADER = Option(
    "header",
    {
        "type": ["boolean", "null"],
        "default": None,
        "description": "Whether the first row names the columns. Left out: found by looking.",
    },
)


class CsvTable(Dataset):
    name = "csv"
    summary = "A table in a text file, one sample a row."
    options = (FILE, LABEL, TARGETS, FEATURES, CLASSES, DELIMITER, HEADER, SHUFFLED_SPLIT)

    def describe(self, options: Options) -> Description:
        if (options.get("label") is None) == (options.get("targets") is None):
            raise DatasetOptionError(
                "a CSV data set names either `label` (the column with the class) or `targets` (columns of values)",
                "label",
            )
        features = options.get("features")
        names = options.get("classes")
        return Description(
            (len(features),) if features else None,
            0 if options.get("targets") is not None else len(names) if names else None,
            asked_for(options),
        )

    def sources(self, options: Options) -> list[str]:
        return [options["file"]]

    def load(self, options: Options) -> Splits:
        self.describe(options)
        path = Path(options["file"]).expanduser()
        table = tables.read(path, options.get("delimiter"), options.get("header"))
        wanted = options.get("targets")
        outputs = _columns(table, [options["label"]], "label") if wanted is None else _columns(table, wanted, "targets")
        features = options.get("features")
        if features is None:
            inputs = [column for column in range(table.width) if column not in outputs]
        else:
            inputs = _columns(table, features, "features")
        if not inputs:
            raise DataError(f"{path} has no column left to go in: {table.width} in all, named as outputs")
        x = raw_values(tables.numbers(table, inputs), str(path))
        if wanted is not None:
            y = tables.numbers(table, outputs).astype(np.float32)
            return shuffled(x, y, 0, options.get("split"), str(path))
        indices, names = class_indices(table, outputs[0], options.get("classes"))
        return shuffled(x, np.array(indices, dtype=np.int32), len(names), options.get("split"), str(path), names)


def _columns(table: tables.Table, wanted: Sequence[str | int], option: str) -> list[int]:
    return [_column(table, column, option) for column in wanted]


def _column(table: tables.Table, wanted: str | int, option: str) -> int:
    """The number of a column named by name or number. Raises DatasetOptionError with the names there are."""
    if isinstance(wanted, int):
        if wanted >= table.width:
            raise DatasetOptionError(f"{table.file} has the columns 0 to {table.width - 1}, and no {wanted}", option)
        return wanted
    if table.header is None:
        raise DatasetOptionError(
            f"{table.file} has no header, so there is no column {wanted!r}; give its number from 0", option
        )
    if wanted not in table.header:
        close = difflib.get_close_matches(wanted, table.header, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(map(repr, table.header[:12]))}"
        raise DatasetOptionError(f"{table.file} has no column {wanted!r}; {hint}", option)
    return list(table.header).index(wanted)


DATASET = CsvTable()
