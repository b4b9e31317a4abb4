"""Preprocessing against plain integer arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from toolchain.datasets import preprocessing
from toolchain.datasets.base import DatasetOptionError


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    factor=st.integers(2, 5),
    blocks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels=st.sampled_from([(), (1,), (3,)]),
)
def test_downsample_is_the_block_mean_rounded_half_up(
    data: st.DataObject, factor: int, blocks: tuple[int, int], channels: tuple[int, ...]
) -> None:
    shape = (2, blocks[0] * factor, blocks[1] * factor, *channels)
    x = data.draw(arrays.arrays(np.uint8, shape))
    result = preprocessing.downsample(x, factor)
    assert result.dtype == np.uint8
    assert result.shape == (2, *blocks, *channels)
    for place in np.ndindex(result.shape):
        n, row, column, *channel = place
        block = [
            int(x[(n, row * factor + i, column * factor + j, *channel)]) for i in range(factor) for j in range(factor)
        ]
        assert result[place] == int(Fraction(sum(block), factor * factor) + Fraction(1, 2))


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, (2, 2, 2, 3)))
def test_grayscale_is_bt601_rounded(x: np.ndarray) -> None:
    result = preprocessing.grayscale(x)
    for place in np.ndindex(result.shape):
        red, green, blue = (int(value) for value in x[place])
        exact = Fraction(299 * red + 587 * green + 114 * blue, 1000)
        assert result[place] == int(exact + Fraction(1, 2))


def test_grey_stays_grey() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None, None], 3, axis=3)
    np.testing.assert_array_equal(preprocessing.grayscale(grey)[0, :, 0], np.arange(256))


def test_steps_follow_each_other() -> None:
    x = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    steps = ["grayscale", {"downsample": 2}]
    assert preprocessing.output_shape(steps, (4, 4, 3)) == (2, 2)
    np.testing.assert_array_equal(
        preprocessing.apply(steps, x), preprocessing.downsample(preprocessing.grayscale(x), 2)
    )


def test_floats_stay_floats() -> None:
    x = np.array([[[0.5, 1.5], [2.5, 3.5]]], np.float32)
    result = preprocessing.downsample(x, 2)
    assert result.dtype == np.float32
    assert result.tolist() == [[[2.0]]]


@pytest.mark.parametrize(
    ("steps", "shape", "text", "place"),
    [
        (
            ["grayscale"],
            (28, 28),
            "grayscale takes height × width × 3 (red, green, blue), and the samples here are 28 × 28",
            ("preprocess", 0),
        ),
        (
            [{"downsample": 2}],
            (784,),
            "downsample takes images (height × width), and the samples here are 784",
            ("preprocess", 0),
        ),
        (
            [{"downsample": 2}, {"downsample": 3}],
            (28, 28),
            "downsample: 3 does not divide 14 × 14 pixels; choose a divisor of both",
            ("preprocess", 1),
        ),
    ],
)
def test_steps_that_cannot_be(steps: list, shape: tuple[int, ...], text: str, place: tuple) -> None:
    with pytest.raises(DatasetOptionError) as caught:
        preprocessing.output_shape(steps, shape)
    assert (str(caught.value), caught.value.option) == (text, place)
