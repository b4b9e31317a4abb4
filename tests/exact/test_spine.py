"""Small networks of the first layer kinds, three ways, with the arithmetic's corners on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exact.harness import chain, check
from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Requantization
from toolchain.layers.activation import Lookup
from toolchain.layers.dense import IntegerDense
from toolchain.layers.pooling import IntegerAveragePooling, IntegerMaxPooling
from toolchain.quantization.ranges import bits

SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def requantization(rng: np.random.Generator, channels: int, affine: bool, signed: bool) -> Requantization:
    low, high = (-128, 127) if signed else (0, 255)
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, channels).astype(np.int32)
        return Requantization(
            multiplier, rng.integers(9, 30, channels).astype(np.int32), int(rng.integers(low, high)), low, high
        )
    return Requantization(np.ones(1, np.int32), np.array([rng.integers(0, 16)], np.int32), 0, low, high)


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 20),
    affine=st.booleans(),
    signed=st.booleans(),
    extreme=st.booleans(),
)
def test_dense(tmp_path, seed: int, inputs: int, outputs: int, affine: bool, signed: bool, extreme: bool) -> None:
    rng = np.random.default_rng(seed)
    weights = (
        rng.choice([-128, -127, 0, 127], (inputs, outputs)) if extreme else rng.integers(-128, 128, (inputs, outputs))
    )
    bias = rng.integers(-(1 << 20), 1 << 20, outputs)
    step = requantization(rng, outputs, affine, signed)
    operator = IntegerDense(weights.astype(np.int8), bias.astype(np.int32), step)
    source = Tensor((inputs,), "int8", 1.0, 0, -128, 127) if signed else Tensor((inputs,), "uint8", 1.0, 0, 0, 255)
    output = Tensor((outputs,), "int8" if signed else "uint8", 1.0, step.zero_point, step.low, step.high)
    graph = chain(source, (operator, output), decision="argmax" if outputs > 1 else "none")
    codes = rng.integers(source.low, source.high + 1, (6, inputs)).astype(source.dtype)
    codes[0], codes[1] = source.low, source.high
    check(graph, codes, tmp_path / "bench")


def test_a_sum_that_begins_outside_of_24_bits(tmp_path) -> None:
    """Codes from -1 on are read 128 greater, so that the sum begins further below than any input brings it."""
    operator = IntegerDense(
        np.full((519, 2), 127, np.int8),
        np.zeros(2, np.int32),
        Requantization(np.full(2, 1 << 14, np.int32), np.full(2, 30, np.int32), 0, -128, 127),
    )
    source, output = Tensor((519,), "int8", 1.0, 0, -1, 127), Tensor((2,), "int8", 1.0, 0, -128, 127)
    least, greatest = operator.accumulator_bounds((-1, 127))
    assert bits(int(least.min()), int(greatest.max())) == 24
    assert 128 * 127 * 519 > 1 << 23
    codes = np.array([[-1] * 519, [127] * 519, [0] * 519], np.int8)
    check(chain(source, (operator, output)), codes, tmp_path / "bench", forced="dense_c")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_pooling(tmp_path, signed: bool, size: int) -> None:
    rng = np.random.default_rng(size)
    low, high, dtype = (-128, 127, "int8") if signed else (0, 255, "uint8")
    source = Tensor((7, 9, 3), dtype, 1.0, 0, low, high)
    shape = (7 // size, 9 // size, 3)
    codes = rng.integers(low, high + 1, (8, 7, 9, 3)).astype(dtype)
    codes[0], codes[1] = low, high
    output = Tensor(shape, dtype, 1.0, 0, low, high)
    factor, shift = (1, 2) if size == 2 else (29127, 18)
    mean = Requantization(np.array([factor], np.int32), np.array([shift], np.int32), 0, low, high)
    check(chain(source, (IntegerMaxPooling((size, size), (size, size)), output)), codes, tmp_path / "max")
    check(chain(source, (IntegerAveragePooling((size, size), (size, size), mean), output)), codes, tmp_path / "average")


def test_lookup_and_threshold(tmp_path) -> None:
    table = np.random.default_rng(1).permutation(256).astype(np.uint8)
    source = Tensor((1,), "int8", 1.0, 0, -128, 127)
    output = Tensor((1,), "int8", 1.0, 0, -128, 127)
    codes = np.arange(-128, 128).astype(np.int8).reshape(-1, 1)
    graph = chain(source, (Lookup(table, True), output), decision="threshold", threshold=17)
    batch = check(graph, codes, tmp_path / "bench")
    assert 0 < batch.classes.sum() < 256
