"""Convolution layers against Keras, option by option, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain import passes
from toolchain.errors import LayerError
from toolchain.ir import from_keras
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.layers.activation import Activation
from toolchain.layers.convolution import Convolution, IntegerConvolution
from toolchain.layers.depthwise_convolution import DepthwiseConvolution
from toolchain.layers.pooling import MaxPooling
from toolchain.layers.registry import kinds
from toolchain.layers.separable_convolution import SeparableConvolution
from toolchain.quantization.scheme import SCHEMES

RAW = Encoding(np.zeros(1), np.ones(1), quantize=False)
PLAIN = {"stride": 1, "padding": "valid", "dilation": 1, "bias": True}
IMAGE, SEQUENCE = (9, 7, 3), (11, 3)

CASES = [
    ("convolution", IMAGE, {"filters": 5, "kernel": 3}),
    ("convolution", IMAGE, {"filters": 5, "kernel": [3, 2], "padding": "same", "bias": False}),
    ("convolution", IMAGE, {"filters": 2, "kernel": 5, "stride": 2, "padding": "same"}),
    ("convolution", IMAGE, {"filters": 2, "kernel": [1, 4], "stride": [3, 2]}),
    ("convolution", IMAGE, {"filters": 3, "kernel": 3, "dilation": [2, 3], "padding": "same"}),
    ("convolution", IMAGE, {"filters": 1, "kernel": [9, 7]}),
    ("convolution", (1, 1, 4), {"filters": 6, "kernel": 1}),
    ("convolution_1d", SEQUENCE, {"filters": 4, "kernel": 3}),
    ("convolution_1d", SEQUENCE, {"filters": 4, "kernel": 4, "stride": 2, "padding": "same"}),
    ("convolution_1d", SEQUENCE, {"filters": 2, "kernel": 3, "dilation": 2, "padding": "causal", "bias": False}),
    ("depthwise_convolution", IMAGE, {"kernel": 3, "multiplier": 1}),
    ("depthwise_convolution", IMAGE, {"kernel": [2, 3], "multiplier": 2, "padding": "same", "bias": False}),
    ("depthwise_convolution", IMAGE, {"kernel": 3, "multiplier": 1, "stride": 2, "padding": "same"}),
    ("depthwise_convolution", IMAGE, {"kernel": 2, "multiplier": 3, "dilation": 2}),
    ("separable_convolution", IMAGE, {"filters": 4, "kernel": 3, "multiplier": 1, "padding": "same"}),
    ("separable_convolution", IMAGE, {"filters": 2, "kernel": 2, "multiplier": 2, "stride": 2, "bias": False}),
]


def keras_model(kind: str, shape: tuple[int, ...], options: dict[str, Any], folder: Path) -> tuple[Any, Path]:
    """A model of one layer with random weights, and its file."""
    import keras

    from toolchain.training.network import h5_bytes

    keras.utils.set_random_seed(sum(map(ord, json.dumps(options))))
    source = keras.Input(shape, name="input")
    layer = kinds()[kind].keras_layer(options, "layer", keras)
    model = keras.Model(source, layer(source))
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=values.shape).astype(np.float32) for values in model.get_weights()])
    path = folder / "model.h5"
    path.write_bytes(h5_bytes(model))
    return model, path


@pytest.mark.parametrize(("kind", "shape", "options"), CASES)
def test_float_layer_is_that_of_keras(kind, shape, options, tmp_path) -> None:
    options = {**PLAIN, **options}
    model, path = keras_model(kind, shape, options, tmp_path)
    graph = from_keras.read(path, RAW, Tensor(shape))
    values = np.random.default_rng(2).normal(size=(4, *shape)).astype(np.float32)
    expected = np.asarray(model(values))
    np.testing.assert_allclose(graph.run(values.astype(np.float64)), expected, rtol=2e-5, atol=2e-5)
    described = kinds()[kind]
    assert described.output_shape(options, [shape]) == expected.shape[1:]
    counted = described.weights(options, [shape]) + described.biases(options, [shape])
    assert counted == sum(values.size for values in model.get_weights())
    assert described.products(options, [shape]) == graph.layers[0].operator.products(shape)
    split = passes.run(passes.FLOAT_PASSES, graph)
    np.testing.assert_allclose(split.run(values.astype(np.float64)), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize(("kind", "shape", "options"), CASES)
def test_integer_layer_is_close_to_the_float_one(kind, shape, options, scheme, tmp_path) -> None:
    """Every output is within what rounding of weights, bias and output can explain."""
    options = {**PLAIN, **options}
    _model, path = keras_model(kind, shape, options, tmp_path)
    graph = passes.run(passes.FLOAT_PASSES, from_keras.read(path, RAW, Tensor(shape)))
    source = Tensor(shape, "uint8", 1 / 64, 128, 0, 255)
    codes = np.random.default_rng(3).integers(0, 256, (4, *shape))
    values, tensor = source.real(codes), source
    for layer in graph.layers:
        exact = layer.operator.forward(values)
        operator, output = layer.operator.quantize([tensor], (exact.min(), exact.max()), SCHEMES[scheme]())
        found = output.real(operator.forward(codes))
        step = np.abs(layer.operator.weights).max() / 127 * (2.01 if scheme == "power_of_two" else 1)
        taps = operator.weights.size / operator.filters
        weights = 0.5 * step * taps * np.abs(tensor.real(np.array([tensor.low, tensor.high]))).max()
        outside = np.clip(exact, *output.real(np.array([output.low, output.high])))
        assert np.abs(found - outside).max() <= weights + output.scale + 2e-3 * np.abs(exact).max()
        codes, tensor, values = operator.forward(codes), output, output.real(operator.forward(codes))


def test_separable_is_split_and_keeps_its_name() -> None:
    rng = np.random.default_rng(0)
    first = DepthwiseConvolution(rng.normal(size=(3, 3, 2, 2)), np.zeros(4))
    layer = SeparableConvolution(first, Convolution(rng.normal(size=(1, 1, 4, 5)), rng.normal(size=5)))
    graph = Graph("g", Tensor((6, 6, 2)), RAW, (Layer("both", ("input",), layer, Tensor((4, 4, 5))),))
    found = passes.run(passes.FLOAT_PASSES, graph)
    assert [one.name for one in found.layers] == ["both_depthwise", "both"]
    values = rng.normal(size=(2, 6, 6, 2))
    np.testing.assert_allclose(found.run(values), graph.run(values))


@pytest.mark.parametrize("size", [2, 3])
def test_activation_and_pooling_are_fused(size: int) -> None:
    rng = np.random.default_rng(0)
    shape, full = (11, 9, 2), (9, 7, 4)
    pooled = (full[0] // size, full[1] // size, 4)
    layers = (
        Layer("c", ("input",), Convolution(rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)), Tensor(full)),
        Layer("a", ("c",), Activation("relu"), Tensor(full)),
        Layer("p", ("a",), MaxPooling((size, size), (size, size)), Tensor(pooled)),
    )
    graph = Graph("g", Tensor(shape), RAW, layers)
    found = passes.run(passes.FLOAT_PASSES, graph)
    assert [layer.name for layer in found.layers] == ["c"]
    values = rng.normal(size=(3, *shape))
    np.testing.assert_allclose(found.run(values), graph.run(values))


def test_pooling_with_overlap_stays_on_its_own() -> None:
    layers = (
        Layer("c", ("input",), Convolution(np.ones((3, 3, 1, 1)), np.zeros(1)), Tensor((6, 6, 1))),
        Layer("p", ("c",), MaxPooling((2, 2), (1, 1)), Tensor((5, 5, 1))),
    )
    found = passes.run(passes.FLOAT_PASSES, Graph("g", Tensor((8, 8, 1)), RAW, layers))
    assert [layer.name for layer in found.layers] == ["c", "p"]


@pytest.mark.parametrize(
    ("options", "shape", "option", "text"),
    [
        ({"filters": 1, "kernel": 3}, (784,), None, "height × width × channels"),
        ({"filters": 1, "kernel": [2, 9]}, (8, 8, 1), "kernel", "2 × 9 pixels does not fit into 8 × 8"),
        ({"filters": 1, "kernel": 3, "stride": 2, "dilation": 2}, (8, 8, 1), "dilation", "do not go together"),
    ],
)
def test_refused_by_shape(options, shape, option, text) -> None:
    with pytest.raises(LayerError, match=text) as caught:
        kinds()["convolution"].output_shape({**PLAIN, **options}, [shape])
    assert caught.value.option == option


@pytest.mark.parametrize(("zero_point", "dtype"), [(127.5, "uint8"), (-3, "uint8"), (300, "uint8"), (0.25, "int8")])
def test_padding_needs_a_code_for_zero(zero_point: float, dtype: str) -> None:
    low, high = (0, 255) if dtype == "uint8" else (-128, 127)
    source = Tensor((5, 5, 1), dtype, 1.0, zero_point, low, high)
    padded = Convolution(np.ones((3, 3, 1, 1)), np.zeros(1), padding="same")
    with pytest.raises(LayerError, match="padding: valid") as caught:
        padded.quantize([source], (0.0, 9.0), SCHEMES["affine"]())
    assert caught.value.option == "padding"
    Convolution(np.ones((3, 3, 1, 1)), np.zeros(1)).quantize([source], (0.0, 9.0), SCHEMES["affine"]())


def test_bounds_hold_where_the_window_hangs_over_the_border() -> None:
    """The code outside may be greater than any inside: the bounds count with it."""
    source = Tensor((2, 2, 1), "uint8", 1.0, 200, 0, 100)
    operator, _output = Convolution(np.ones((3, 3, 1, 1)), np.zeros(1), padding="same").quantize(
        [source], (-1800.0, 0.0), SCHEMES["power_of_two"]()
    )
    assert isinstance(operator, IntegerConvolution)
    low, high = operator.accumulator_bounds((source.low, source.high))
    for fill in (source.low, source.high):
        found = operator.accumulate(np.full((1, 2, 2, 1), fill))
        assert low[0] <= found.min() <= found.max() <= high[0]


def test_other_forms_of_keras_are_refused() -> None:
    config = {"strides": (1, 1), "padding": "valid", "dilation_rate": (1, 1), "use_bias": False}
    weights = [np.ones((3, 3, 1, 4), np.float32)]
    for extra, text in (({"groups": 2}, "groups"), ({"data_format": "channels_first"}, "channels come last")):
        with pytest.raises(LayerError, match=text):
            kinds()["convolution"].from_keras({**config, **extra}, weights)
