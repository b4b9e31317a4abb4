"""Convolutions three ways: shapes, options and weights at their extremes, with every kernel in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exact.harness import chain, check
from toolchain.codegen.selection import site
from toolchain.ir.graph import Graph, Tensor
from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Target
from toolchain.kernels.registry import kernels
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.convolution_geometry import output_shape
from toolchain.layers.depthwise_convolution import IntegerDepthwiseConvolution

FULL = sorted(name for name in kernels() if name.startswith("convolution"))
DEPTHWISE = sorted(name for name in kernels() if name.startswith("depthwise"))
SOURCES = {
    "pixels": ("uint8", 0, 0, 255),
    "offset": ("uint8", 100, 0, 255),
    "signed": ("int8", 0, -128, 127),
    "hidden": ("int8", 0, 0, 127),
    "low": ("int8", -128, -128, 127),
}


@st.composite
def weights_of(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    """Random weights, all at an extreme, or few that are not zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    styles = ["normal", "extremes", "greatest", "least", "ternary", "binary", "sparse", "zero"]
    style = draw(st.sampled_from(styles))
    if style == "normal":
        return np.clip(np.rint(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)
    if style == "sparse":
        return np.where(rng.random(shape) < 0.1, rng.integers(-127, 128, shape), 0).astype(np.int8)
    choice = {"extremes": [-128, -127, 127], "greatest": [127], "least": [-127], "ternary": [-1, 0, 1]}
    choice |= {"binary": [-1, 1], "zero": [0]}
    return rng.choice(choice[style], shape).astype(np.int8)


@st.composite
def rules(draw: st.DrawFn, filters: int, greatest: int) -> Requantization:
    """Shifts or multipliers that bring sums of up to ``greatest`` somewhere near eight bits, with any clamp."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signed = draw(st.booleans())
    bottom, top = (-128, 127) if signed else (0, 255)
    zero_point = int(rng.integers(bottom, top + 1)) if draw(st.booleans()) else 0
    low = zero_point if draw(st.booleans()) else bottom
    high = int(rng.integers(low, top + 1)) if draw(st.booleans()) else top
    shift = max(0, greatest.bit_length() - draw(st.integers(5, 11)))
    if draw(st.booleans()):
        return Requantization(np.ones(1, np.int32), np.array([shift], np.int32), zero_point, low, high)
    count = draw(st.sampled_from([1, filters]))
    multiplier = rng.integers(1 << 14, 1 << 15, count).astype(np.int32)
    shifts = np.clip(shift + 15 + rng.integers(-2, 3, count), 9, 39).astype(np.int32)
    return Requantization(multiplier, shifts, zero_point, low, high)


@st.composite
def patches(draw: st.DrawFn) -> Graph:
    """A 3 × 3 convolution of one channel with 2 × 2 pooling, for which there is a kernel of its own."""
    shape = (draw(st.integers(4, 11)), draw(st.integers(4, 11)), 1)
    source = Tensor(shape, "uint8", 1.0, 0, 0, draw(st.sampled_from([255, 255, 127, 16])), nonzero=0.3)
    pads = geometry.pads(shape, (3, 3), (1, 1), (1, 1), draw(st.sampled_from(["valid", "same"])))
    filters = draw(st.integers(1, 16))
    weights = draw(weights_of((3, 3, 1, filters))) // draw(st.sampled_from([1, 2, 4]))
    greatest = 9 * source.high * 127
    bias = np.random.default_rng(1).integers(-greatest, greatest + 1, filters).astype(np.int32)
    rule = draw(rules(filters, greatest))
    operator = IntegerConvolution(weights.astype(np.int8), bias, rule, (1, 1), pads, (1, 1), 0, 2)
    dtype = "int8" if rule.low < 0 or rule.high < 128 else "uint8"
    output = Tensor(operator.output_shape(shape), dtype, 1.0, rule.zero_point, rule.low, rule.high)
    return chain(source, (operator, output))


@st.composite
def layers(draw: st.DrawFn, depthwise: bool = False) -> Graph:
    """A graph of one convolution, small enough to be built in a moment."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    dilated = draw(st.booleans())
    stride = (1, 1) if dilated else draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if dilated else (1, 1)
    pool = draw(st.sampled_from([1, 1, 2, 3]))
    least = [geometry.reach(k, d) + s * (pool - 1) for k, d, s in zip(kernel, dilation, stride, strict=True)]
    rows, columns = (draw(st.integers(size, size + 4)) for size in least)
    channels, filters = draw(st.sampled_from([1, 1, 2, 3, 4, 8, 10])), draw(st.integers(1, 18))
    if draw(st.booleans()) and not depthwise:
        rows, kernel, stride, dilation, pool = 1, (1, kernel[1]), (1, stride[1]), (1, dilation[1]), 1
    dtype, zero_point, low, high = SOURCES[draw(st.sampled_from(sorted(SOURCES)))]
    source = Tensor((rows, columns, channels), dtype, 1.0, zero_point, low, high, nonzero=0.5)
    pads = geometry.pads(source.shape, kernel, stride, dilation, draw(st.sampled_from(["valid", "same"])))
    if depthwise:
        shape = (*kernel, channels, max(1, filters % 4))
        filters, taps = channels * shape[3], kernel[0] * kernel[1]
    else:
        shape, taps = (*kernel, channels, filters), kernel[0] * kernel[1] * channels
    weights = draw(weights_of(shape))
    greatest = taps * 255 * 127
    bias = np.random.default_rng(1).integers(-greatest, greatest + 1, filters).astype(np.int32)
    rule = draw(rules(filters, greatest))
    operator = (IntegerDepthwiseConvolution if depthwise else IntegerConvolution)(
        weights, bias, rule, stride, pads, dilation, zero_point if any(pads) else 0, pool
    )
    shape = output_shape(source.shape, kernel, stride, dilation, pads, pool, filters)
    dtype = "int8" if rule.low < 0 or rule.high < 128 else "uint8"
    return chain(source, (operator, Tensor(shape, dtype, 1.0, rule.zero_point, rule.low, rule.high)))


def inputs(graph: Graph) -> np.ndarray:
    """All zero, all at the extremes, a few points on nothing, and noise."""
    rng = np.random.default_rng(5)
    source = graph.input
    codes = rng.integers(source.low, source.high + 1, (6, *source.shape))
    codes[0] = 0 if source.low <= 0 else source.low
    codes[1], codes[2] = source.low, source.high
    codes[3] = rng.choice([source.low, source.high], source.shape)
    codes[4] = np.where(rng.random(source.shape) < 0.1, codes[4], codes[0])
    return codes.astype(source.dtype)


CHEAP = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("kernel", FULL)
@CHEAP
@given(graph=layers())
def test_convolution(kernel: str, graph: Graph, tmp_path: Path) -> None:
    check(graph, inputs(graph), tmp_path / "build", forced=kernel)


@pytest.mark.parametrize("kernel", [name for name in FULL if name.startswith("convolution_patch")])
@CHEAP
@given(graph=patches())
def test_patches(kernel: str, graph: Graph, tmp_path: Path) -> None:
    check(graph, inputs(graph), tmp_path / "build", forced=kernel)


@pytest.mark.parametrize("kernel", DEPTHWISE)
@CHEAP
@given(graph=layers(depthwise=True))
def test_depthwise(kernel: str, graph: Graph, tmp_path: Path) -> None:
    check(graph, inputs(graph), tmp_path / "build", forced=kernel)


def typical(channels: int, filters: int, affine: bool = False, pool: int = 1) -> tuple[Graph, np.ndarray]:
    """A 3 × 3 convolution as networks have it, and inputs without zeros."""
    rng = np.random.default_rng(3)
    dtype, zero_point, low, high = SOURCES["pixels" if channels == 1 else "hidden"]
    source = Tensor((12, 12, channels), dtype, 1.0, zero_point, low, high, nonzero=1.0)
    weights = np.clip(np.rint(rng.normal(0, 30, (3, 3, channels, filters))), -127, 127).astype(np.int8)
    rule = Requantization(np.ones(1, np.int32), np.array([9], np.int32), 0, 0, 127)
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, filters).astype(np.int32)
        rule = Requantization(multiplier, np.full(filters, 24, np.int32), 0, 0, 127)
    bias = rng.integers(-999, 999, filters).astype(np.int32)
    operator = IntegerConvolution(weights, bias, rule, (1, 1), (0, 0, 0, 0), (1, 1), 0, pool)
    shape = operator.output_shape(source.shape)
    graph = chain(source, (operator, Tensor(shape, "int8", 1.0, 0, 0, 127)))
    return graph, rng.integers(1, high + 1, (4, *source.shape)).astype(dtype)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("kernel", FULL)
