"""Reading .h5 files: Sequential and functional models, names, weights, and what is refused."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from tests.layers.models import ENCODING, agrees_with_keras, imported
from toolchain.errors import GoldcrestError
from toolchain.ir import from_keras
from toolchain.ir.graph import Tensor
from toolchain.layers.registry import by_keras_class, kinds


def test_names_and_weights_of_a_sequential_model(keras, tmp_path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,), name="input"),
            layers.Dense(5, activation="relu", name="first"),
            layers.Dense(3, use_bias=False, name="second"),
        ]
    )
    graph = imported(model, tmp_path)
    assert [layer.name for layer in graph.layers] == ["first", "first_relu", "second"]
    first, _, second = graph.layers
    np.testing.assert_array_equal(first.operator.weights, model.get_layer("first").get_weights()[0])
    np.testing.assert_array_equal(second.operator.weights, model.get_layer("second").get_weights()[0])
    assert not second.operator.bias.any()
    agrees_with_keras(model, graph)


def test_a_sequential_model_without_an_input_layer(keras, tmp_path) -> None:
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 4))
    agrees_with_keras(model, imported(model, tmp_path))


def test_a_functional_model_in_any_order(keras, tmp_path) -> None:
    layers = keras.layers
    source = keras.Input((4,), name="samples")
    left, right = layers.Dense(3, name="left")(source), layers.Dense(3, name="right")(source)
    model = keras.Model(source, layers.Subtract(name="difference")([right, left]))
    graph = imported(model, tmp_path)
    assert graph.layers[-1].inputs == ("right", "left")  # the order of operands counts
    agrees_with_keras(model, graph)


def test_keras_2_files(tmp_path) -> None:
    """As Keras 2 wrote functional models: inbound nodes as nested lists, weights below the layer's name."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)

    def entry(class_name, name, inbound, **config):
        return {"class_name": class_name, "config": {"name": name, **config}, "inbound_nodes": inbound, "name": name}

    layers = [
        entry("InputLayer", "x", [], batch_input_shape=[None, 4]),
        entry("Dense", "d", [[["x", 0, 0, {}]]], units=3, use_bias=True, activation="linear"),
        entry("LeakyReLU", "l", [[["d", 0, 0, {}]]], alpha=0.25),
        entry("Add", "a", [[["d", 0, 0, {}], ["l", 0, 0, {}]]]),
    ]
    config = {"class_name": "Functional", "config": {"name": "m", "layers": layers}}
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        for name in ("x", "d", "l", "a"):
            group.create_group(name).attrs["weight_names"] = []
        group["d"].attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        group["d"]["d/kernel:0"], group["d"]["d/bias:0"] = kernel, bias
    with h5py.File(tmp_path / "old.h5", "a") as file:
        file.attrs["keras_version"] = b"2.15.0"
    graph = from_keras.read(tmp_path / "old.h5", ENCODING, Tensor((4,)))
    x = rng.normal(size=(5, 4))
    y = x @ kernel + bias
    np.testing.assert_allclose(graph.run(x), y + np.where(y > 0, y, 0.25 * y))


def test_the_hard_sigmoid_of_keras_2_is_another_function(tmp_path) -> None:
    layers = [{"class_name": "Activation", "config": {"name": "gate", "activation": "hard_sigmoid"}}]
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": layers}})
        file.attrs["keras_version"] = "2.15.0"
        file.create_group("model_weights").create_group("gate").attrs["weight_names"] = []
    with pytest.raises(GoldcrestError, match=r"layer gate \(Activation\): Keras 2\.15\.0 has another hard_sigmoid"):
        from_keras.read(tmp_path / "old.h5", ENCODING, Tensor((4,)))


def refusals(keras):
    layers = keras.layers
    return [
        ((6,), layers.Dense(3, activation="exponential"), "activation 'exponential' is not supported"),
        ((6, 6, 1), layers.MaxPooling2D(7, padding="valid", strides=1), None),
        ((6,), layers.UnitNormalization(), "UnitNormalization is not supported; supported are .*Dense"),
        ((6, 2), layers.Softmax(axis=1), "softmax over axis 1 is not supported; use the last axis"),
        ((6,), layers.ReLU(max_value=3.0), "max_value of 6"),
        ((6, 4), layers.BatchNormalization(axis=1), "must be the last axis"),
    ]


@pytest.mark.parametrize("index", range(6))
def test_what_cannot_be_done_is_refused_with_the_layers_name(keras, tmp_path, index: int) -> None:
    shape, layer, words = refusals(keras)[index]
    if words is None:
        with pytest.raises(ValueError, match=r"negative|pool|exceed|size"):
            keras.Sequential([keras.Input(shape, name="input"), layer])
        return
    model = keras.Sequential([keras.Input(shape, name="input"), layer])
    with pytest.raises(GoldcrestError, match=words) as caught:
        imported(model, tmp_path)
    assert f"layer {layer.name}" in str(caught.value)


def several_inputs(keras):
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], keras.layers.Add()([a, b]))


def several_outputs(keras):
    a = keras.Input((3,))
    return keras.Model(a, [keras.layers.Dense(2)(a), keras.layers.Dense(3)(a)])


def a_layer_used_twice(keras):
    a = keras.Input((3,))
    shared = keras.layers.Dense(3, name="shared")
    return keras.Model(a, shared(shared(a)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (several_inputs, "several inputs"),
        (several_outputs, "several outputs"),
        (a_layer_used_twice, r"layer shared \(Dense\): it is used more than once"),
    ],
)
def test_models_that_are_no_single_chain_are_refused(keras, tmp_path, make, words: str) -> None:
    with pytest.raises(GoldcrestError, match=words):
        imported(make(keras), tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_file_that_is_no_model(tmp_path, content) -> None:
    path = tmp_path / "model.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GoldcrestError, match="not a Keras model file"):
        from_keras.read(path, ENCODING, Tensor((4,)))


def test_every_kind_builds_what_it_reads(keras) -> None:
    """The manifest's side and the import's side of each kind name the same Keras classes."""
    assert set(by_keras_class().values()) == set(kinds().values())
    for name, kind in by_keras_class().items():
        assert hasattr(keras.layers, name), f"{kind.name}: Keras has no layer {name}"
