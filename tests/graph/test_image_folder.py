"""A folder of images: its classes are where the images lie, which no image says itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.graph.project import Project
from toolchain.datasets import base

MODEL = """model: pictures
dataset: {name: image_folder, folder: pictures, split: {train: 4, validation: 0, test: 2}}
input: {shape: [2, 2]}
network:
  - flatten
  - dense: {units: 2}
  - activation: softmax
training: {loss: sparse_categorical_crossentropy, epochs: 1, batch: 4}
target: {mcu: atmega4809, clock: 20 MHz}
"""


@pytest.fixture
def project(fresh: Project) -> Project:
    (fresh.root / "models/pictures.yaml").write_text(MODEL, encoding="utf-8")
    for name, numbers in (("cats", (0, 1, 2)), ("dogs", (3, 4, 5))):
        (fresh.root / "pictures" / name).mkdir(parents=True)
        for number in numbers:
            Image.fromarray(np.full((2, 2), number, np.uint8)).save(fresh.root / f"pictures/{name}/{number}.png")
    return fresh


def labels(project: Project, cache: Path) -> tuple[list[str], list[int]]:
    """The classes' names, and the class of the images 0 to 5, after a build of the data set."""
    run = project.scons("model=pictures", "build/pictures/.check", "build/datasets", cache=str(cache))
    assert run.status == 0, run.out + run.err
    (file,) = (project.root / "build/datasets").glob("image_folder-*.npz")
    found = base.read(file)
    pairs = [(int(x[0, 0]), int(y)) for part in base.PARTS for x, y in zip(found.x[part], found.y[part], strict=True)]
    return list(found.names or ()), [label for _, label in sorted(pairs)]


def test_an_image_in_another_folder_is_of_another_class(project: Project, tmp_path: Path) -> None:
    """The images are the same, in the same order, as the results that the shared cache has."""
    cache, pictures = tmp_path / "cache", project.root / "pictures"
    assert labels(project, cache) == (["cats", "dogs"], [0, 0, 0, 1, 1, 1])
    (pictures / "cats/2.png").rename(pictures / "dogs/2.png")
    assert labels(project, cache) == (["cats", "dogs"], [0, 0, 1, 1, 1, 1])
    (pictures / "cats").rename(pictures / "birds")
    assert labels(project, cache) == (["birds", "dogs"], [0, 0, 1, 1, 1, 1])
