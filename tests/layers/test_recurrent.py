"""Recurrent layers: Keras, the integer definition, its accuracy, and three ways."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.models import ENCODING, agrees_with_keras, hostile, imported, integer, samples, whole_way
from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.graph import Encoding, Tensor
from toolchain.layers import fixed_point_functions as functions
from toolchain.layers.recurrent import Recurrent
from toolchain.quantization.scheme import SCHEMES

FLOATS = Encoding(np.zeros(1), np.ones(1), quantize=True)
ALL = np.arange(-(1 << 15), 1 << 15)
CELLS = [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})]


def test_tanh_is_within_its_stated_error() -> None:
    error = functions.tanh(ALL) - 2.0**15 * np.tanh(ALL / 4096)
    assert np.abs(error).max() <= 13.1
    assert np.all(np.diff(functions.tanh(ALL)) >= 0)


def test_sigmoid_is_within_its_stated_error() -> None:
    exact = 2.0**15 / (1 + np.exp(-ALL / 4096))
    error = functions.sigmoid(ALL) - exact
    assert np.abs(error).max() <= 12
    assert functions.sigmoid(ALL).min() >= 0 and functions.sigmoid(ALL).max() < 1 << 15
    assert np.all(np.diff(functions.sigmoid(ALL)) >= 0)


def model(keras, cell: str, options, sequences: bool, steps: int = 6, features: int = 3, units: int = 5):
    layer = getattr(keras.layers, cell)(
        units, return_sequences=sequences, bias_initializer=keras.initializers.RandomNormal(stddev=0.5), **options
    )
    return keras.Sequential([keras.Input((steps, features), name="input"), layer])


@pytest.mark.parametrize(("steps", "features", "units", "encoding"), [(6, 3, 5, ENCODING), (1, 1, 1, FLOATS)])
@pytest.mark.parametrize("sequences", [False, True])
def test_cells(keras, tmp_path, sequences: bool, steps: int, features: int, units: int, encoding: Encoding) -> None:
    """All cells side by side: their states have one scale, so that nothing is rounded behind them."""
    layers = keras.layers
    source = keras.Input((steps, features), name="input")
    biases = keras.initializers.RandomNormal(stddev=0.5)
    cells = [
        getattr(layers, cell)(units, return_sequences=sequences, bias_initializer=biases, **options)
        for cell, options in CELLS
    ]
    joined = layers.Concatenate()([layers.Flatten()(cell(source)) for cell in cells])
    whole_way(keras.Model(source, joined), tmp_path, encoding)


@pytest.mark.parametrize(
    ("beyond", "source"),
    [
        (0, Tensor((2, 100), "uint8", 2.0**-7, 0, 0, 255)),  # the greatest sum is 2^23 - 1
        (1, Tensor((2, 100), "uint8", 2.0**-7, 0, 0, 255)),
        (
            1,
            Tensor((2, 100), "int8", 2.0**-7, 0, -1, 127),
        ),  # the sum starts from -2^23 - 1, which no code leads back to
    ],
)
def test_gates_have_24_bits(beyond: int, source: Tensor) -> None:
    size = 1 << 23
    code = size - 1 + beyond - 255 * 127 * 100 if source.low == 0 else 128 * 127 * 100 - size - beyond
    weights, state = np.full((100, 1), 1.0, np.float32), np.full((1, 1), 0.5, np.float32)
    bias = np.array([code * 2.0**-14], np.float32)
    layer = Recurrent("simple_rnn", weights, state, bias, np.zeros(1, np.float32), False, False)
    if not beyond:
        operator, _ = layer.quantize([source], (-1.0, 1.0), SCHEMES["power_of_two"]())
        (_, high), _ = operator.sums((source.low, source.high))
        assert int(high.max()) == size - 1
        return
    with pytest.raises(LayerError, match="more than 24 bits"):
        layer.quantize([source], (-1.0, 1.0), SCHEMES["power_of_two"]())


def test_stacked(keras, tmp_path) -> None:
    layers = keras.layers
    stack = [layers.LSTM(4, return_sequences=True), layers.GRU(3, use_bias=False), layers.Dense(2)]
    whole_way(keras.Sequential([keras.Input((5, 2), name="input"), *stack]), tmp_path, FLOATS)


@pytest.mark.parametrize(("cell", "options"), CELLS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_integer_state_follows_the_float_one(keras, tmp_path, cell, options, scheme: str) -> None:
    graph = agrees_with_keras(*(lambda m: (m, imported(m, tmp_path, FLOATS)))(model(keras, cell, options, True, 40)))
    quantized = integer(graph, scheme, 32)
    raw = samples(graph, 32)
    real = graph.run(graph.encoding.scaled(raw))
    error = quantized.output.real(quantized.run(quantized.encode(raw))) - real
    assert np.sqrt(np.mean(error**2)) < 0.02
    assert np.abs(error).max() < 0.12


def test_extremes_saturate_alike(keras, tmp_path) -> None:
    from tests.exact.harness import check

    layer = keras.layers.LSTM(3, kernel_initializer=keras.initializers.RandomNormal(stddev=4), return_sequences=True)
    large = keras.Sequential([keras.Input((30, 2), name="input"), layer])
    quantized = integer(imported(large, tmp_path, FLOATS), "affine")
    check(quantized, hostile(quantized, 8), tmp_path / "bench")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "relu"}, "activation 'relu' is not supported in recurrent layers; use tanh"),
        ({"recurrent_activation": "hard_sigmoid"}, "use sigmoid"),
        ({"go_backwards": True}, "go_backwards is not supported"),
    ],
)
def test_what_cannot_be_done_is_refused(keras, tmp_path, options, words: str) -> None:
    with pytest.raises(GoldcrestError, match=words) as caught:
        imported(keras.Sequential([keras.Input((4, 2), name="input"), keras.layers.LSTM(3, **options)]), tmp_path)
    assert "layer lstm" in str(caught.value)