def test_costs_are_close_to_what_is_measured(kernel: str, affine: bool, tmp_path: Path) -> None:
    graph, codes = typical(1, 8, affine, 2) if "patch" in kernel else typical(4, 10, affine)
    place = site(graph, 0, Target("avrxt"))
    if not kernels()[kernel].fits(place):
        pytest.skip("does not fit this layer")
    cycles = check(graph, codes, tmp_path, forced=kernel).cycles
    assert abs(kernels()[kernel].cost(place).worst / float(cycles.max()) - 1) < 0.05


@pytest.mark.parametrize("kernel", sorted(name for name in FULL if kernels()[name].constant_time and name[-2:] != "_c"))
def test_time_does_not_depend_on_data(kernel: str, tmp_path: Path) -> None:
    graph, _codes = typical(1, 9, pool=2) if "patch" in kernel else typical(2, 9)
    batch = check(graph, inputs(graph), tmp_path, latency="constant", forced=kernel)
    assert len(set(batch.cycles)) == 1


def wide_window(weight: int, binary: bool = False) -> tuple[Graph, np.ndarray]:
    """Windows of 3 × 3 × 36, also at the edges of a picture half of whose values are 0; weights up to ``weight``."""
    rng = np.random.default_rng(4)
    source = Tensor((7, 7, 36), "uint8", 1.0, 0, 0, 255, nonzero=0.5)
    weights = rng.integers(-weight, weight + 1, (3, 3, 36, 19)).astype(np.int8)
    weights = np.where(weights < 0, -1, 1).astype(np.int8) if binary else weights
    multiplier = rng.integers(1 << 14, 1 << 15, 19).astype(np.int32)
    rule = Requantization(multiplier, np.full(19, 24 + weight.bit_length() - 3, np.int32), 0, 0, 255)
    bias = rng.integers(-999, 999, 19).astype(np.int32)
    operator = IntegerConvolution(weights, bias, rule, (2, 2), (1, 1, 1, 1), (1, 1), 0)
    graph = chain(source, (operator, Tensor(operator.output_shape(source.shape), "uint8", 1.0, 0, 0, 255)))
    codes = rng.integers(0, 256, (5, *source.shape)) * (rng.random((5, *source.shape)) < 0.5)
    codes[0], codes[1] = 255, 0
    return graph, codes.astype(np.uint8)


