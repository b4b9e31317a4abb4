"""Tables for a terminal: they fit its columns, and what is missing is said."""

from __future__ import annotations

import pytest
from rich.text import Text

from toolchain.report import bars
from toolchain.report.tables import TIED, Column, text

COLUMNS = [
    Column("model", ["one", "another_model"], right=False),
    Column("accuracy on the chip, %", ["96.21 (95.97 – 96.34)", "94.00"], short=["96.21", "94.00"], rank=1),
    Column("program memory, B", ["27,908", "7,798"], rank=3),
    Column("time, ms", ["2.50", "12.50"], rank=2),
    Column("published", ["", ""], rank=4),
    Column("change", [Text(f"mean{TIED}+0.1%, worst{TIED}-1.2%", "red"), ""], right=False),
]
WHOLE = """\
Models
model          accuracy on the chip, %  program memory, B  time, ms  change
────────────────────────────────────────────────────────────────────────────────────────────
one              96.21 (95.97 – 96.34)             27,908      2.50  mean +0.1%, worst -1.2%
another_model                    94.00              7,798     12.50
"""
HEADINGS_IN_LINES = """\
Models
                     accuracy on the    program
model                        chip, %  memory, B  time, ms  change
──────────────────────────────────────────────────────────────────────
one            96.21 (95.97 – 96.34)     27,908      2.50  mean +0.1%,
                                                           worst -1.2%
another_model                  94.00      7,798     12.50
"""
MEANS_ONLY = """\
Models
               accuracy on    program
model          the chip, %  memory, B  time, ms  change
────────────────────────────────────────────────────────────
one                  96.21     27,908      2.50  mean +0.1%,
                                                 worst -1.2%
another_model        94.00      7,798     12.50
For want of room: means only. The whole table: all.txt
"""
WITHOUT = """\
Models
               accuracy
                 on the  time,
model           chip, %     ms  change
───────────────────────────────────────────
one               96.21   2.50  mean +0.1%,
                                worst -1.2%
another_model     94.00  12.50
For want of room: means only; without program
memory, B. The whole table: all.txt
"""


def shown(width: int | None, colour: bool = False) -> str:
    return text("Models", COLUMNS, width, colour, "all.txt", "means only")


@pytest.mark.parametrize(
    ("width", "expected"), [(None, WHOLE), (92, WHOLE), (70, HEADINGS_IN_LINES), (62, MEANS_ONLY), (50, WITHOUT)]
)
def test_headings_go_into_lines_then_cells_are_short_then_columns_go(width: int | None, expected: str) -> None:
    assert shown(width) == expected  # `published` is nowhere: none of its cells says anything


@pytest.mark.parametrize("width", range(24, 100))
def test_it_fits_and_a_column_is_shown_or_said_to_be_missing(width: int) -> None:
    table, _, said = shown(width).partition("For want of room: ")
    assert max(map(len, table.splitlines())) <= width
    for heading, cells in (("time", ("2.50", "12.50")), ("program", ("27,908", "7,798")), ("acc", ("94.00",))):
        assert all(cell in table for cell in cells) != (heading in said)
    assert ("95.97" in table) != ("means only" in said or "accuracy" in said)


def test_what_must_stay_is_cut_with_a_sign() -> None:
    assert "another…" in text("", COLUMNS[:1], 8, False, "all.txt")


@pytest.mark.parametrize(("told", "columns"), [("80", 80), ("0", None), ("", None), ("wide", None)])
def test_the_width_that_is_told(monkeypatch: pytest.MonkeyPatch, told: str, columns: int | None) -> None:
    monkeypatch.setenv("COLUMNS", told)
    monkeypatch.setattr(bars.os, "isatty", lambda _: False)
    assert bars.columns() == columns


def test_colours_where_they_are_wanted() -> None:
    assert "\x1b[31mmean +0.1%" in shown(None, colour=True)
    assert "\x1b" not in shown(None)
