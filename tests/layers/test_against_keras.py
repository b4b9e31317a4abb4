"""Every layer kind as Keras computes it, and its integer form three ways in both schemes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.models import whole_way
from toolchain.ir.graph import Encoding
from toolchain.layers.functions import FUNCTIONS

FLOATS = Encoding(np.zeros(1), np.ones(1), quantize=True)


def sequential(keras, shape, *layers):
    return keras.Sequential([keras.Input(shape, name="input"), *layers])


def side_by_side(keras, shape, branches):
    """A model whose layers all read its input, their outputs one after the other: one build tests them all."""
    source = keras.Input(shape, name="input")
    flat = [keras.layers.Flatten()(branch(source)) for branch in branches]
    return keras.Model(source, keras.layers.Concatenate()(flat))


def test_activations(keras, tmp_path) -> None:
    source = keras.Input((6,), name="input")
    values = keras.layers.Dense(5)(source)
    branches = [keras.layers.Activation(function)(values) for function in (*FUNCTIONS, "softmax")]
    whole_way(keras.Model(source, keras.layers.Concatenate()(branches)), tmp_path, FLOATS)


@pytest.mark.parametrize("function", ["tanh", "gelu", "softmax"])
def test_activation(keras, tmp_path, function: str) -> None:
    layers = [keras.layers.Dense(5), keras.layers.Activation(function)]
    whole_way(sequential(keras, (6,), *layers), tmp_path, FLOATS)


def test_activation_with_parameters(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(
        keras,
        (6,),
        layers.Dense(5),
        layers.LeakyReLU(negative_slope=0.05),
        layers.ELU(alpha=0.5),
        layers.ReLU(max_value=6.0),
        layers.Dense(4),
        layers.ReLU(negative_slope=0.3),
        layers.Softmax(),
    )
    whole_way(model, tmp_path, FLOATS)


def test_relu_without_a_layer_that_absorbs_it(keras, tmp_path) -> None:
    whole_way(sequential(keras, (7,), keras.layers.ReLU(), keras.layers.Dense(3)), tmp_path)
    whole_way(sequential(keras, (7,), keras.layers.ReLU(max_value=6), keras.layers.Dense(3)), tmp_path, FLOATS)


WINDOWS = [((2, 3), None), ((3, 2), (2, 2)), ((2, 2), (3, 1))]


@pytest.mark.parametrize("name", ["MaxPooling2D", "AveragePooling2D"])
def test_pooling(keras, tmp_path, name) -> None:
    layer = getattr(keras.layers, name)
    branches = [layer(size, strides, padding) for size, strides in WINDOWS for padding in ("valid", "same")]
    branches += [getattr(keras.layers, f"Global{name}")(keepdims=keep) for keep in (False, True)]
    whole_way(side_by_side(keras, (7, 6, 3), branches), tmp_path)


def test_pooling_of_sequences(keras, tmp_path) -> None:
    layers = keras.layers
    sliding = (layers.MaxPooling1D, layers.AveragePooling1D)
    branches = [layer(3, 2, padding) for layer in sliding for padding in ("valid", "same")]
    branches += [layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D()]
    whole_way(side_by_side(keras, (10, 2), branches), tmp_path)


def test_edges_and_shapes(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(
        keras,
        (5, 6, 2),
        layers.ZeroPadding2D(((1, 2), (0, 3))),
        layers.Cropping2D(((0, 1), (2, 1))),
        layers.Permute((3, 1, 2)),
        layers.Reshape((6, -1)),
        layers.ZeroPadding1D((2, 1)),
        layers.Cropping1D((1, 3)),
        layers.Permute((2, 1)),
        layers.Flatten(),
    )
    whole_way(model, tmp_path)


MERGES = ("Add-relu", "Subtract", "Average-relu", "Multiply", "Multiply-relu", "Concatenate")


@pytest.mark.parametrize(("name", "relu"), [(text.removesuffix("-relu"), text.endswith("-relu")) for text in MERGES])
def test_merge(keras, tmp_path, name, relu) -> None:
    layers = keras.layers
    source = keras.Input((6,), name="input")
    left = layers.Dense(4, activation="tanh")(source)
    right = layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(stddev=3))(source)
    values = getattr(layers, name)()([left, right])
    outputs = layers.Dense(3)(layers.ReLU()(values)) if relu else values
    whole_way(keras.Model(source, outputs), tmp_path)


def test_many_inputs_and_the_networks_own(keras, tmp_path) -> None:
    layers = keras.layers
    source = keras.Input((3, 4, 2), name="input")
    parts = [layers.Activation(function)(source) for function in ("tanh", "sigmoid", "relu")]
    image = layers.Concatenate(axis=2)([source, *parts, source])
    channels = layers.Concatenate()([source, parts[0]])
    total = layers.Add()([source, *parts])
    flat = [layers.Flatten()(values) for values in (image, channels, total)]
    whole_way(keras.Model(source, layers.Concatenate()(flat)), tmp_path)


def test_residual_block(keras, tmp_path) -> None:
    layers = keras.layers
    source = keras.Input((8,), name="input")
    first = layers.Dense(8, activation="relu")(source)
    second = layers.Dense(8)(first)
    joined = layers.ReLU()(layers.Add()([first, second]))
    graph = whole_way(keras.Model(source, layers.Dense(3)(joined)), tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["dense", "dense", "add", "dense"]


def normalized(keras, *shape):
    """A batch normalization whose statistics are not those of a fresh one."""
    layer = keras.layers.BatchNormalization()
    layer.build((None, *shape))
    rng = np.random.default_rng(3)
    count = shape[-1]
    weights = [rng.normal(1, 0.5, count), rng.normal(0, 1, count), rng.normal(0, 2, count), rng.uniform(0.1, 4, count)]
    layer.set_weights(weights)
    return layer


def test_batch_normalization_folds(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(
        keras, (6,), layers.Dense(5), normalized(keras, 5), layers.ReLU(), normalized(keras, 5), layers.Dense(3)
    )
    graph = whole_way(model, tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["dense", "dense"]


def test_batch_normalization_folds_through_flatten(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(
        keras,
        (6, 6, 1),
        layers.Conv2D(3, 3, activation="relu"),
        normalized(keras, 4, 4, 3),
        layers.Flatten(),
        layers.Dense(3),
    )
    graph = whole_way(model, tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["convolution", "flatten", "dense"]


def test_batch_normalization_alone(keras, tmp_path) -> None:
    layers = keras.layers
    source = keras.Input((6,), name="input")
    first = layers.Dense(4, activation="relu")(source)
    scaled = normalized(keras, 4)(first)
    model = keras.Model(source, layers.Add()([first, layers.ReLU()(scaled)]))
    graph = whole_way(model, tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["dense", "scaling", "add"]


def test_scaling_of_the_input_vanishes(keras, tmp_path) -> None:
    layers = keras.layers
    normalization = layers.Normalization(mean=[3.0], variance=[4.0])
    model = sequential(
        keras, (6,), layers.Rescaling(0.25, offset=-1.5), normalization, layers.Dropout(0.5), layers.Dense(3)
    )
    for encoding in (FLOATS, Encoding(np.array([-100.0]), np.array([50.0]), quantize=False)):
        graph = whole_way(model, tmp_path, encoding)
        assert [layer.operator.kind for layer in graph.layers] == ["dense"]


def test_scaling_of_each_feature_folds_into_the_layer(keras, tmp_path) -> None:
    normalization = keras.layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(2, 3, (100, 4)))
    graph = whole_way(sequential(keras, (4,), normalization, keras.layers.Dense(3)), tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["dense"]


def test_relu_after_max_pooling_moves_before_it(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(keras, (6, 6, 1), layers.Conv2D(2, 3), layers.MaxPooling2D((2, 1)), layers.ReLU())
    graph = whole_way(model, tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["convolution", "max_pooling"]
    assert graph.layers[0].operator.activation == "relu"


def test_convolutions(keras, tmp_path) -> None:
    layers = keras.layers
    model = sequential(
        keras,
        (9, 8, 2),
        layers.Conv2D(3, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        normalized(keras, 7, 6, 6),
        layers.ReLU(max_value=6),
        layers.SeparableConv2D(4, 3, strides=2),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    )
    whole_way(model, tmp_path)


def test_pooling_after_a_table_moves_before_it(keras, tmp_path) -> None:
    layers = keras.layers
    first = layers.Conv2D(2, 2, activation="tanh")
    model = sequential(keras, (7, 6, 1), first, layers.MaxPooling2D(2), layers.Flatten())
    graph = whole_way(model, tmp_path)
    assert [layer.operator.kind for layer in graph.layers] == ["convolution", "activation", "flatten"]
