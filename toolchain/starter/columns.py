"""Guesses about a table's columns: which one is the class, which ones can go in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.datasets.tables import Table, is_number
from toolchain.errors import DataError

# What people call the column that should come out, the most telling first.
LABELS = ("label", "labels", "class", "classes", "target", "species", "category", "diagnosis", "outcome", "output", "y")
NUMBERINGS = ("", "id", "index", "no", "nr", "row", "unnamed: 0")
MOST_CLASSES = 100  # of a column of whole numbers that nobody called a label: more are taken for measured values


@dataclass(frozen=True)
class Columns:
    """``output`` is a class column if ``classes`` are known, else it holds values; ``left_out`` says why, by column.

    ``classes`` are the labels as they stand in the file, in the order of the network's outputs.
    """

    output: int
    reason: str
    classes: Sequence[str] | None
    inputs: Sequence[int]
    left_out: Sequence[tuple[int, str]]


def guess(table: Table) -> Columns:
    """Raises DataError if no column is left to go in, or the one that should come out cannot."""
    output, reason = _output(table)
    inputs, left_out = [], []
    for column in range(table.width):
        if column == output:
            continue
        why = _unfit(table, column)
        if why is None:
            inputs.append(column)
        else:
            left_out.append((column, why))
    if not inputs:
        reasons = "".join(f"\n  {table.column_name(column)}: {why}" for column, why in left_out)
        raise DataError(f"{table.file} has no column of numbers beside {table.column_name(output)}{reasons}")
    return Columns(output, reason, classes(table, output), inputs, left_out)


def classes(table: Table, column: int) -> list[str] | None:
    """The labels of a class column in their order: numbers by value, words sorted; None for a column of values."""
    found = set(cells(table, column)) - {""}
    if len(found) < 2:
        raise DataError(
            f"{table.file}: {table.column_name(column)}, which looks like the label, holds one value in all rows; "
            "at least two classes were expected"
        )
    if all(map(_is_whole, found)):
        if len(set(map(float, found))) < len(found):
            twice = next(cell for cell in sorted(found) if sum(float(cell) == float(other) for other in found) > 1)
            raise DataError(f"{table.file}: {table.column_name(column)} writes the label {float(twice):g} in two ways")
        few = len(found) <= MOST_CLASSES and 2 * len(found) <= len(table.rows)
        return sorted(found, key=float) if few else None
    if all(map(is_number, found)):
        return None
    if 2 * len(found) > len(table.rows):
        raise DataError(
            f"{table.file}: {table.column_name(column)}, which looks like the label, holds {len(found):,} different "
            f"words in {len(table.rows):,} rows; a column with a class in each row was expected: "
            f"call it `{LABELS[0]}` in the header, or put it last"
        )
    return sorted(found)


def name(table: Table, column: int) -> str | int:
    """How a manifest calls the column: by its name, without a header by its number from 0."""
    return table.header[column] if table.header else column


def cells(table: Table, column: int) -> list[str]:
    return [row[column].strip() for row in table.rows]


def _output(table: Table) -> tuple[int, str]:
    """The column that should come out, and why it is taken for that."""
    named = {cell.lower(): column for column, cell in reversed(list(enumerate(table.header or ())))}
    for word in LABELS:
        if word in named:
            return named[word], "by its name"
    words = [column for column in range(table.width) if _of_words(table, column) and not _all_differ(table, column)]
    if len(words) == 1:
        return words[0], "the only column of repeated words"
    last = table.width - 1
    if last in words:
        return last, "the last column of words"
    if not _class_like(table, last) and _class_like(table, 0):
        return 0, "the first column, of few whole numbers"
    return last, "the last column"


def _unfit(table: Table, column: int) -> str | None:
    """Why a column cannot go in, if it cannot."""
    if _of_words(table, column):
        return "holds words"
    numbered = _all_differ(table, column) and all(map(_is_whole, cells(table, column)))
    if table.header and numbered and table.header[column].strip().lower() in NUMBERINGS:
        return "numbers the rows"
    return None


def _of_words(table: Table, column: int) -> bool:
    """Whether most cells of the column are no numbers (a missing cell is a fault of its row, not of its column)."""
    filled = [cell for cell in cells(table, column) if cell]
    return 2 * sum(not is_number(cell) for cell in filled) > len(filled)


def _all_differ(table: Table, column: int) -> bool:
    return len(set(cells(table, column))) == len(table.rows)


def _class_like(table: Table, column: int) -> bool:
    found = set(cells(table, column))
    return all(map(_is_whole, found)) and 2 <= len(found) <= MOST_CLASSES and 2 * len(found) <= len(table.rows)


def _is_whole(cell: str) -> bool:
    return is_number(cell) and float(cell).is_integer()
