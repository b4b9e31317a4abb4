"""The file format: what comes out is what went in, and the same graph is the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.models import integer, samples
from toolchain import passes
from toolchain.errors import GoldcrestError
from toolchain.ir import store
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.ir.operators import Operator
from toolchain.layers.activation import Activation
from toolchain.layers.concatenate import Concatenate
from toolchain.layers.dense import Dense
from toolchain.layers.merge import Add, Multiply
from toolchain.layers.normalization import Scaling
from toolchain.layers.padding import Crop, Pad
from toolchain.layers.pooling import AveragePooling, GlobalPooling, MaxPooling
from toolchain.layers.recurrent import Recurrent
from toolchain.layers.reshape import Permute, Reshape

RNG = np.random.default_rng(5)
CHAIN: list[Operator] = [
    Pad(((1, 0), (0, 2))),
    Scaling(np.array([0.5, -2.0]), np.array([0.1, 0.2]), activation="relu"),
    MaxPooling((2, 2), (1, 1), "same"),
    AveragePooling((2, 2), (2, 2), "same"),
    Activation("tanh"),
    Crop(((0, 1), (0, 0))),
    Permute((3, 1, 2)),
    Reshape((6, -1)),
    Recurrent(
        "gru", RNG.normal(size=(2, 12)), RNG.normal(size=(4, 12)), RNG.normal(size=12), RNG.normal(size=12), True, True
    ),
    GlobalPooling(False),
    Dense(RNG.normal(size=(4, 3)).astype(np.float32), np.zeros(3, np.float32)),
    Activation("softmax"),
]


def graph_of_everything() -> Graph:
    layers: list[Layer] = []
    shape = (5, 4, 2)
    for index, operator in enumerate(CHAIN):
        shape = operator.output_shape(shape)
        layers.append(Layer(f"l{index}", (layers[-1].name if layers else "input",), operator, Tensor(shape)))
    last = layers[-1].name
    for name, merged in (("sum", Add()), ("product", Multiply()), ("both", Concatenate())):
        second = {"sum": "l10", "product": "l11", "both": "l10"}[name]
        shape = merged.output_shape(layers[-1].output.shape, (3,))
        layers.append(Layer(name, (last, second), merged, Tensor(shape)))
        last = name
    encoding = Encoding(np.array([-100.0]), np.array([50.0]), quantize=False)
    return Graph("everything", Tensor((5, 4, 2)), encoding, tuple(layers), "argmax")


@pytest.mark.parametrize("scheme", ["power_of_two", "affine"])
def test_round_trip(tmp_path, scheme: str) -> None:
    graph = integer(graph_of_everything(), scheme)
    path = tmp_path / "quantized.npz"
    store.save(graph, path)
    loaded = store.load(path)
    assert store.dumps(loaded) == store.dumps(graph) == path.read_bytes()
    assert store.fingerprint(loaded) == store.fingerprint(graph)
    raw = samples(graph, 8)
    np.testing.assert_array_equal(loaded.run(loaded.encode(raw)), graph.run(graph.encode(raw)))
    assert [layer.output for layer in loaded.layers] == [layer.output for layer in graph.layers]


def test_the_same_graph_is_the_same_bytes_and_another_is_not() -> None:
    one, two = (integer(graph_of_everything(), "affine") for _ in range(2))
    assert store.dumps(one) == store.dumps(two)
    assert store.dumps(one) != store.dumps(integer(graph_of_everything(), "power_of_two"))


@pytest.mark.parametrize("damage", [slice(0, 0), slice(0, 100), slice(0, -20)])
def test_a_torn_file_is_refused(tmp_path, damage: slice) -> None:
    path = tmp_path / "quantized.npz"
    path.write_bytes(store.dumps(integer(graph_of_everything(), "affine"))[damage])
    with pytest.raises(GoldcrestError, match="not a network of ours"):
        store.load(path)


def test_passes_keep_what_the_graph_computes() -> None:
    graph = graph_of_everything()
    scaled = graph.encoding.scaled(samples(graph, 8))
    passed = passes.run(passes.float_passes("probabilities"), graph)
    np.testing.assert_allclose(passed.run(scaled), graph.run(scaled), atol=1e-12)


@pytest.mark.parametrize(("function", "decision"), [("linear", "none"), ("linear", "argmax"), ("softmax", "argmax")])
def test_a_network_of_which_nothing_is_left_is_refused(function: str, decision: str) -> None:
    layer = Layer("d", ("input",), Activation(function), Tensor((3,)))
    only = Graph("idle", Tensor((3,)), graph_of_everything().encoding, (layer,), decision)
    with pytest.raises(GoldcrestError, match="no layer computes anything"):
        passes.run(passes.FLOAT_PASSES, only)
