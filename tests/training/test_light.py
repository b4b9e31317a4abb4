"""What training decides without TensorFlow: learning rates, labels, orders, and whether data and network agree."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.conftest import classifier, layers, plan
from toolchain.datasets import base
from toolchain.errors import DataError, GoldcrestError
from toolchain.graph import imports
from toolchain.training import options, train_stage
from toolchain.training.schedule import rates
from toolchain.training.targets import Objective
from toolchain.training.trainer import epoch_order


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10), st.integers(1, 20), st.integers(0, 60), st.floats(0, 0.9))
def test_cosine_with_warm_up(epochs: int, steps: int, warm_up: int, final: float) -> None:
    result = rates({"schedule": {"cosine": {"final": final}}, "warm_up": warm_up}, 0.5, epochs, steps)
    total, rise = epochs * steps, min(warm_up, epochs * steps)
    for step in range(total):
        if step < rise:
            expected = 0.5 * (step + 1) / rise
        else:
            share = (1 + math.cos(math.pi * (step - rise) / max(1, total - rise))) / 2
            expected = 0.5 * (final + (1 - final) * share)
        assert result[step] == pytest.approx(expected, abs=1e-6)


def test_steps_and_constant() -> None:
    falling = rates({"schedule": {"steps": {"epochs": [3, 1], "factor": 0.1}}, "warm_up": 0}, 1.0, 4, 2)
    assert falling.tolist() == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert rates({"schedule": "constant", "warm_up": 4}, 1.0, 3, 2).tolist() == [0.25, 0.5, 0.75, 1, 1, 1]
    assert rates({}, 1.0, 1, 2).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("loss", "outputs", "smoothing", "expected"),
    [
        ("sparse_categorical_crossentropy", 3, 0.0, [0, 2]),
        ("sparse_categorical_crossentropy", 2, 0.2, None),
        ("categorical_crossentropy", 3, 0.0, [[1, 0, 0], [0, 0, 1]]),
        ("categorical_crossentropy", 3, 0.3, [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]),
        ("sparse_categorical_crossentropy", 3, 0.3, [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]),
        ("mean_squared_error", 3, 0.0, [[1, 0, 0], [0, 0, 1]]),
        ("hinge", 3, 0.0, [[1, -1, -1], [-1, -1, 1]]),
        ("squared_hinge", 3, 0.0, [[1, -1, -1], [-1, -1, 1]]),
    ],
)
def test_labels_as_the_loss_takes_them(loss: str, outputs: int, smoothing: float, expected: list | None) -> None:
    objective = Objective(loss, smoothing, outputs, classes=outputs)
    labels = np.array([0, outputs - 1], np.int32)
    result = objective.labels(labels)
    if expected is None:
        assert result.tolist() == pytest.approx(np.array([[0.9, 0.1], [0.1, 0.9]]))
    else:
        np.testing.assert_allclose(result, expected, atol=1e-7)
    assert result.dtype == (np.int32 if objective.sparse else np.float32)


def test_a_single_output_stands_for_class_one() -> None:
    labels = np.array([0, 1], np.int32)
    assert Objective("binary_crossentropy", 0.0, 1, 2).labels(labels).tolist() == [[0], [1]]
    assert Objective("hinge", 0.0, 1, 2).labels(labels).tolist() == [[-1], [1]]
    smoothed = Objective("binary_crossentropy", 0.2, 1, 2).labels(labels)
    np.testing.assert_allclose(smoothed, [[0.1], [0.9]], atol=1e-7)
    assert (Objective("hinge", 0.0, 1, 2).threshold, Objective("mean_squared_error", 0.0, 1, 2).threshold) == (0, 0.5)


def test_smoothing_goes_with_cross_entropies() -> None:
    with pytest.raises(GoldcrestError, match="label_smoothing goes with binary_crossentropy, categorical_crossentropy"):
        Objective("hinge", 0.1, 1, 2)


def test_every_epoch_has_its_own_order_of_all_samples() -> None:
    orders = [epoch_order(seed, epoch, 50) for seed in (1, 2) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    np.testing.assert_array_equal(epoch_order(1, 0, 50), orders[0])


def test_a_checkpoint_belongs_to_all_that_a_training_runs() -> None:
    """But for what only shows how far it is."""
    root = Path(__file__).parents[2]
    folders = {Path(file).parts[1] for file in imports.closure("toolchain.training.train_stage", root)}
    packages = {name for name in folders if not name.endswith(".py")}
    assert packages - {"report"} <= set(train_stage.PROGRAM)


def test_every_extra_option_has_a_default() -> None:
    assert options.filled(None, options.EXTRA) == {
        "schedule": "constant",
        "warm_up": 0,
        "label_smoothing": 0.0,
        "early_stopping": None,
        "augmentation": None,
        "tries": 1,
        "distillation": None,
        "trained": None,
    }


def regression(splits: base.Splits, width: int) -> base.Splits:
    values = {part: np.zeros((len(x), width), np.float32) for part, x in splits.x.items()}
    return base.Splits(splits.x, values, classes=0)


def test_data_that_does_not_go_with_the_network(splits: base.Splits) -> None:
    def refusal(plan_: dict, data: base.Splits) -> str:
        with pytest.raises(DataError) as caught:
            train_stage.check(plan_, data, "data.npz")
        return str(caught.value)

    first = int(np.argmax(splits.y["train"] == 2))
    assert refusal(plan(classifier(classes=2)), splits) == (
        f"data.npz has labels up to 2 (sample {first} of train: 2), and the network has 2 outputs, "
        "enough for labels up to 1; give the last layer 3 units"
    )
    assert refusal(plan(shape=(49,)), splits) == (
        "data.npz has samples of 8 × 8, and the network takes 49; "
        "set input.shape, or the data set's preprocess, so that they agree"
    )
    assert refusal(plan(), regression(splits, 2)) == "data.npz has 2 target values a sample, and the network 3 outputs"
    assert refusal(plan(), regression(splits, 3)) == (
        "data.npz holds values, no classes; sparse_categorical_crossentropy takes class labels"
    )
    single = layers(("dense", {"units": 1}), ("activation", {"function": "sigmoid"}))
    assert "the network has 1 output, enough for labels up to 1" in refusal(
        plan(single, loss="binary_crossentropy"), splits
    )
    assert refusal(plan(classifier(classes=256)), splits) == (
        "the network has 256 outputs, and the chip names a class with one byte: 255 classes are the most"
    )
    train_stage.check(plan(classifier(classes=255)), splits, "data.npz")
    train_stage.check(plan(), splits, "data.npz")
