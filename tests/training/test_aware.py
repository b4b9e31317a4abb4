"""Quantization-aware training: its integers are the chip's, gradients reach the weights, bytes are reproducible."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.training.conftest import Stage, history, layers, plan
from tests.training.test_training import RUN
from toolchain.datasets import base
from toolchain.errors import DataError, GoldcrestError
from toolchain.ir import from_keras
from toolchain.ir.graph import Graph
from toolchain.layers.dense import IntegerDense
from toolchain.training import aware_check, train_stage, trained
from toolchain.training.aware import AwareNetwork
from toolchain.training.aware_plan import CODINGS, BlockError, blocks
from toolchain.training.aware_weights import LIMITS, Weights
from toolchain.training.predict import predict
from toolchain.training.session import Session, start

RELU: tuple[str, dict[str, Any]] = ("activation", {"function": "relu"})
SOFTMAX: tuple[str, dict[str, Any]] = ("activation", {"function": "softmax"})
NORMAL: tuple[str, dict[str, Any]] = ("batch_normalization", {"momentum": 0.5})

NETWORKS: dict[str, tuple[tuple[int, ...], list[tuple[str, dict[str, Any]]]]] = {
    "dense": ((64,), [("dense", {"units": 6}), NORMAL, RELU, ("dense", {"units": 3}), SOFTMAX]),
    "dense without normalization": ((64,), [("dense", {"units": 6}), RELU, ("dense", {"units": 3}), SOFTMAX]),
    "no relu": ((64,), [("dense", {"units": 5}), NORMAL, ("dense", {"units": 3, "bias": False}), SOFTMAX]),
    "convolutions": (
        (8, 8, 1),
        [
            ("convolution", {"filters": 4, "kernel": 3, "padding": "same", "stride": 2, "bias": False}),
            NORMAL,
            RELU,
            ("depthwise_convolution", {"kernel": 2, "multiplier": 2}),
            NORMAL,
            ("activation", {"function": "relu6"}),
            ("flatten", {}),
            ("dense", {"units": 3}),
            SOFTMAX,
        ],
    ),
    "pooling": (
        (8, 8, 1),
        [
            ("average_pooling", {"size": 2}),
            ("convolution", {"filters": 4, "kernel": 2}),
            ("max_pooling", {"size": 2, "stride": 1}),
            RELU,
            ("dropout", {"rate": 0.2}),
            ("global_average_pooling", {}),
            ("dense", {"units": 3}),
            SOFTMAX,
        ],
    ),
}


def aware_plan(name: str, coding: str, offset: float = 0.0, **training: Any) -> dict[str, Any]:
    shape, declared = NETWORKS[name]
    made = plan(layers(*declared), shape, **training)
    made["input"] = {"shape": list(shape), "offset": offset, "divide": 255.0}
    made["quantization"] = {"weights": coding}
    return made


@pytest.fixture(scope="module")
def session() -> Session:
    return start()


def worn(network: AwareNetwork, splits: base.Splits, session: Session, offset: float) -> None:
    """Makes every constant an odd one: statistics from some batches, normalization with scales of both signs and 0."""
    random = np.random.default_rng(5)
    x = splits.x["train"].reshape(-1, *network.shape).astype(np.float32)
    for variable in network.variables:
        value = variable.numpy()
        if variable.name in ("gamma", "beta", "bias"):
            value = random.normal(0, 0.5, value.shape)
            value[:1] = 0
        elif variable.name == "kernel" and random.random() < 0.5:
            value[..., -1] = 0  # a unit of which nothing is left
        variable.assign(value)
    for part in np.split(x[:256], 8):
        network(session.tf.constant((part + np.float32(offset)) / 255), training=True)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_computes_the_integers_of_the_chip(
    name: str, coding: str, session: Session, splits: base.Splits
) -> None:
    offset = 0.0 if NETWORKS[name][0] != (64,) else -37.5
    declared = aware_plan(name, coding, offset)
    network = AwareNetwork(session, declared, 3)
    worn(network, splits, session, offset)
    content = network.h5_bytes()
    assert aware_check.compare(declared, content, network, splits) == {"compared": 60, "equal": 60}
    graph = aware_check.reference(declared, content, splits)
    assert len(np.unique(graph.run(graph.encode(splits.x["test"]).astype(np.int64)))) > 5, "a comparison of constants"


def test_a_graph_that_differs_is_refused(session: Session, splits: base.Splits) -> None:
    declared = aware_plan("dense", "int8")
    network = AwareNetwork(session, declared, 3)
    worn(network, splits, session, 0.0)
    content = network.h5_bytes()
    for variable in network.variables:
        if variable.name == "bias":
            variable.assign(variable.numpy() + 1)
    network.freeze()
    with pytest.raises(GoldcrestError, match=r"differ on [0-9]+ of 60 test samples, first on sample 0"):
        aware_check.compare(declared, content, network, splits)


@pytest.mark.parametrize("coding", CODINGS)
def test_training_sees_what_inference_computes(coding: str, session: Session, splits: base.Splits) -> None:
    """Without normalization the two modes differ by roundings of biases and multipliers alone: a code or so."""
    declared = aware_plan("dense without normalization", coding)
    network = AwareNetwork(session, declared, 2)
    x = session.tf.constant(splits.x["train"][:64].reshape(-1, 64).astype(np.float32) / 255)
    network(x, training=True)  # ranges are those of the first batch
    network.freeze()
    trains, infers = (network(x, training=mode).numpy() for mode in (True, False))
    assert np.abs(trains - infers).max() < 0.05


def test_an_average_is_rounded_to_its_inputs_grid_from_the_first_step(session: Session, splits: base.Splits) -> None:
    """Of raw bytes over 255, and of what a layer puts out, whose range is known with its first batch."""
    network = AwareNetwork(session, aware_plan("pooling", "int8"), 2)
    x = splits.x["train"][:64].reshape(-1, 8, 8, 1).astype(np.float32)
    known = network._run(session.tf.constant(x / 255), True)
    exact, codes = x.reshape(64, 4, 2, 4, 2, 1).mean(axis=(2, 4)), known["average_pooling_0"].numpy() * 255
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert np.abs(codes - exact).max() == pytest.approx(0.5, abs=1e-3)  # halves go either way in float32
    low, high = (float(end) for end in network.variables[2].numpy())
    codes = known["global_average_pooling_5"].numpy() * 255 / (high - low)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert len(np.unique(np.rint(codes))) > 10


@pytest.mark.parametrize("coding", CODINGS)
def test_codes_are_those_allowed_and_near_the_weights(coding: str, session: Session) -> None:
    tf = session.tf
    kernel = session.keras.Variable(np.random.default_rng(1).normal(0, 0.3, (40, 6)).astype(np.float32))
    weights = Weights(session, coding, kernel, (1,))
    codes, step = (part.numpy() for part in weights.coded(tf.convert_to_tensor(kernel)))
    assert np.array_equal(codes, np.rint(codes)) and np.abs(codes).max() <= LIMITS[coding] and step.shape == (1, 6)
    few = {"int8": 100, "int4": 10, "ternary": 3, "binary": 2}[coding]
    assert np.unique(codes).size >= few
    assert np.allclose(weights.effective(tf.convert_to_tensor(kernel)).numpy(), codes * step, atol=1e-6)
    error = np.abs(codes * step - kernel.numpy()).mean()
    assert error < {"int8": 0.003, "int4": 0.05, "ternary": 0.15, "binary": 0.2}[coding]


@pytest.mark.parametrize("coding", CODINGS)
def test_gradients_pass_straight_through(coding: str, session: Session) -> None:
    tf = session.tf
    random = np.random.default_rng(2)
    kernel = session.keras.Variable(random.normal(0, 0.3, (40, 6)).astype(np.float32))
    ahead = tf.constant(random.normal(0, 1, (40, 6)).astype(np.float32))
    weights = Weights(session, coding, kernel, (1,))
    with tf.GradientTape() as tape:
        value = tf.convert_to_tensor(kernel)
        tape.watch(value)
        loss = tf.reduce_sum(weights.effective(value) * ahead)
    found = tape.gradient(loss, [value, *(v.value for v in weights.variables)])
    codes, step = (part.numpy() for part in weights.coded(value))
    inside = np.abs(kernel.numpy() / step) <= 7 if coding == "int4" else np.ones((40, 6), bool)
    assert np.allclose(found[0].numpy(), np.where(inside, ahead.numpy(), 0), atol=1e-6)
    if coding == "int4":  # Esser and others: round(v) - v inside, the bound outside; by the chain rule for a logarithm
        slope = np.where(inside, codes - kernel.numpy() / step, codes) * ahead.numpy() * step * np.log(2)
        assert np.allclose(found[1].numpy(), slope.sum(axis=0), atol=1e-4)


def test_learns_and_writes_an_ordinary_model(train: Stage, splits: base.Splits) -> None:
    declared = aware_plan("convolutions", "int4", epochs=12)
    model = train(declared)
    told = history(model)
    assert told["integers"] == {"compared": 60, "equal": 60}
    assert told["test"]["accuracy"] > 0.8
    with h5py.File(model) as file:
        pins = file[from_keras.PINS]
        assert set(pins) == {"convolution_0", "depthwise_convolution_3", "dense_7"}
        kernel = file["model_weights/convolution_0/convolution_0/kernel"][:]
        codes = kernel / pins["convolution_0/steps"][:]
    assert np.abs(codes - np.rint(codes)).max() < 1e-4 and np.abs(codes).max() <= 7.0001
    x = splits.x["test"].reshape(-1, 8, 8, 1) / 255
    right = np.mean(predict(model, x).argmax(axis=1) == splits.y["test"])
    assert abs(right - told["test"]["accuracy"]) < 0.1  # Keras alone: activations not rounded


def test_the_same_bytes_and_another_plan(train: Stage) -> None:
    declared = aware_plan("dense", "int4", tries=2)
    first, second = (train(declared, name=name).read_bytes() for name in ("a.h5", "b.h5"))
    assert first == second
    assert train(aware_plan("dense", "int8", tries=2)).read_bytes() != first


@pytest.mark.parametrize(("network", "told"), [("dense", 4), ("dense", 9), ("pooling", 9)])
def test_killed_and_resumed_gives_the_same_bytes(network: str, told: int, tmp_path: Path, splits: base.Splits) -> None:
    declared = aware_plan(network, "int4", epochs=4)
    declared["pruning"] = {"final": 0.5, "frequency": 3}
    base.save(splits, tmp_path / "data.npz")
    for name in ("whole", "killed"):
        (tmp_path / f"{name}.json").write_text(json.dumps(declared))
    root = Path(__file__).parents[2]

    def run(name: str, stop: int) -> int:
        command = [sys.executable, "-c", RUN, str(tmp_path / f"{name}.json"), str(tmp_path / "data.npz"), str(stop)]
        return subprocess.run(command, cwd=root, capture_output=True, check=False).returncode

    assert run("whole", -1) == 0
    assert run("killed", told) != 0
    assert (tmp_path / "killed.checkpoint.npz").exists()
    assert run("killed", -1) == 0
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize("coding", ["int8", "int4", "ternary"])
def test_pruned_weights_are_zero_codes(coding: str, train: Stage, splits: base.Splits) -> None:
    declared = aware_plan("dense", coding, epochs=4)
    declared["pruning"] = {"final": 0.75, "frequency": 2, "keep": ["dense_3"]}
    model = train(declared)
    graph = aware_check.reference(declared, model.read_bytes(), splits)
    operator = _first(graph)
    assert np.mean(operator.weights == 0) >= 0.75
    told = history(model)
    assert told["integers"]["equal"] == 60 and told["zeros"]["dense_0"] == pytest.approx(np.mean(operator.weights == 0))


@pytest.mark.parametrize("structure", ["units", "rows"])
def test_whole_channels_and_rows_of_codes_are_zero(structure: str, train: Stage, splits: base.Splits) -> None:
    """Units of a convolution are its channels. What is gone is gone from the integers too, biases included."""
    declared = aware_plan("convolutions", "int8", epochs=4)
    declared["pruning"] = {"final": 0.5, "frequency": 2, "structure": structure, "keep": ["depthwise_convolution_3"]}
    model = train(declared)
    assert history(model)["integers"] == {"compared": 60, "equal": 60}
    with h5py.File(model) as file:
        kernels = {name: file[f"model_weights/{name}/{name}/kernel"][:] for name in ("convolution_0", "dense_7")}
    for name, kernel in kernels.items():
        axis = kernel.ndim - (1 if structure == "units" else 2)
        others = tuple(other for other in range(kernel.ndim) if other != axis)
        dead = ~(kernel != 0).any(axis=others)
        assert dead.sum() == np.rint(0.5 * kernel.shape[axis]), name


def _first(graph: Graph) -> IntegerDense:
    operator = graph.layers[0].operator
    assert isinstance(operator, IntegerDense)
    return operator


def test_only_bytes_with_one_scaling(train: Stage, splits: base.Splits) -> None:
    reals = base.Splits({part: x / 255 for part, x in splits.x.items()}, splits.y, classes=3)
    with pytest.raises(DataError, match="whole numbers from 0 to 255"):
        train(aware_plan("dense", "int8"), reals)


def test_what_cannot_be_learned_is_named() -> None:
    for declared, said in (
        ([("dense", {"units": 3}), ("activation", {"function": "tanh"}), ("dense", {"units": 3})], "tanh cannot"),
        ([("dense", {"units": 3}), RELU, NORMAL, ("dense", {"units": 3})], "does not stand right after"),
        ([("average_pooling", {"padding": "same"}), ("flatten", {})], "average pooling with padding"),
        ([("rescaling", {"scale": 2.0}), ("dense", {"units": 3})], "rescaling cannot be trained"),
    ):
        with pytest.raises(BlockError, match=said):
            blocks(layers(*declared))


def test_a_committed_file_stands_for_its_own_training_only(
    train: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.h5"
    declared = aware_plan("dense", "int8", trained=str(kept))
    model = train(declared)
    made = model.read_bytes()
    kept.write_bytes(made)
    trained.history_path(kept).write_bytes(trained.history_path(model).read_bytes())

    def refuse(*_: Any) -> None:
        raise AssertionError("trained although the file was there")

    with monkeypatch.context() as patch:
        patch.setattr(train_stage, "_train", refuse)
        assert train(declared, name="taken.h5").read_bytes() == made
    assert trained.training_of(kept) == trained.digest(declared, tmp_path / "data.npz")
    trained.history_path(kept).unlink()
    assert train(declared, name="without_history.h5").read_bytes() == made
    other = {**declared, "training": {**declared["training"], "seed": 2}}
    assert train(other, name="anew.h5").read_bytes() != made
    assert trained.training_of(tmp_path / "nothing.h5") == ""
