"""Which column is the class, which ones go in, and what is said of files in which that cannot be known."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.datasets import tables
from toolchain.errors import DataError
from toolchain.starter import columns

MEASURED = [f"{index * 0.37:.2f}" for index in range(12)]
FEW = ["0", "1"] * 6
WORDS = ["yes", "no", "no"] * 4
NUMBERS = [str(index + 1) for index in range(12)]


def table(tmp_path: Path, header: str | None, *given: list[str]) -> tables.Table:
    rows = [",".join(cells) for cells in zip(*given, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*([header] if header is not None else []), *rows]) + "\n", encoding="utf-8")
    return tables.read(path)


@pytest.mark.parametrize(
    ("header", "given", "output", "classes", "inputs"),
    [
        ("a,Label,b", (MEASURED, FEW, MEASURED), 1, ["0", "1"], [0, 2]),
        ("class,target,a", (FEW, MEASURED, MEASURED), 0, ["0", "1"], [1, 2]),  # `class` tells more than `target`
        ("a,ill,b", (MEASURED, WORDS, MEASURED), 1, ["no", "yes"], [0, 2]),  # the only words
        ("a,b,c", (MEASURED, MEASURED, FEW), 2, ["0", "1"], [0, 1]),  # the last
        (None, (FEW, MEASURED, MEASURED), 0, ["0", "1"], [1, 2]),  # the first, as in tables of digits
        (None, (MEASURED, MEASURED, WORDS), 2, ["no", "yes"], [0, 1]),
        ("a,b,price", (MEASURED, FEW, MEASURED), 2, None, [0, 1]),  # values
        ("id,a,y", (NUMBERS, MEASURED, FEW), 2, ["0", "1"], [1]),
        ("a,name,place,y", (MEASURED, WORDS, WORDS, FEW), 3, ["0", "1"], [0]),
        ("a,y", (MEASURED, ["10", "9", "2"] * 4), 1, ["2", "9", "10"], [0]),  # by value
    ],
)
def test_guesses(tmp_path, header, given, output, classes, inputs) -> None:
    found = columns.guess(table(tmp_path, header, *given))
    assert (found.output, found.classes, found.inputs) == (output, classes, inputs)
    assert {*found.inputs, found.output, *(column for column, _ in found.left_out)} == set(range(len(given)))


@pytest.mark.parametrize(
    ("header", "given", "words"),
    [
        ("a,y", (MEASURED, ["1"] * 12), "column 'y', which looks like the label, holds one value in all rows"),
        ("a,y", (MEASURED, [f"w{n}" for n in NUMBERS]), "12 different words in 12 rows; a column with a class"),
        ("a,y", (WORDS, FEW), "no column of numbers beside column 'y'\n  column 'a': holds words"),
        ("a,y", (MEASURED, ["0", "0.0", "1"] * 4), "column 'y' writes the label 0 in two ways"),
    ],
)
def test_what_cannot_be_known(tmp_path, header, given, words) -> None:
    with pytest.raises(DataError) as caught:
        columns.guess(table(tmp_path, header, *given))
    assert words in str(caught.value)
