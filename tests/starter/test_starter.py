"""The starter manifest: it can be read, says what the file holds, and nothing is ever overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.starter.tables_of import exported
from toolchain import manifest
from toolchain.errors import GoldcrestError
from toolchain.starter import starter

SCREEN = """\
data       iris.csv: 150 rows, with a header, 5 columns
label      target (by its name)
classes    3: setosa (50), versicolor (50), virginica (50)
split      106 + 22 + 22 to train, validate and test, in random order
input      4 floats, each less its mean, by its standard deviation
network    4 → 16 → 3, 131 parameters
new        models/iris.yaml
next       ./scons model=iris flash evaluate
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, data: str, **more: bool) -> str:
    return starter.write(name, data, Path("models"), **more)


def test_screen_and_manifest(folder: Path) -> None:
    exported("iris", folder, words=True)
    assert write("iris", "iris.csv") == SCREEN
    plan = manifest.load("models/iris.yaml")
    assert plan.dataset["classes"] == ["setosa", "versicolor", "virginica"]
    assert plan.dataset["split"] == {"train": 106, "validation": 22, "test": 22}
    given = plan.training["input"]
    raw = np.loadtxt("iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    scaled = (raw + given["offset"]) / given["divide"]
    assert np.abs(scaled.mean(axis=0)).max() < 0.2  # of all samples; the scaling is that of the training samples
    assert np.abs(scaled.std(axis=0) - 1).max() < 0.2


def test_bytes_of_one_range_reach_the_chip_as_they_are(folder: Path) -> None:
    exported("digits", folder)
    assert "64 bytes, all divided by 16" in write("digits", "digits.csv")
    given = manifest.load("models/digits.yaml").training["input"]
    assert (given["offset"], given["divide"]) == (0.0, 16.0)


def test_each_column_is_brought_to_mean_0_however_far_from_it(folder: Path) -> None:
    """Pressures, times since 1970 and a column that never changes: their means have more digits than their spread."""
    rng = np.random.default_rng(1)
    columns = (1013.25 + 0.3 * rng.normal(size=200), 1.7e9 + 5000 * rng.normal(size=200), np.full(200, 0.1))
    rows = [f"{','.join(map(repr, map(float, row)))},{n % 2}" for n, row in enumerate(zip(*columns, strict=True))]
    Path("w.csv").write_text("pressure,seconds,volts,rain\n" + "\n".join(rows) + "\n", encoding="utf-8")
    write("w", "w.csv")
    given = manifest.load("models/w.yaml").training["input"]
    scaled = (np.stack(columns, axis=1).astype(np.float32) + given["offset"]) / given["divide"]
    assert np.abs(scaled.mean(axis=0)).max() < 0.2  # of all samples; the scaling is that of the training samples
    assert np.abs(scaled.std(axis=0) - [1, 1, 0]).max() < 0.2


def test_values_are_a_regression(folder: Path) -> None:
    exported("diabetes", folder)
    assert "values, so this is a regression" in write("diabetes", "diabetes.csv")
    plan = manifest.load("models/diabetes.yaml")
    assert plan.training["training"]["loss"] == "mean_squared_error"
    assert plan.training["network"][-1]["units"] == 1


def test_columns_that_cannot_go_in_are_left_out_and_shown(folder: Path) -> None:
    rows = [f"{n},Ann No. {n},{n * 0.5},{n % 3},{': yes' if n % 2 else 'no'}" for n in range(40)]
    Path("people.csv").write_text("id,name,age: years,rooms,ill\n" + "\n".join(rows) + "\n", encoding="utf-8")
    shown = write("people", "people.csv")
    assert "left out   column 'id': numbers the rows\nleft out   column 'name': holds words\n" in shown
    plan = manifest.load("models/people.yaml")
    assert plan.dataset["features"] == ["age: years", "rooms"]
    assert plan.dataset["classes"] == [": yes", "no"]


def test_without_a_header(folder: Path) -> None:
    Path("t.csv").write_text("".join(f"{n % 2};{n * 0.5};{n * 0.25}\n" for n in range(30)), encoding="utf-8")
    write("t", "t.csv")
    assert manifest.load("models/t.yaml").dataset["label"] == 0


@pytest.mark.parametrize("shape", [(6,), (5, 7), (4, 4, 3)])
def test_arrays(folder: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    np.savez("a.npz", x=rng.normal(size=(60, *shape)), y=np.arange(60) % 4)
    write("a", "a.npz")
    plan = manifest.load("models/a.yaml")
    assert plan.training["input"]["shape"] == [int(np.prod(shape))]
    assert plan.training["network"][-2]["units"] == 4
    text = Path("models/a.yaml").read_text()
    assert ("`convolution`" in text) == (len(shape) > 1)
    assert ("# for 5 steps of 7 values `shape: [5, 7]`, and layers such as `convolution_1d`" in text) == (
        len(shape) == 2
    )


def test_arrays_that_are_split_already(folder: Path) -> None:
    x, y = np.zeros((8, 3), np.uint8), np.arange(8) % 2
    np.savez("a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert "8 + 0 + 8 to train, validate and test, as the file has them" in write("a", "a.npz")
    assert manifest.load("models/a.yaml").dataset["split"] is None


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("", "iris.csv", "data=iris.csv needs a name: ./scons new=NAME data=iris.csv"),
        ("iris", "", "new=iris needs a file: ./scons new=iris data=my.csv (or .npz)"),
        ("all", "iris.csv", "new=all cannot be a model's name"),
        ("a/b", "iris.csv", "new=a/b cannot be a model's name"),
        ("iris", "iris.xls", "data=iris.xls: a table (.csv, .tsv, .txt, .data) or numpy's .npz was expected"),
        ("iris", "pictures", "was expected; for images write the manifest by hand: `dataset: {name: image_folder, "),
        ("iris", "none.csv", "none.csv does not exist; the path is read from the folder that holds the build"),
        ("iris", "torn.csv", "torn.csv:3: 1 cell, where line 1 has 2 (delimiter: comma)"),
        ("iris", "hole.csv", "hole.csv:2: column 'a' is empty; a number was expected"),
    ],
)
def test_refusals(folder: Path, name: str, data: str, words: str) -> None:
    exported("iris", folder)
    Path("pictures").mkdir()
    Path("torn.csv").write_text("a,y\n1.5,0\n2.5\n", encoding="utf-8")
    Path("hole.csv").write_text("a,y\n,0\n" + "2.5,1\n3.5,0\n" * 5, encoding="utf-8")
    with pytest.raises(GoldcrestError) as refused:
        write(name, data)
    assert words in str(refused.value)
    assert not Path("models").exists()


def test_nothing_is_overwritten(folder: Path) -> None:
    exported("iris", folder)
    write("iris", "iris.csv")
    before = Path("models/iris.yaml").read_text()
    with pytest.raises(GoldcrestError, match=r"models/iris\.yaml exists and is left as it is"):
        write("iris", "iris.csv")
    assert Path("models/iris.yaml").read_text() == before


def test_what_only_would_be_written(folder: Path) -> None:
    exported("iris", folder, words=True)
    assert write("iris", "iris.csv", pretend=True) == SCREEN
    assert not Path("models").exists()


def test_the_file_has_comments_and_no_long_lines(folder: Path) -> None:
    exported("breast_cancer", folder, words=True)
    write("b", "breast_cancer.csv")
    text = Path("models/b.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    assert text.count("#") >= 8
    assert max(map(len, text.splitlines())) <= 120
    assert yaml.safe_load(text)["model"] == "b"  # other readers of YAML take it too
