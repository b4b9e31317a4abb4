"""Calibration methods: what each keeps of values with rare extremes."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.layers.activation import Activation
from toolchain.quantization.calibration import METHODS, Calibration, observe
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES

ENCODING = Encoding(np.zeros(1), np.ones(1), quantize=True)


def two_layers() -> Graph:
    shape = (50,)
    layers = (
        Layer("first", ("input",), Activation("tanh"), Tensor(shape)),
        Layer("last", ("first",), Activation("leaky_relu"), Tensor(shape)),
    )
    return Graph("test", Tensor(shape), ENCODING, layers)


def values_with_an_extreme() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(2000, 50))
    values[0, 0] = 60.0
    return values


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", METHODS)
def test_a_rare_extreme(scheme: str, method: str) -> None:
    values = values_with_an_extreme()
    ranges = observe(two_layers(), values, SCHEMES[scheme](), Calibration(method))
    low, high = ranges["input"]
    if method == "min_max":
        assert (low, high) == (values.min(), 60.0)
    elif method == "mean_squared_error":
        assert 1.5 <= high <= 60 and low <= -1.5  # a single value far out may weigh more than finer codes
    else:
        assert 1.5 <= high <= 16 and low <= -1.5  # the extreme is cut off, the bulk is kept
    last = np.where(np.tanh(values) > 0, np.tanh(values), 0.2 * np.tanh(values))
    assert ranges["last"] == pytest.approx((last.min(), last.max()))  # never cut


def test_percentile_keeps_its_share() -> None:
    values = np.random.default_rng(1).uniform(-1, 1, (2000, 50))
    low, high = observe(two_layers(), values, SCHEMES["affine"](), Calibration("percentile", percentile=90))["input"]
    assert (low, high) == pytest.approx((-0.9, 0.9), abs=0.005)


def test_mean_squared_error_is_what_it_makes_small() -> None:
    values = values_with_an_extreme()

    def loss(method: str) -> float:
        scheme = SCHEMES["affine"]()
        tensor = scheme.tensor((1,), *observe(two_layers(), values, scheme, Calibration(method))["input"])
        codes = np.clip(np.rint(values / tensor.scale) + tensor.zero_point, tensor.low, tensor.high)
        return float(np.mean((tensor.real(codes) - values) ** 2))

    assert loss("mean_squared_error") <= min(loss("min_max"), loss("kullback_leibler"), loss("percentile")) * 1.01


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_empty_ranges(method: str) -> None:
    for value in (0.0, 3.0, -2.0):
        ranges = observe(two_layers(), np.full((3, 50), value), SCHEMES["affine"](), Calibration(method))
        assert ranges["input"] == (value, value)


def test_from_a_manifest() -> None:
    assert Calibration.of(50) == Calibration("min_max", 50)
    given = {"samples": 7, "method": "percentile", "percentile": 99.0}
    assert Calibration.of(given) == Calibration("percentile", 7, 99.0)


def test_saturation_is_counted_where_a_method_cuts() -> None:
    values = values_with_an_extreme()
    graph = two_layers()
    graph = Graph("test", graph.input, ENCODING, (graph.layers[0], graph.layers[1]))
    integer = quantize(graph, SCHEMES["affine"](), values, 0.0, Calibration("percentile", percentile=99))
    assert integer.input.real(np.array(255)) < 10
