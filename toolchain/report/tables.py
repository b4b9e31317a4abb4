"""Tables for a terminal: whole where there is room; elsewhere headings of several lines, short cells, fewer columns.

Nothing is cut without a sign: a line below the table says what is missing, and which file holds the whole of it.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2  # columns of the terminal between two of the table
WORDS = 16  # to how many columns a cell of words is broken where room is short
TIED = "\N{NO-BREAK SPACE}"  # a space at which no cell is broken
HEADINGS = (16, 12, 8, 1)  # columns that a heading may have even if its cells are narrower, tried in this order
PROSE = 100  # the width of notes where no terminal says otherwise

Cell = str | Text


@dataclass(frozen=True)
class Column:
    """One column. ``right`` puts cells flush right (figures), else they are words, which may be broken into lines.

    ``short`` are cells to show where room is short. ``rank`` is the order of going if that does not help: the greatest
    first, a column of rank 0 never.
    """

    heading: str
    cells: Sequence[Cell]
    right: bool = True
    rank: int = 0
    short: Sequence[Cell] | None = None


@dataclass(frozen=True)
class Fitted:
    """The columns to show, the headings of those left out, and whether cells had to be short."""

    shown: list[Column]
    left_out: list[str]
    shortened: bool


def text(
    title: str, columns: Sequence[Column], width: int | None, colour: bool, whole: str, shortening: str = ""
) -> str:
    """The table below its title, ending on a line feed, in ``width`` columns of a terminal (None: as wide as it is).

    ``whole`` names the file that holds the table with all columns, ``shortening`` says what short cells are, such as
    "means only". Columns whose cells are all empty are not shown.
    """
    found = fitted([column for column in columns if any(map(str, column.cells))], width)
    console = _console(width or max(PROSE, _width(found.shown)), colour)
    console.print(Text(title, "italic"))
    console.print(_drawn(found.shown))
    missing = [shortening] if found.shortened else []
    missing += [f"without {' · '.join(found.left_out)}"] if found.left_out else []
    if missing:
        console.print(Text(f"For want of room: {'; '.join(missing)}. The whole table: {whole}", "dim"))
    return _written(console)


def prose(paragraphs: Sequence[str], width: int | None) -> str:
    """Notes below a table, plain, broken at words to the terminal's ``width``."""
    return "".join(f"{textwrap.fill(paragraph, width or PROSE)}\n" for paragraph in paragraphs)


def fitted(columns: Sequence[Column], width: int | None) -> Fitted:
    """What can be shown in ``width`` columns of a terminal; one step after the other until it fits."""
    if width is None or _width(columns) <= width:
        return Fitted(list(columns), [], False)
    short = [column if column.short is None else replace(column, cells=column.short) for column in columns]
    shortened = False
    for shortened in (False, True) if any(column.short is not None for column in columns) else (False,):
        for least in HEADINGS:
            broken = [_broken(column, least) for column in (short if shortened else columns)]
            if _width(broken) <= width:
                return Fitted(broken, [], shortened)
    kept = dict(enumerate(broken))
    while _width(list(kept.values())) > width:
        last = max(kept, key=lambda index: (kept[index].rank, index))
        if kept[last].rank == 0:
            break  # what must stay is shortened by rich, with an ellipsis
        del kept[last]
    left_out = [column.heading for index, column in enumerate(columns) if index not in kept]
    return Fitted(list(kept.values()), left_out, shortened)


def _broken(column: Column, least: int) -> Column:
    """Words in lines of ``WORDS``, the heading in lines no wider than the cells, its longest word or ``least``.

    The unit at the end of a heading stays beside the last word unless there is no room even for that.
    """
    cells = column.cells if column.right else [_in_lines(cell, WORDS) for cell in column.cells]
    named, comma, unit = column.heading.rpartition(", ")
    words = column.heading if least == HEADINGS[-1] else f"{named}{comma.rstrip()}{TIED if comma else ''}{unit}"
    longest = max(map(len, words.split(" ")))
    room = max([least, longest, *map(_columns, cells)])
    heading = textwrap.fill(words, room, break_long_words=False, break_on_hyphens=False)
    return replace(column, heading=heading, cells=cells)


def _in_lines(cell: Cell, room: int) -> Cell:
    if _columns(cell) <= room:
        return cell
    lines = textwrap.fill(str(cell), room, break_long_words=False, break_on_hyphens=False)
    return lines if isinstance(cell, str) else Text(lines, cell.style)


def _columns(cell: Cell) -> int:
    return max(map(cell_len, str(cell).splitlines()), default=0)


def _width(columns: Sequence[Column]) -> int:
    each = [max(map(_columns, (column.heading, *column.cells))) for column in columns]
    return sum(each) + GAP * (len(each) - 1)


def _drawn(columns: Sequence[Column]) -> Table:
    # The box has a column of its own between two columns, so one of padding makes the gap.
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for column in columns:
        justify = "right" if column.right else "left"
        drawn.add_column(Text(column.heading), justify=justify, vertical="top", no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    for cells in zip(*(column.cells for column in columns), strict=True):
        drawn.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
    return drawn


def _console(width: int, colour: bool) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None,
        highlight=False, legacy_windows=False,
    )  # fmt: skip


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().replace(TIED, " ").splitlines())
