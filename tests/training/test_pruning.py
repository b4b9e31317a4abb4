"""Pruning: how many weights are zero when, which ones, and that they stay zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.conftest import Stage, history, layers, plan
from tests.training.test_training import read_weights
from toolchain.errors import GoldcrestError
from toolchain.training.options import PRUNED, PRUNING, filled
from toolchain.training.pruning import sparsity


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(1, 50), st.integers(1, 20), st.floats(0, 0.5), st.floats(0, 0.99))
def test_the_polynomial_of_zhu_and_gupta(begin: int, length: int, frequency: int, initial: float, final: float) -> None:
    options = {"begin": begin, "end": begin + length, "frequency": frequency, "initial": initial, "final": final}
    shares = sparsity(filled(options, PRUNING), 100)
    for step, share in enumerate(shares):
        due = begin <= step <= begin + length and ((step - begin) % frequency == 0 or step == begin + length)
        if due:
            expected = final + (initial - final) * (1 - (step - begin) / length) ** 3
            assert share == pytest.approx(expected, abs=1e-6)
        else:
            assert share == -1
    assert shares[begin + length] == pytest.approx(final)


def test_constant_and_the_default_end() -> None:
    shares = sparsity(filled({"schedule": "constant", "final": 0.5, "frequency": 3}, PRUNING), 20)
    assert [step for step, share in enumerate(shares) if share >= 0] == [0, 3, 6, 9, 10]
    assert set(shares.tolist()) == {-1, 0.5}
    with pytest.raises(GoldcrestError, match=r"pruning\.end \(4\) must come after pruning\.begin \(5\)"):
        sparsity(filled({"begin": 5, "end": 4, "final": 0.5}, PRUNING), 20)


def kernels(model: Any) -> list[np.ndarray]:
    return [values for name, values in sorted(read_weights(model).items()) if name.endswith("kernel")]


def test_the_share_of_weights_is_zero_and_the_largest_live(train: Stage) -> None:
    declared = {"final": 0.75, "frequency": 2}
    model = train(plan(epochs=6, pruning=declared))
    assert [np.count_nonzero(kernel) for kernel in kernels(model)] == [64 * 8 // 4, 8 * 3 // 4]
    told = history(model)
    assert list(told["zeros"].values()) == [0.75, 0.75]
    assert told["test"]["accuracy"] > 0.8


def test_early_stopping_keeps_weights_with_all_their_zeros(train: Stage) -> None:
    """Without pruning the first epoch is the best here; with it, the first that ends after step 35 of 10 an epoch."""
    options: dict[str, Any] = {"epochs": 8, "optimizer": {"sgd": {"learning_rate": 1e-9}}}
    options["early_stopping"] = {"patience": 2, "monitor": "accuracy"}
    told = history(train(plan(**options)))
    assert (told["kept_epoch"], len(told["epochs"])) == (1, 3)
    told = history(train(plan(pruning={"final": 0.75, "frequency": 2, "end": 35}, **options)))
    assert list(told["zeros"].values()) == [0.75, 0.75]
    assert told["kept_epoch"] >= 4 and len(told["epochs"]) == told["kept_epoch"] + 2


def test_layers_to_keep(train: Stage) -> None:
    model = train(plan(pruning={"final": 0.5, "keep": ["dense_2"]}))
    assert [round(float(np.mean(kernel == 0)), 3) for kernel in kernels(model)] == [0.5, 0.0]
    with pytest.raises(GoldcrestError) as caught:
        train(plan(pruning={"final": 0.5, "keep": ["output"]}))
    assert str(caught.value) == ("pruning.keep: no layer with weights is called 'output'; there are dense_0, dense_2")


def test_whole_units_and_whole_rows(train: Stage) -> None:
    model = train(plan(pruning={"final": 0.5, "structure": "units", "keep": ["dense_2"]}))
    dead = ~kernels(model)[0].any(axis=0)
    assert dead.sum() == 4
    (bias,) = (values for name, values in read_weights(model).items() if name.endswith("dense_0/bias"))
    np.testing.assert_array_equal(bias == 0, dead)
    model = train(plan(pruning={"final": 0.5, "structure": "rows"}), name="rows.h5")
    assert [int((~kernel.any(axis=1)).sum()) for kernel in kernels(model)] == [32, 4]


def test_units_of_a_depthwise_convolution_are_its_channels(train: Stage) -> None:
    network = layers(
        ("convolution", {"filters": 3, "kernel": 3}),
        ("depthwise_convolution", {"kernel": 3, "multiplier": 2}),
        ("flatten", {}),
        ("dense", {"units": 3}),
        ("activation", {"function": "softmax"}),
    )
    kept = ["convolution_0", "dense_3"]
    model = train(plan(network, (8, 8, 1), pruning={"final": 2 / 3, "structure": "units", "keep": kept}))
    found = {name.rpartition("/")[2]: values for name, values in read_weights(model).items() if "depthwise" in name}
    dead = ~found["kernel"].any(axis=(0, 1)).reshape(-1)
    assert dead.sum() == 4
    np.testing.assert_array_equal(found["bias"] == 0, dead)


def test_the_kinds_that_are_pruned_are_those_that_estimates_count(train: Stage) -> None:
    sequence = layers(
        ("convolution_1d", {"filters": 4, "kernel": 3}),
        ("lstm", {"units": 4, "return_sequences": True}),
        ("gru", {"units": 4}),
        ("dense", {"units": 3}),
        ("activation", {"function": "softmax"}),
    )
    image = layers(
        ("convolution", {"filters": 4, "kernel": 3}),
        ("depthwise_convolution", {"kernel": 3}),
        ("separable_convolution", {"filters": 4, "kernel": 3}),
        ("flatten", {}),
        ("dense", {"units": 3}),
        ("activation", {"function": "softmax"}),
    )
    for number, (network, shape) in enumerate(((sequence, (8, 8)), (image, (8, 8, 1)))):
        told = history(train(plan(network, shape, epochs=1, pruning={"final": 0.5, "end": 5}), name=f"{number}.h5"))
        assert set(told["zeros"]) == {layer["name"] for layer in network if layer["kind"] in PRUNED}
        assert all(share == pytest.approx(0.5, abs=0.03) for share in told["zeros"].values())


def test_no_weight_left_is_no_crash(train: Stage) -> None:
    model = train(plan(pruning={"final": 0.999, "frequency": 1, "keep": ["dense_0"]}))
    assert np.count_nonzero(kernels(model)[1]) == 0
