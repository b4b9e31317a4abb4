"""The passes one by one: what each rewrites, and where it must keep its hands off."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain import passes
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import FloatOperator
from toolchain.layers.activation import Activation
from toolchain.layers.convolution import Convolution
from toolchain.layers.dense import Dense
from toolchain.layers.flatten import Flatten
from toolchain.layers.functions import FUNCTIONS
from toolchain.layers.merge import Add
from toolchain.layers.normalization import Scaling
from toolchain.layers.pooling import AveragePooling, GlobalPooling, MaxPooling
from toolchain.passes.drop_identities import drop_identities
from toolchain.passes.drop_softmax import drop_softmax
from toolchain.passes.fold_scaling import fold_scaling
from toolchain.passes.fuse_activations import fuse_activations
from toolchain.passes.pool_before_functions import pool_before_functions
from toolchain.passes.relu_before_pooling import relu_before_pooling

RNG = np.random.default_rng(0)
BYTES = Encoding(np.array([-10.0]), np.array([5.0]), quantize=False)


def graph(shape, *layers: tuple, encoding: Encoding = BYTES, decision: str = "none") -> Graph:
    """Layers as (name, operator) or (name, operator, inputs); inputs default to the layer before."""
    shapes = {"input": shape}
    made: list[Layer] = []
    for name, operator, *rest in layers:
        inputs = rest[0] if rest else (made[-1].name if made else "input",)
        shapes[name] = operator.output_shape(*(shapes[source] for source in inputs))
        made.append(Layer(name, inputs, operator, Tensor(shapes[name])))
    return verify(Graph("test", Tensor(shape), encoding, tuple(made), decision))


def dense(inputs: int, outputs: int, activation: str = "linear") -> Dense:
    return Dense(RNG.normal(size=(inputs, outputs)), RNG.normal(size=outputs), activation)


def convolution(channels: int, filters: int, padding: str = "valid") -> Convolution:
    return Convolution(RNG.normal(size=(3, 3, channels, filters)), RNG.normal(size=filters), padding=padding)


def scaling(channels: int, positive: bool = False) -> Scaling:
    factors = RNG.normal(size=channels)
    return Scaling(np.abs(factors) if positive else factors, RNG.normal(size=channels))


def same(before: Graph, after: Graph) -> list[str]:
    """Assert that both compute the same from raw bytes; the kinds that are left."""
    verify(after)
    raw = RNG.integers(0, 256, (4, *before.input.shape)).astype(np.uint8)
    np.testing.assert_allclose(
        after.run(after.encoding.scaled(raw)), before.run(before.encoding.scaled(raw)), rtol=1e-9, atol=1e-9
    )
    return [layer.operator.kind for layer in after.layers]


def test_identities_vanish_from_anywhere() -> None:
    one = graph(
        (3,), ("drop", Activation("linear")), ("d", dense(3, 3)), ("noise", Activation("linear")),
        ("sum", Add(), ("noise", "drop")), ("last", Activation("linear")),
    )  # fmt: skip
    after = drop_identities(one)
    assert same(one, after) == ["dense", "add"]
    assert after.layers[-1].inputs == ("d", "input")


@pytest.mark.parametrize(("decision", "kept"), [("argmax", False), ("none", True)])
def test_softmax_goes_where_only_the_class_is_asked_for(decision: str, kept: bool) -> None:
    one = graph((3,), ("d", dense(3, 4)), ("s", Activation("softmax")), decision=decision)
    after = drop_softmax(one)
    assert [layer.name for layer in after.layers] == ["d", "s"] if kept else ["d"]


def test_softmax_of_several_rows_stays() -> None:
    """It keeps the order within a row; the class is the greatest of all."""
    rows = graph((3, 2), ("s", Activation("softmax")), decision="argmax")
    values = np.array([[[5.0, 4.9], [0.0, 1.0], [3.0, 3.0]]])
    assert rows.classify(rows.run(values)) == [3]
    assert drop_softmax(rows).classify(drop_softmax(rows).run(values)) == [3]


FOLDS = {
    "into the layer before": (((4,), ("d", dense(4, 3)), ("s", scaling(3))), ["dense"]),
    "into the layer after a relu": (
        ((4,), ("d", dense(4, 3, "relu")), ("s", scaling(3)), ("e", dense(3, 2))), ["dense", "dense"]
    ),
    "into the input": (((4,), ("s", Scaling(np.array([0.5]), np.array([3.0]))), ("d", dense(4, 3))), ["dense"]),
    "not into the input if it turns it round, but after it": (
        ((4,), ("s", Scaling(np.array([-0.5]), np.array([3.0]))), ("d", dense(4, 3))), ["dense"]
    ),
    "through a flatten": (
        ((3, 2, 2), ("p", MaxPooling((1, 1), (1, 1))), ("s", scaling(2)), ("f", Flatten()), ("d", dense(12, 3))),
        ["max_pooling", "flatten", "dense"],
    ),
    "two that follow one another": (((4,), ("d", dense(4, 3)), ("s", scaling(3)), ("t", scaling(3))), ["dense"]),
    "into a convolution": (((5, 5, 2), ("c", convolution(2, 3)), ("s", scaling(3))), ["convolution"]),
    "not over the padding of a convolution": (
        ((5, 5, 2), ("p", MaxPooling((1, 1), (1, 1))), ("s", scaling(2)), ("c", convolution(2, 3, "same"))),
        ["max_pooling", "scaling", "convolution"],
    ),
    "not if somebody else reads the layer before": (
        ((4,), ("d", dense(4, 3)), ("s", scaling(3)), ("sum", Add(), ("d", "s"))), ["dense", "scaling", "add"]
    ),
    "not if its result has two readers": (
        ((4,), ("d", dense(4, 3, "relu")), ("s", scaling(3)), ("e", dense(3, 3)), ("sum", Add(), ("e", "s"))),
        ["dense", "scaling", "dense", "add"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDS)
def test_folding(case: str) -> None:
    (shape, *layers), kinds = FOLDS[case]
    one = graph(shape, *layers)
    assert same(one, fold_scaling(one)) == kinds


def test_relu_moves_before_max_pooling_where_it_can_be_absorbed() -> None:
    one = graph((6, 6, 1), ("c", convolution(1, 2)), ("p", MaxPooling((2, 2), (2, 2))), ("r", Activation("relu")))
    after = relu_before_pooling(one)
    assert same(one, after) == ["convolution", "activation", "max_pooling"]
    assert same(one, fuse_activations(after)) == ["convolution", "max_pooling"]
    whole = graph((6, 6, 1), ("c", convolution(1, 2)), ("p", GlobalPooling(True)), ("r", Activation("relu6")))
    assert same(whole, fuse_activations(relu_before_pooling(whole))) == ["convolution", "global_pooling"]


@pytest.mark.parametrize("function", [*FUNCTIONS, "softmax"])
def test_max_pooling_moves_before_functions_that_never_fall(function: str) -> None:
    moves = function not in ("linear", "relu", "relu6", "silu", "hard_silu", "gelu", "mish", "softmax")
    for pooling in (MaxPooling((2, 2), (2, 2)), GlobalPooling(True)):
        last = ("last", Activation("tanh"))
        one = graph((6, 6, 1), ("c", convolution(1, 2)), ("f", Activation(function)), ("p", pooling), last)
        after = pool_before_functions(one)
        kinds = same(one, after)
        assert (kinds[1:3] == [pooling.kind, "activation"]) is moves
        assert after is one or moves
    values = np.linspace(-9, 9, 4001)
    assert bool(np.all(np.diff(Activation(function).forward(values[None])[0]) >= 0)) or not moves


def test_a_function_that_others_read_stays_before_the_pooling() -> None:
    one = graph(
        (4, 4, 1), ("c", convolution(1, 2)), ("f", Activation("tanh")), ("p", MaxPooling((1, 1), (1, 1))),
        ("a", Add(), ("f", "p")),
    )  # fmt: skip
    assert pool_before_functions(one) is one


@pytest.mark.parametrize(
    "layers",
    [
        (("p", MaxPooling((2, 2), (2, 2))), ("r", Activation("relu"))),  # nothing before it
        (("c", convolution(1, 2)), ("p", MaxPooling((2, 2), (2, 2))), ("r", Activation("tanh"))),
        (("c", convolution(1, 2)), ("p", AveragePooling((2, 2), (2, 2))), ("r", Activation("relu"))),
        (
            ("c", convolution(1, 2)), ("p", MaxPooling((2, 2), (2, 2))), ("r", Activation("relu")),
            ("a", Add(), ("p", "r")),
        ),
        (
            ("c", convolution(1, 2)), ("p", MaxPooling((1, 1), (1, 1))), ("r", Activation("relu")),
            ("a", Add(), ("c", "r")),
        ),
    ],
)  # fmt: skip
def test_relu_stays_where_moving_it_gains_nothing_or_is_wrong(layers) -> None:
    one = graph((6, 6, 1), *layers)
    assert relu_before_pooling(one) is one


def test_activations_fuse_into_whatever_can_clamp() -> None:
    producers: list[tuple[tuple[int, ...], FloatOperator]] = [
        ((4,), dense(4, 3)),
        ((6, 6, 1), convolution(1, 2)),
        ((6, 6, 1), AveragePooling((2, 2), (2, 2))),
        ((6, 6, 1), GlobalPooling(False)),
        ((4,), scaling(4)),
    ]
    for shape, producer in producers:
        for function in ("relu", "relu6"):
            one = graph(shape, ("p", producer), ("r", Activation(function)))
            assert same(one, fuse_activations(one)) == [producer.kind]
        one = graph(shape, ("p", producer), ("r", Activation("tanh")))
        assert same(one, fuse_activations(one)) == [producer.kind, "activation"]


def test_an_activation_does_not_fuse_into_what_others_read() -> None:
    one = graph((4,), ("d", dense(4, 3)), ("r", Activation("relu")), ("sum", Add(), ("d", "r")))
    assert same(one, fuse_activations(one)) == ["dense", "activation", "add"]
    twice = graph((4,), ("d", dense(4, 3)), ("r", Activation("relu")), ("s", Activation("relu6")))
    assert same(twice, fuse_activations(twice)) == ["dense", "activation"]


def test_every_pass_is_in_the_list_and_says_what_it_does() -> None:
    for step in passes.FLOAT_PASSES:
        assert step.__doc__ and step.__name__ == step.__module__.rsplit(".", 1)[-1]
    assert drop_softmax not in passes.float_passes("probabilities")
    assert set(passes.float_passes("class")) == set(passes.FLOAT_PASSES)
