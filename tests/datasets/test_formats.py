"""The other data sets: generated sensors, numpy archives, image folders; and what all of them share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from toolchain.datasets import base, registry
from toolchain.datasets.base import goes_with
from toolchain.errors import DataError

SPLIT = {"train": 2, "validation": 1, "test": 1}


def test_sensors_show_every_combination_in_every_part() -> None:
    plan = {"name": "sensor_and", "split": {"train": 9, "validation": 4, "test": 4}, "preprocess": []}
    splits = registry.load(plan)
    for part in base.PARTS:
        assert {(*x, int(y)) for x, y in zip(splits.x[part].tolist(), splits.y[part], strict=True)} == {
            (0, 0, 0),
            (0, 1, 0),
            (1, 0, 0),
            (1, 1, 1),
        }
    assert splits.x["train"].dtype == np.uint8
    described = registry.describe(plan)
    assert (described.shape, described.classes, described.sizes) == ((2,), 2, plan["split"])


def npz(path: Path, **arrays: Any) -> dict[str, Any]:
    np.savez(path / "d.npz", **arrays)
    return {"name": "npz", "file": str(path / "d.npz"), "split": None, "preprocess": []}


def test_npz_is_split(tmp_path: Path) -> None:
    plan = npz(tmp_path, x=np.arange(12).reshape(4, 3), y=np.array([0, 1, 1, 0]))
    splits = registry.load({**plan, "split": SPLIT})
    assert [len(splits.x[part]) for part in base.PARTS] == [2, 1, 1]
    assert sorted(int(x[0]) for part in base.PARTS for x in splits.x[part]) == [0, 3, 6, 9]


def test_npz_that_is_split_already_has_one_type_for_all_parts(tmp_path: Path) -> None:
    plan = npz(
        tmp_path,
        x_train=np.array([[1.0], [2.0]]),
        y_train=np.array([0, 1]),
        x_test=np.array([[0.5]]),
        y_test=np.array([1]),
    )
    splits = registry.load(plan)
    assert {splits.x[part].dtype for part in base.PARTS} == {np.dtype(np.float32)}
    assert splits.x["validation"].shape == (0, 1)


def test_npz_with_targets(tmp_path: Path) -> None:
    splits = registry.load({**npz(tmp_path, x=np.ones((4, 2)), y=np.arange(4.0)), "split": SPLIT})
    assert (splits.classes, splits.y["train"].shape) == (0, (2, 1))


NPZ_ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "names": ({"a": np.ones(3)}, "{f} holds a; either x and y, or x_train, y_train, x_test and y_test were expected"),
    "lengths": (
        {"x": np.ones((3, 2)), "y": np.array([0, 1])},
        "{f}: x has 3 samples and y 2; one label a sample was expected",
    ),
    "nan": (
        {"x": np.array([[1.0], [np.nan]]), "y": np.array([0, 1])},
        "{f}: x: the value at [1, 0] is not a finite number",
    ),
    "negative": (
        {"x": np.ones((3, 2)), "y": np.array([0, 1, -1])},
        "{f}: y: the label of sample 2 is -1; class indices go from 0 to 999",
    ),
    "one class": (
        {"x": np.ones((3, 2)), "y": np.zeros(3, int)},
        "{f}: y: every label is 0; at least two classes were expected",
    ),
    "words": (
        {"x": np.ones((2, 2)), "y": np.array(["a", "b"])},
        "{f}: y has the type <U1 and the shape (2,); class indices (integers, one a sample) "
        "or targets (floats, one or a row of them a sample) were expected",
    ),
    "flat": (
        {"x": np.ones(2), "y": np.array([0, 1])},
        "{f}: x has the shape (2,); (samples, …) with at least two axes was expected",
    ),
    "no sample": (
        {"x": np.ones((0, 2)), "y": np.array([], int)},
        "{f}: y holds nothing; one entry a sample was expected",
    ),
    "a single label": (
        {"x_train": np.ones((2, 2)), "y_train": np.array(1), "x_test": np.ones((2, 2)), "y_test": np.array([0, 1])},
        "{f}: y_train is a single value; one entry a sample was expected",
    ),
    "labels of two types": (
        {"x_train": np.ones((2, 2)), "y_train": np.array([0, 1]), "x_test": np.ones((2, 2)), "y_test": np.ones(2)},
        "{f}: y_train, y_validation and y_test must be of one type and shape; they are int64 (2,), float64 (2,)",
    ),
    "targets of two widths": (
        {"x_train": np.ones((2, 2)), "y_train": np.ones((2, 2)), "x_test": np.ones((2, 2)), "y_test": np.ones((2, 3))},
        "{f}: y_train, y_validation and y_test must be of one type and shape; they are float64 (2, 2), float64 (2, 3)",
    ),
    "too few": (
        {"x": np.ones((2, 1)), "y": np.array([0, 1])},
        "{f}: 2 samples are too few to split into train, validation and test",
    ),
}


@pytest.mark.parametrize("case", NPZ_ERRORS)
def test_npz_errors(tmp_path: Path, case: str) -> None:
    arrays, expected = NPZ_ERRORS[case]
    with pytest.raises(DataError) as caught:
        registry.load(npz(tmp_path, **arrays))
    assert str(caught.value) == expected.replace("{f}", str(tmp_path / "d.npz"))


def test_labels_of_several_integer_types_stay_labels(tmp_path: Path) -> None:
    """numpy joins uint64 and int64 as float64."""
    x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    splits = registry.load(npz(tmp_path, x_train=x, y_train=y.astype(np.uint64), x_test=x, y_test=y[:, None]))
    assert splits.classes == 2 and splits.y["test"].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("content", [b"", b"PK\3\4torn", b"text"])
def test_a_file_that_is_no_npz(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"d\.npz is no \.npz of plain arrays, or is torn"):
        registry.load({"name": "npz", "file": str(tmp_path / "d.npz"), "split": None, "preprocess": []})


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    plan = npz(tmp_path, x=np.array([{"a": 1}, None], dtype=object), y=np.array([0, 1]))
    with pytest.raises(DataError, match=r"no \.npz of plain arrays"):
        registry.load(plan)


def test_a_torn_data_set_of_the_stage_is_named(tmp_path: Path) -> None:
    plan = npz(tmp_path, x=np.arange(12).reshape(4, 3), y=np.array([0, 1, 1, 0]))
    base.save(registry.load({**plan, "split": SPLIT}), tmp_path / "whole.npz")
    (tmp_path / "torn.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-30])
    with pytest.raises(DataError, match=r"torn\.npz is not of the `dataset` stage"):
        base.read(tmp_path / "torn.npz")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for kind, value in (("cat", 10), ("dog", 20)):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for index in range(2):
            Image.new("L", (4, 2), value + index).save(tmp_path / "images" / kind / f"{index}.png")
    return tmp_path / "images"


def folder(path: Path, **options: Any) -> dict[str, Any]:
    return {"name": "image_folder", "folder": str(path), "split": SPLIT, "preprocess": [], **options}


def test_grey_images(images: Path) -> None:
    splits = registry.load(folder(images))
    assert splits.x["train"].shape == (2, 2, 4)
    labels = {int(x[0, 0]): int(y) for part in base.PARTS for x, y in zip(splits.x[part], splits.y[part], strict=True)}
    assert labels == {10: 0, 11: 0, 20: 1, 21: 1}
    assert list(splits.names or []) == ["cat", "dog"]
    assert registry.describe(folder(images)).classes == 2
    assert [path.name for path in registry.sources(folder(images))] == ["0.png", "1.png"] * 2


def test_one_coloured_image_makes_all_coloured_and_grayscale_undoes_it(images: Path) -> None:
    Image.new("RGB", (4, 2), (255, 0, 0)).save(images / "dog" / "1.png")
    assert registry.load(folder(images)).x["train"].shape == (2, 2, 4, 3)
    splits = registry.load(folder(images, preprocess=["grayscale"]))
    assert sorted(int(x[0, 0]) for part in base.PARTS for x in splits.x[part]) == [10, 11, 20, 76]


def test_image_errors(images: Path) -> None:
    odd = images / "dog" / "2.png"
    Image.new("L", (5, 2)).save(odd)
    with pytest.raises(DataError) as caught:
        registry.load(folder(images))
    assert str(caught.value) == (
        f"{odd} has 2 × 5 pixels (height × width), and {images}/cat/0.png has 2 × 4; all images must be of one size"
    )
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2\.png cannot be read as an image"):
        registry.load(folder(images))
    Image.new("I;16", (4, 2)).save(odd)
    with pytest.raises(DataError, match="more than 8 bits a pixel"):
        registry.load(folder(images))
    odd.unlink()
    (images / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no image"):
        registry.load(folder(images))
    with pytest.raises(DataError, match="has 0 sub-folders"):
        registry.load(folder(images / "cat"))
    with pytest.raises(DataError, match="is no folder"):
        registry.load(folder(images / "absent"))


@pytest.mark.parametrize(
    ("shape", "wanted", "good"),
    [
        ((28, 28), (784,), True),
        ((28, 28), (28, 28, 1), True),
        ((784,), (28, 28, 1), True),
        ((28, 28), (14, 56), False),
        ((28, 28), (196,), False),
        ((2,), (2,), True),
        ((1,), (1, 1, 1), True),
    ],
)
def test_which_shapes_go_together(shape: tuple[int, ...], wanted: tuple[int, ...], good: bool) -> None:
    assert goes_with(shape, wanted) is good


def test_describing_needs_no_numpy() -> None:
    program = (
        "import sys; from toolchain.datasets import registry\n"
        "for name in registry.datasets(): registry.options(name)\n"
        "registry.describe({'name': 'mnist', 'split': {'train': 1, 'validation': 0, 'test': 1}})\n"
        "assert not {'numpy', 'PIL', 'tensorflow', 'keras'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
