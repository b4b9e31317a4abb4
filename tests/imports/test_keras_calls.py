"""How a Keras layer is called, and along which axis it works, against Keras itself: the same numbers, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.imports import reading
from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.from_keras import graph
from toolchain.ir.graph import Encoding, Tensor
from toolchain.layers.recurrent import LstmKind

Make = Callable[[Any, Any], Any]  # of keras and the input
THREE = (3, 3)  # channels are as many as steps, so that a wrong axis shows in the numbers alone


@pytest.fixture(scope="module")
def keras() -> Any:
    from toolchain.training.session import start

    return start().keras


def saved(keras: Any, folder: Path, suffix: str, shape: tuple[int, ...], make: Make) -> tuple[Any, Path]:
    keras.utils.set_random_seed(3)
    source = keras.Input(shape)
    model = keras.Model(source, make(keras, source))
    model.save(folder / f"m{suffix}")
    return model, folder / f"m{suffix}"


def with_state(keras: Any, x: Any) -> Any:
    state = keras.layers.Dense(4)(keras.layers.Flatten()(x))
    return keras.layers.GRU(4, name="start")(x, initial_state=state)


def along_steps(keras: Any, x: Any) -> Any:
    return keras.layers.Normalization(axis=1, mean=[0.1, 0.5, 0.9], variance=[1.0, 2.0, 3.0], name="steps")(x)


REFUSED: dict[str, tuple[Make, str]] = {
    "initial state": (with_state, "layer start (GRU): it is called with more tensors than its input (an initial state"),
    "a batch's own statistics": (
        lambda keras, x: keras.layers.BatchNormalization(name="norm")(keras.layers.ReLU()(x), training=True),
        "layer norm (BatchNormalization): it is called with training=True, which is not supported",
    ),
    "normalization of steps": (along_steps, "layer steps (Normalization): the channels are axis 1"),
    "scale a step": (
        lambda keras, x: keras.layers.Rescaling([[1.0], [2.0], [3.0]], name="scale")(x),
        "layer scale (Rescaling): an array of shape (3, 1) is not supported",
    ),
    "mean over an axis": (
        lambda keras, x: keras.ops.average(x, axis=2),
        "(Average): keras.ops has another Average than keras.layers; use the layer",
    ),
    "reshape": (lambda keras, x: keras.ops.reshape(x, (-1, 9)), "(Reshape): keras.ops has another Reshape"),
    "a number": (lambda keras, x: x + 2.0, "(Add): arithmetic with a constant is not supported"),
    "an array": (lambda keras, x: x - np.float32([1, 2, 3]), "(Subtract): arithmetic with a constant is not supported"),
}
COMPUTED: dict[str, Make] = {
    "difference": lambda keras, x: keras.layers.ReLU()(x) - x,
    "square": lambda keras, x: x * x,
    "joined": lambda keras, x: keras.ops.concatenate([x, keras.layers.ReLU()(x)], axis=1),
    "softmax": lambda keras, x: keras.ops.softmax(x),
    "named output": lambda keras, x: {"answer": keras.layers.ReLU()(x)},
    "one normalization": lambda keras, x: keras.layers.Normalization(axis=None, mean=0.5, variance=2.0)(x),
    "not in training": lambda keras, x: keras.layers.Dropout(0.5)(x, training=False) + x,
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(keras: Any, tmp_path: Path, name: str, suffix: str) -> None:
    make, words = REFUSED[name]
    _, path = saved(keras, tmp_path, suffix, THREE, make)
    with pytest.raises(GoldcrestError) as refused:
        reading.graph(path, THREE)
    assert words in str(refused.value)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", COMPUTED)
def test_computed(keras: Any, tmp_path: Path, name: str, suffix: str) -> None:
    model, path = saved(keras, tmp_path, suffix, THREE, COMPUTED[name])
    x = np.random.default_rng(1).normal(size=(4, *THREE)).astype(np.float32)
    expected = model(x)
    expected = np.asarray(expected["answer"] if isinstance(expected, dict) else expected)
    np.testing.assert_allclose(reading.graph(path, THREE).run(x.astype(np.float64)), expected, atol=1e-6)


def keras2(call: list[Any]) -> dict[str, Any]:
    """The configuration of a Keras 2 model: a dropout called so."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 4]}, "inbound_nodes": []},
        {"class_name": "Dropout", "config": {"name": "drop", "trainable": True}, "inbound_nodes": [[call]]},
    ]
    content = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["drop", 0, 0]]}
    return {"class_name": "Functional", "config": content}


def test_calls_of_keras_2() -> None:
    encoding = Encoding(np.zeros(1), np.ones(1), quantize=False)
    for options in ({}, {"training": False}, {"training": None}):
        graph("m.h5", keras2(["x", 0, 0, options]), {}, "2.15.0", encoding, Tensor((4,)))
    with pytest.raises(GoldcrestError, match=r"layer drop \(Dropout\): it is called with training=True"):
        graph("m.h5", keras2(["x", 0, 0, {"training": True}]), {}, "2.15.0", encoding, Tensor((4,)))
    with pytest.raises(GoldcrestError, match=r"layer drop \(Dropout\): it is called with more tensors"):
        graph("m.h5", keras2(["x", 0, 0, {"noise": ["x", 0, 0]}]), {}, "2.15.0", encoding, Tensor((4,)))


def test_sequences_with_their_steps_first() -> None:
    with pytest.raises(LayerError, match="time_major is not supported"):
        LstmKind().from_keras({"units": 1, "time_major": True}, [np.ones((1, 4)), np.ones((1, 4)), np.ones(4)])
