"""CSV files: what is found by looking, what is refused, and with which words."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.datasets import base, registry, tables
from toolchain.datasets.base import DatasetOptionError
from toolchain.errors import DataError

DEFAULTS = {option.name: option.schema["default"] for option in registry.options("csv") if not option.required}
SPLIT = {"train": 2, "validation": 1, "test": 1}


def plan(path: Path, **options: Any) -> dict[str, Any]:
    return {"name": "csv", **DEFAULTS, "file": str(path), "split": SPLIT, **options}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def everything(splits: base.Splits) -> list[tuple[list[float], Any]]:
    """Samples with labels, sorted: the shuffle is another test's business."""
    pairs = [zip(splits.x[part].tolist(), splits.y[part].tolist(), strict=True) for part in base.PARTS]
    return sorted(pair for part in pairs for pair in part)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiter_and_header_are_found(write: Any, delimiter: str) -> None:
    rows = [["a", "b", "kind"], ["1", "2", "no"], ["3", "4", "yes"], ["5", "6", "no"], ["7", "8", "yes"]]
    splits = registry.load(plan(write("\n".join(delimiter.join(row) for row in rows)), label="kind"))
    assert everything(splits) == [([1, 2], 0), ([3, 4], 1), ([5, 6], 0), ([7, 8], 1)]
    assert (splits.classes, list(splits.names or [])) == (2, ["no", "yes"])
    assert splits.x["train"].dtype == np.uint8


def test_columns_by_number_without_header(write: Any) -> None:
    splits = registry.load(plan(write("0,1.5,-2\n1,2.5,3\n2,0,0\n0,1,1\n"), label=0, features=[2, 1]))
    assert everything(splits) == [([-2, 1.5], 0), ([0, 0], 2), ([1, 1], 0), ([3, 2.5], 1)]
    assert splits.x["test"].dtype == np.float32
    assert splits.classes == 3


def test_declared_classes_give_the_order(write: Any) -> None:
    path = write("x,y\n1,b\n2,a\n3,b\n4,a\n")
    splits = registry.load(plan(path, label="y", classes=["b", "a"]))
    assert everything(splits) == [([1], 0), ([2], 1), ([3], 0), ([4], 1)]


def test_regression(write: Any) -> None:
    splits = registry.load(plan(write("x,u,v\n1,0.5,1\n2,1.5,2\n3,2.5,3\n4,3.5,4\n"), targets=["u", "v"]))
    assert splits.classes == 0
    assert splits.y["train"].dtype == np.float32
    assert everything(splits)[1] == ([2], [1.5, 2])


