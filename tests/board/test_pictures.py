"""Samples in the terminal, and what the monitor's keys do."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from tests.board.conftest import Model
from toolchain.board import picture, subject
from toolchain.board.link import Answer
from toolchain.board.monitor_stage import Scene


def drawn(sample: np.ndarray, **console: object) -> str:
    stream = io.StringIO()
    picture.draw(sample, Console(file=stream, width=100, **console))  # type: ignore[arg-type]
    return stream.getvalue()


def test_an_image_is_drawn_in_characters_or_in_grey() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 14] = 255
    lines = drawn(image).splitlines()
    assert [line[14:15] for line in lines] == ["@"] * 10
    coloured = drawn(image, force_terminal=True, color_system="truecolor")
    assert coloured.count("▀") == 28 * 14
    assert drawn(np.zeros((28, 28), np.uint8)) == "\n"
    assert "38;2;255;255;255" in coloured
    assert drawn(image.reshape(784)) == drawn(image)


@pytest.mark.parametrize("sample", [np.array([3, 250]), np.zeros(1), np.array([-1.5, 2.25, 1e9]), np.ones((32, 2))])
def test_other_samples_are_written_as_numbers(sample: np.ndarray) -> None:
    assert drawn(sample).split()[0] == f"{sample.flat[0]:g}"


@pytest.fixture
def scene(model: Model) -> Scene:
    return Scene(subject.load(model.flash()))


def test_keys_choose_samples(scene: Scene) -> None:
    scene.press("right")
    assert scene.index == 1
    scene.press("left")
    scene.press("left")
    assert scene.index == 99
    label = int(scene.what.labels[40])
    scene.press(str(label))
    assert scene.what.labels[scene.index] == label
    first = scene.index
    scene.press(str(label))
    assert scene.what.labels[scene.index] == label
    assert scene.index > first or len(np.flatnonzero(scene.what.labels == label)) == 1 or scene.index < first


def test_keys_draw(scene: Scene) -> None:
    scene.press("d")
    assert not scene.sample.any()
    assert scene.sample.shape == scene.what.samples[0].shape
    for key in [" ", "down", "down", " ", "left"]:
        scene.press(key)
    grey = scene.sample.reshape(28, 28)
    assert [grey[row, 14] for row in (14, 15, 16)] == [255, 255, 255]
    assert grey[:, 20].sum() == 0
    for _ in range(100):
        scene.press("up")
    assert scene.row == 1
    answer = Answer(bytes(10), 3, 1000, 0.1)
    stream = io.StringIO()
    Console(file=stream, width=100).print(scene.render(answer))
    assert "the chip says 3 in 0.05 ms" in stream.getvalue()
    scene.press("escape")
    assert (scene.sample == scene.what.samples[scene.index]).all()
