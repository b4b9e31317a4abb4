"""Augmentation, against pixels computed one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from toolchain.errors import GoldcrestError
from toolchain.training import augmentation
from toolchain.training.session import Session, start

IMAGES = np.random.default_rng(1).integers(0, 256, (3, 7, 9, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def session() -> Session:
    return start()


def changed(session: Session, options: dict[str, Any], x: np.ndarray, step: int = 0, seed: int = 1) -> np.ndarray:
    augment = augmentation.build(session, options, x.shape[1:], seed)
    assert augment is not None
    result: np.ndarray = augment(session.tf.constant(x), session.tf.constant(step)).numpy()
    return result


def test_sampling_is_bilinear_with_nothing_outside(session: Session) -> None:
    random = np.random.default_rng(2)
    y = random.uniform(-3, 9, (3, 7, 9)).astype(np.float32)
    x = random.uniform(-3, 11, (3, 7, 9)).astype(np.float32)
    tf = session.tf
    result = augmentation.sample(tf, tf.constant(IMAGES), tf.constant(y), tf.constant(x)).numpy()

    def pixel(n: int, row: int, column: int) -> np.ndarray:
        inside = 0 <= row < 7 and 0 <= column < 9
        return IMAGES[n, row, column] if inside else np.zeros(2, np.float32)

    for n, i, j in np.ndindex(3, 7, 9):
        row, column = math.floor(y[n, i, j]), math.floor(x[n, i, j])
        down, right = y[n, i, j] - row, x[n, i, j] - column
        upper = pixel(n, row, column) * (1 - right) + pixel(n, row, column + 1) * right
        lower = pixel(n, row + 1, column) * (1 - right) + pixel(n, row + 1, column + 1) * right
        np.testing.assert_allclose(result[n, i, j], upper * (1 - down) + lower * down, atol=1e-2)


@pytest.mark.parametrize("options", [{"affine": {"rotation": 0.0}}, {"elastic": {"strength": 0.0}}])
def test_no_change_asked_for_is_no_change(session: Session, options: dict[str, Any]) -> None:
    np.testing.assert_allclose(changed(session, options, IMAGES), IMAGES, atol=1e-3)


def test_seed_and_step_decide(session: Session) -> None:
    options = {"affine": {"rotation": 20.0, "shift": 2.0}, "elastic": {"strength": 1.0}}
    first = changed(session, options, IMAGES)
    np.testing.assert_array_equal(first, changed(session, options, IMAGES))
    assert not np.array_equal(first, changed(session, options, IMAGES, step=1))
    assert not np.array_equal(first, changed(session, options, IMAGES, seed=2))


@pytest.mark.parametrize("affine", [{"rotation": 15.0}, {"scale": 0.2}, {"shift": 2.0}, {"shear": 0.2}])
def test_each_change_keeps_within_its_limit(session: Session, affine: dict[str, float]) -> None:
    """A spot's centre of mass, followed through many random changes."""
    size, spot = 41, (12, 26)
    image = np.zeros((400, size, size, 1), np.float32)
    image[:, spot[0] - 1 : spot[0] + 2, spot[1] - 1 : spot[1] + 2] = 1
    result = changed(session, {"affine": affine}, image)[..., 0]
    rows, columns = np.mgrid[0:size, 0:size]
    mass = result.sum(axis=(1, 2))
    offset = np.array([spot[0] - 20, spot[1] - 20])
    moved = np.stack([(result * axis).sum(axis=(1, 2)) / mass - 20 for axis in (rows, columns)], axis=1)
    if "rotation" in affine:
        angles = np.degrees(np.arctan2(moved[:, 0], moved[:, 1]) - math.atan2(*offset))
        reached, limit = np.abs(angles).max(), 15
        np.testing.assert_allclose(np.hypot(*moved.T), np.hypot(*offset), atol=0.1)
    elif "scale" in affine:
        reached, limit = np.abs(np.hypot(*moved.T) / np.hypot(*offset) - 1).max(), 0.2
    else:
        assert ("shift" in affine) or np.allclose(moved[:, 0], offset[0], atol=0.1)
        reached = np.abs(moved - offset).max()
        limit = 2 if "shift" in affine else 0.2 * abs(offset[0])
    assert 0.8 * limit < reached < 1.05 * limit


def test_the_displacement_has_the_strength_asked_for(session: Session) -> None:
    options = {"strength": 1.5, "smoothness": 3.0}
    field = augmentation._displacement(session.tf, options, 500, (20, 20), (1, 7)).numpy()
    assert np.sqrt((field**2).mean()) == pytest.approx(1.5, rel=0.03)
    assert np.sqrt((field[:, :, 0, 0] ** 2).mean()) == pytest.approx(1.5, rel=0.1)  # at a corner as well
    neighbours = (field[:, :, 1:] * field[:, :, :-1]).mean() / (field**2).mean()
    assert neighbours == pytest.approx(math.exp(-1 / (4 * 9)), abs=0.02)  # of white noise smoothed with sigma 3


def test_flat_images_are_read_as_squares_and_rows_of_values_refused(session: Session) -> None:
    square = IMAGES[:, :7, :7, 0]
    options = {"affine": {"rotation": 30.0}}
    flat = changed(session, options, square.reshape(3, 49))
    np.testing.assert_array_equal(flat.reshape(3, 7, 7), changed(session, options, square))
    with pytest.raises(GoldcrestError) as caught:
        augmentation.build(session, options, (50,), 1)
    assert str(caught.value) == "training.augmentation changes images, and the input is a row of 50 values"


def test_nothing_asked_for_is_no_function(session: Session) -> None:
    assert augmentation.build(session, None, (50,), 1) is None
    assert augmentation.build(session, {"affine": None, "elastic": None}, (50,), 1) is None