def test_the_shuffle_depends_on_the_seed_only(write: Any) -> None:
    path = write("x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(40)))
    split = {"train": 20, "validation": 10, "test": 10}
    first, again = (registry.load(plan(path, label="y", split=split)) for _ in range(2))
    other = registry.load(plan(path, label="y", split={**split, "seed": 2}))
    np.testing.assert_array_equal(first.x["test"], again.x["test"])
    assert first.x["test"].tolist() != other.x["test"].tolist()
    assert everything(first) == everything(other)


def test_without_a_split_the_parts_are_shares(write: Any) -> None:
    path = write("x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(40)))
    splits = registry.load(plan(path, label="y", split=None))
    assert [len(splits.x[part]) for part in base.PARTS] == [28, 6, 6]


ERRORS = {
    "ragged": ("x,y\n1,0\n2,1,9\n3\n", {}, "{f}:3: 3 cells, where line 1 has 2 (delimiter: comma)\n"
               "{f}:4: 1 cell, where line 1 has 2 (delimiter: comma)"),
    "beyond a float": ("x,y\n1,0\n-1e39,1\n", {}, "{f}:3: column 'x' holds '-1e39', more than a 32-bit float can hold"),
    "a target beyond a float": ("x,y\n1,0\n1,3.5e38\n", {"label": None, "targets": ["y"]},
                                "{f}:3: column 'y' holds '3.5e38', more than a 32-bit float can hold"),
    "nan": ("x,y\n1,0\nNaN,1\n-inf,1\n", {}, "{f}:3: column 'x' holds 'NaN'; a finite number was expected\n"
            "{f}:4: column 'x' holds '-inf'; a finite number was expected"),
    "empty cell": ("x,y\n1,0\n ,1\n", {}, "{f}:3: column 'x' is empty; a number was expected"),
    "word": ("x,y\n1,0\none,1\n", {}, "{f}:3: column 'x' holds 'one'; a number was expected"),
    "underscore": ("x,y\n1,0\n1_0,1\n", {}, "{f}:3: column 'x' holds '1_0'; a number was expected"),
    "decimal comma": ("x;y\n1;0\n1,5;1\n", {}, "{f}:3: column 'x' holds '1,5'; a number was expected "
                      "(with a point, not a comma)"),
    "no label": ("x,y\n1,0\n2,\n3,1\n", {}, "{f}:3: the label is missing (column 'y')"),
    "unknown label": ("x,y\n1,a\n2,c\n", {"classes": ["a", "b"]}, "{f}:3: the label 'c' is none of the classes a, b"),
    "negative label": ("x,y\n1,0\n2,-1\n", {}, "{f}:3: the label -1 is no class index "
                       "(0 to 999 was expected; for values use `targets`)"),
    "gap": ("x,y\n1,1\n2,2\n", {}, "{f}: column 'y': no sample has the label 0, and the labels go up to 2; "
            "number the classes from 0 without gaps, or list them in `classes`"),
    "values as labels": ("x,y\n1,0.5\n2,0.25\n", {}, "{f}: column 'y' holds 2 different labels in 2 rows; "
                         "that is no class column (for values use `targets`)"),
    "empty": ("", {}, "{f} is empty; a table with one sample a row was expected"),
    "header only": ("x,y\n", {}, "{f} has a header and no row below it"),
    "two of a name": ("x,x,y\n1,2,0\n", {}, "{f}:1: two columns are called 'x'"),
    "open quote": ('x,y\n1,0\n"2,1\n', {}, "{f}:3: quotes that begin here are never closed"),
    "latin-1": ("x,y\n1,ä\n".encode("latin-1"), {}, "{f} is not UTF-8 text (byte 6); save it as UTF-8"),
    "misspelt": ("x,kind\n1,0\n", {"label": "knid"}, "{f} has no column 'knid'; did you mean 'kind'?"),
    "unknown": ("x,z\n1,0\n", {}, "{f} has no column 'y'; there are: 'x', 'z'"),
    "no header": ("1,0\n2,1\n", {}, "{f} has no header, so there is no column 'y'; give its number from 0"),
    "no such column": ("1,0\n2,1\n", {"label": 2}, "{f} has the columns 0 to 1, and no 2"),
    "no features": ("y\n0\n1\n", {}, "{f} has no column left to go in: 1 in all, named as outputs"),
    "too few": ("x,y\n1,0\n2,1\n", {}, "{f} has 2 samples; the split asks for 2 train + 1 validation + 1 test = 4"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_file_and_line(write: Any, case: str) -> None:
    text, options, expected = ERRORS[case]
    path = write(text)
    with pytest.raises(DataError) as caught:
        registry.load(plan(path, **{"label": "y", **options}))
    assert str(caught.value) == expected.replace("{f}", str(path))


def test_many_errors_are_counted(write: Any) -> None:
    with pytest.raises(DataError) as caught:
        registry.load(plan(path := write("x,y\n1,0\n" + "a,1\n" * 1500), label="y"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == f"{path}: and 1,490 more"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        registry.load(plan(tmp_path / "absent.csv", label=0))
    assert str(caught.value) == (
        f"{tmp_path}/absent.csv does not exist; the path is read from the folder that holds the build"
    )


def test_label_and_targets_exclude_each_other(tmp_path: Path) -> None:
    for options in ({}, {"label": "a", "targets": ["b"]}):
        with pytest.raises(DatasetOptionError) as caught:
            registry.describe(plan(tmp_path / "f", **options))
        assert caught.value.option == ("label",)


def test_the_file_is_a_source_and_the_manifest_tells_what_it_can(tmp_path: Path) -> None:
    options = plan(tmp_path / "f", label="y", classes=["a", "b"], features=["u", "v", "w"])
    assert registry.sources(options) == [tmp_path / "f"]
    description = registry.describe(options)
    assert (description.shape, description.classes, description.sizes) == ((3,), 2, SPLIT)


cells = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells, st.integers(0, 2)), min_size=1, max_size=8),
    delimiter=st.sampled_from(list(tables.DELIMITERS)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], delimiter: str, quoting: Any, ending: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(["first", "the second", "label"])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "f"
    path.write_bytes(text.getvalue().encode())
    table = tables.read(path, delimiter)
    assert list(table.header or []) == ["first", "the second", "label"]
    np.testing.assert_array_equal(tables.numbers(table, [0, 1]), [[row[0], row[1]] for row in rows])


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='01.,;"x \n\t', max_size=40))
def test_any_text_is_a_table_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "f"
    path.write_text(text)
    try:
        table = tables.read(path)
        numbers = tables.numbers(table, range(table.width))
    except DataError as error:
        assert str(error).startswith(str(path))
        return
    assert numbers.shape == (len(table.rows), table.width)
    assert np.isfinite(numbers).all()