@pytest.mark.parametrize(
    ("weight", "bits", "kernel"),
    [
        (127, 8, "convolution_dense8_skip"),
        (7, 4, "convolution_dense8_int4_skip"),
        (1, 3, "convolution_dense8_ternary_skip"),
        (1, 1.3, "convolution_dense8_binary_skip"),
    ],
)
def test_windows_of_any_length(weight: int, bits: float, kernel: str, tmp_path: Path) -> None:
    """324 weights a filter: at most 9 cycles a product, about half of that where half the values are 0."""
    graph, codes = wide_window(weight, "binary" in kernel)
    products = graph.layers[0].operator.products(graph.input.shape)
    batch = check(graph, codes, tmp_path, forced=kernel)
    assert batch.cycles.max() <= 9 * products
    assert batch.cycles[2:].mean() <= 5.2 * products
    assert kernels()[kernel].fits(site(graph, 0, Target("avrxt")))
    cost = kernels()[kernel].cost(site(graph, 0, Target("avrxt")))
    # Threaded code stores blocks of eight: 24 for 19 filters.
    assert cost.flash <= bits / 8 * graph.layers[0].operator.weights.size * 1.3 + 300


def test_rows_of_a_window_that_are_far_apart(tmp_path: Path) -> None:
    """More than 255 bytes of a window outside of the picture, or zero, in a row."""
    rng = np.random.default_rng(4)
    source = Tensor((6, 6, 30), "uint8", 1.0, 0, 0, 255, nonzero=0.1)
    weights = rng.integers(-127, 128, (7, 7, 30, 3)).astype(np.int8)
    rule = Requantization(np.ones(1, np.int32), np.array([14], np.int32), 0, 0, 255)
    operator = IntegerConvolution(weights, np.zeros(3, np.int32), rule, (1, 1), (3, 3, 3, 3), (1, 1), 0)
    graph = chain(source, (operator, Tensor(operator.output_shape(source.shape), "uint8", 1.0, 0, 0, 255)))
    codes = rng.integers(0, 256, (5, *source.shape)) * (rng.random((5, *source.shape)) < 0.004)
    codes[0] = 0
    check(graph, codes.astype(np.uint8), tmp_path, forced="convolution_dense8_skip")


def test_classic_core(tmp_path: Path) -> None:
    """The same code on the core before AVRxt."""
    graph, codes = typical(2, 9, affine=True, pool=2)
    for kernel in FULL:
        check(graph, codes, tmp_path / kernel, mcu="atmega328p", forced=kernel)


@pytest.mark.parametrize("latency", ["constant", "data_dependent"])
def test_one_to_eight_channels_with_pooling_stay_below_the_target(latency: str, tmp_path: Path) -> None:
    """Also where looking for zeros is of no use: no zeros, or a single pixel in every patch."""
    graph, codes = typical(1, 8, pool=2)
    single = np.zeros((16, *codes.shape[1:]), codes.dtype)
    for place in range(16):
        single[place, place // 4 :: 4, place % 4 :: 4] = 255
    batch = check(graph, np.concatenate([codes, single]), tmp_path, latency=latency)
    assert batch.cycles.max() <= 5.2 * graph.layers[0].operator.products(graph.input.shape)


def test_eight_to_sixteen_channels_stay_below_the_target(tmp_path: Path) -> None:
    graph, codes = typical(8, 16)
    batch = check(graph, codes, tmp_path, latency="constant")
    assert batch.cycles.max() <= 8.8 * graph.layers[0].operator.products(graph.input.shape)


def test_weights_beyond_one_object_of_flash(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = Tensor((3, 3, 64), "uint8", 1.0, 0, 0, 255)
    weights = rng.integers(-127, 128, (3, 3, 64, 60)).astype(np.int8)
    rule = Requantization(np.ones(1, np.int32), np.array([14], np.int32), 0, -128, 127)
    operator = IntegerConvolution(weights, np.zeros(60, np.int32), rule, (1, 1), (0, 0, 0, 0), (1, 1), 0)
    graph = chain(source, (operator, Tensor((1, 1, 60), "int8", 1.0, 0, -128, 127)))
    check(graph, inputs(graph), tmp_path)
