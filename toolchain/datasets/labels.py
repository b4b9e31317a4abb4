"""From labels in a user's file to class indices from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolchain.datasets.tables import Complaints, Table
from toolchain.errors import DataError
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

MOST_CLASSES = 1000  # more outputs than any 8-bit chip serves: such a column is no class but a measured value


def class_indices(table: Table, column: int, classes: Sequence[str] | None) -> tuple[list[int], list[str]]:
    """The class index of each row and the classes' names in the order of the indices.

    Declared ``classes`` come as given; undeclared whole numbers are indices as they stand; words are sorted.
    Raises DataError with file and line for a missing, unknown, negative or out-of-range label.
    """
    cells = [row[column].strip() for row in table.rows]
    complaints = Complaints(table.file)
    where = table.column_name(column)
    for cell, line in zip(cells, table.lines, strict=True):
        if not cell:
            complaints.add(line, f"the label is missing ({where})")
        elif classes is not None and cell not in classes:
            complaints.add(line, f"the label {cell!r} is none of the classes {', '.join(classes)}")
    complaints.settle()
    if classes is not None:
        order = {name: index for index, name in enumerate(classes)}
        return [order[cell] for cell in cells], list(classes)
    if not all(_is_whole(cell) for cell in cells):
        return _words(table, cells, where)
    indices = [int(float(cell)) for cell in cells]
    for index, line in zip(indices, table.lines, strict=True):
        if not 0 <= index < MOST_CLASSES:
            expected = f"0 to {MOST_CLASSES - 1} was expected; for values use `targets`"
            complaints.add(line, f"the label {index} is no class index ({expected})")
    complaints.settle()
    check_gaps(indices, f"{table.file}: {where}")
    return indices, [str(index) for index in range(max(indices) + 1)]


def check_gaps(indices: Sequence[int], origin: str) -> None:
    """Raises DataError if a class below the largest has no sample: its output could never be learned."""
    present = set(indices)
    absent = [index for index in range(max(present) + 1) if index not in present]
    if absent:
        raise DataError(
            f"{origin}: no sample has the label {absent[0]}, and the labels go up to {max(present)}; "
            "number the classes from 0 without gaps, or list them in `classes`"
        )


def integer_labels(y: np.ndarray, origin: str) -> tuple[np.ndarray, int]:
    """Integer labels (n,) as int32, and the number of classes. Raises DataError naming the sample at fault."""
    wrong = np.flatnonzero((y < 0) | (y >= MOST_CLASSES))
    if wrong.size:
        raise DataError(
            f"{origin}: the label of sample {wrong[0]} is {y[wrong[0]]}; class indices go from 0 to {MOST_CLASSES - 1}"
        )
    present = np.unique(y)
    if len(present) < 2:
        raise DataError(f"{origin}: every label is {present[0]}; at least two classes were expected")
    check_gaps([int(label) for label in present], origin)
    return y.astype(np.int32), int(present[-1]) + 1


def _words(table: Table, cells: Sequence[str], where: str) -> tuple[list[int], list[str]]:
    names = sorted(set(cells))
    if len(names) > MOST_CLASSES or len(names) == len(cells) > 1:
        raise DataError(
            f"{table.file}: {where} holds {len(names):,} different labels in {len(cells):,} rows; "
            "that is no class column (for values use `targets`)"
        )
    order = {name: index for index, name in enumerate(names)}
    return [order[cell] for cell in cells], names


def _is_whole(cell: str) -> bool:
    try:
        return float(cell).is_integer() and "_" not in cell
    except (ValueError, OverflowError):
        return False
