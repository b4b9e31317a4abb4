"""Reading a table of numbers from delimited text: every complaint has its file and line.

The arithmetic-free half (delimiter, header, columns) is apart from the numbers, so that both can be tested alone.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import DataError
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
COMPLAINTS_SHOWN = 10
LARGEST = 2.0**128 - 2.0**104  # of a 32-bit float


@dataclass
class Complaints:
    """Collects what is wrong with a file, so that all of it can be mended at once."""

    file: str
    lines: list[str] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        self.lines.append(f"{self.file}:{line}: {text}")

    def settle(self) -> None:
        """Raises DataError if there was anything."""
        if self.lines:
            more = len(self.lines) - COMPLAINTS_SHOWN
            rest = [f"{self.file}: and {more:,} more"] if more > 0 else []
            raise DataError("\n".join([*self.lines[:COMPLAINTS_SHOWN], *rest]))


@dataclass(frozen=True)
class Table:
    """The cells of a file: ``rows`` of one width, ``lines`` where each of them starts; column names if it has any."""

    file: str
    header: Sequence[str] | None
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    @property
    def width(self) -> int:
        return len(self.rows[0])

    def column_name(self, column: int) -> str:
        return f"column {self.header[column]!r}" if self.header else f"column {column}"


def read(path: Path, delimiter: str | None = None, header: bool | None = None) -> Table:
    """Reads ``path`` (UTF-8). ``None`` finds the delimiter, and whether there is a header, by looking.

    Raises DataError for a missing or empty file, another encoding, and every ragged row with its line.
    """
    text = _text(path)
    if delimiter is None:
        delimiter = detect_delimiter(text)
    rows, lines = _cells(text, delimiter, str(path))
    if not rows:
        raise DataError(f"{path} is empty; a table with one sample a row was expected")
    if header is None:
        header = looks_like_header(rows)
    names = [cell.strip() for cell in rows[0]] if header else None
    complaints = Complaints(str(path))
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            cells = f"{len(row)} cell{'s' if len(row) != 1 else ''}"
            complaints.add(line, f"{cells}, where line {lines[0]} has {len(rows[0])} (delimiter: {_name(delimiter)})")
    if names:
        for name in {name for name in names if names.count(name) > 1 and name}:
            complaints.add(lines[0], f"two columns are called {name!r}")
    complaints.settle()
    if header:
        rows, lines = rows[1:], lines[1:]
    if not rows:
        raise DataError(f"{path} has a header and no row below it")
    return Table(str(path), names, rows, lines)


def detect_delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the same number of cells, the most cells winning; else a comma."""
    sample = [line for line in text.splitlines()[:21] if line.strip()][:20]
    best, most = ",", 0
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
        agreeing = max(counts.count(count) for count in set(counts)) if counts else 0
        usual = max(set(counts), key=counts.count) if counts else 0
        if usual > 1 and agreeing * 2 > len(counts) and usual > most:
            best, most = delimiter, usual
    return best


def looks_like_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns: it holds words where a row below it holds a number, or only words."""
    words = [not is_number(cell) and cell.strip() != "" for cell in rows[0]]
    if len(rows) == 1:
        return all(words)
    return any(word and column < len(rows[1]) and is_number(rows[1][column]) for column, word in enumerate(words))


def is_number(cell: str) -> bool:
    """Whether ``cell`` is a number, ``nan`` and ``inf`` among them."""
    return _number(cell) is not None


def numbers(table: Table, columns: Sequence[int]) -> np.ndarray:
    """The cells of ``columns`` as float64 (rows, columns). Raises DataError for each that no 32-bit float can hold."""
    result = np.empty((len(table.rows), len(columns)), dtype=np.float64)
    complaints = Complaints(table.file)
    for index, (row, line) in enumerate(zip(table.rows, table.lines, strict=True)):
        for position, column in enumerate(columns):
            value = _number(row[column])
            if value is None or not abs(value) <= LARGEST:
                complaints.add(line, f"{table.column_name(column)} {_refusal(row[column].strip())}")
            else:
                result[index, position] = value
    complaints.settle()
    return result


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000, no table means it
    except ValueError:
        return None


def _refusal(cell: str) -> str:
    if not cell:
        return "is empty; a number was expected"
    value = _number(cell)
    if value is not None and LARGEST < abs(value) < math.inf:
        return f"holds {cell!r}, more than a 32-bit float can hold"
    if value is not None:
        return f"holds {cell!r}; a finite number was expected"
    comma = " (with a point, not a comma)" if is_number(cell.replace(",", ".", 1)) else ""
    return f"holds {cell!r}; a number was expected{comma}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; the path is read from the folder that holds the build") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _cells(text: str, delimiter: str, file: str) -> tuple[list[list[str]], list[int]]:
    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        what = "quotes that begin here are never closed" if "end of data" in str(error) else str(error)
        raise DataError(f"{file}:{start}: {what}") from error
    return rows, lines


def _name(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))
