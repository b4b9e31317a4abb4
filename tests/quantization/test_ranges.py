"""The range analysis against brute force: bounds are sound, and reached."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.ir.operators import Requantization
from toolchain.layers.concatenate import Concatenate
from toolchain.layers.dense import IntegerDense
from toolchain.layers.merge import Add, IntegerMultiply
from toolchain.layers.normalization import Scaling
from toolchain.layers.pooling import AveragePooling
from toolchain.quantization.ranges import bits, proof, width
from toolchain.quantization.scheme import Affine

PLAIN = Requantization(np.ones(1, np.int32), np.zeros(1, np.int32), 0, -128, 127)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), low=st.integers(-128, 0), span=st.integers(0, 127))
def test_dense_bounds_are_the_extremes_over_every_input(seed: int, low: int, span: int) -> None:
    rng = np.random.default_rng(seed)
    operator = IntegerDense(
        rng.integers(-128, 128, (5, 3)).astype(np.int8), rng.integers(-1000, 1000, 3).astype(np.int32), PLAIN
    )
    corners = np.array(list(itertools.product((low, low + span), repeat=5)))
    sums = operator.accumulate(corners)
    least, greatest = operator.accumulator_bounds((low, low + span))
    np.testing.assert_array_equal(least, sums.min(axis=0))
    np.testing.assert_array_equal(greatest, sums.max(axis=0))


def every(low: int, high: int) -> np.ndarray:
    return np.arange(low, high + 1)


def test_sums_and_products_of_two_inputs() -> None:
    sources = [Tensor((1,), "int8", 0.1, 0, -128, 127), Tensor((1,), "uint8", 0.37, 19, 3, 200)]
    a, b = np.meshgrid(every(-128, 127), every(3, 200))
    for factors in ((1.0, 1.0), (1.0, -1.0)):
        operator, _ = Add(factors).quantize(sources, (-40.0, 60.0), Affine())
        low, high = operator.accumulator_bounds((-128, 127), (3, 200))
        sums = operator.accumulate(a, b)
        assert (low, high) == (sums.min(), sums.max())
        assert bits(int(low[0]), int(high[0])) <= 31
    product = IntegerMultiply((0, 19), PLAIN)
    low, high = product.accumulator_bounds((-128, 127), (3, 200))
    assert (low, high) == (product.accumulate(a, b).min(), product.accumulate(a, b).max())


def test_scalings_pools_and_parts() -> None:
    source = Tensor((2,), "uint8", 0.37, 19, 3, 200)
    codes = np.stack([every(3, 200)] * 2, axis=1)
    scaling, _ = Scaling(np.array([1.5, -0.2]), np.array([0.3, 4.0])).quantize([source], (-20.0, 99.0), Affine())
    low, high = scaling.accumulator_bounds((3, 200))
    np.testing.assert_array_equal(low, scaling.accumulate(codes).min(axis=0))
    np.testing.assert_array_equal(high, scaling.accumulate(codes).max(axis=0))
    other = Tensor((1,), "int8", 0.1, 0, -128, 127)
    joined, _ = Concatenate().quantize([source, other], (0, 0), Affine())
    low, high = joined.accumulator_bounds((3, 200), (-128, 127))
    sums = joined.accumulate(every(3, 200), every(-128, 127))
    assert [(int(part.min()), int(part.max())) for part in sums] == list(zip(low, high, strict=True))
    image = Tensor((4, 4, 1), "int8", 1.0, 0, -7, 9)
    pool, _ = AveragePooling((3, 3), (1, 1), "same").quantize([image], (-7, 9), Affine())
    assert pool.accumulator_bounds((-7, 9)) == (-63, 81)


@pytest.mark.parametrize(("largest", "width_of_one", "of_all"), [(127, 8, 35), (7, 4, 18), (1, 2, 9)])
def test_weights_are_counted_in_bytes_of_their_width(largest: int, width_of_one: int, of_all: int) -> None:
    weights = np.zeros((7, 5), np.int8)
    weights[::2] = largest
    dense = IntegerDense(weights, np.zeros(5, np.int32), PLAIN)
    layer = Layer("dense_1", ("input",), dense, Tensor((5,), "int8", 1.0, 0, -128, 127))
    encoding = Encoding(np.zeros(1), np.ones(1), True)
    graph = Graph("g", Tensor((7,), "uint8", 1.0, 0, 0, 255), encoding, (layer,))
    (entry,) = proof(graph, np.zeros((1, 7), np.uint8))["layers"]
    assert (entry["weight_count"], entry["weight_bits"], entry["weight_bytes"]) == (35, width_of_one, of_all)
    assert entry["nonzero"] == 20


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 1 << 40))
def test_bits_is_the_narrowest_that_holds_both_ends(low: int, span: int) -> None:
    needed = bits(low, low + span)
    holds = lambda n: -(1 << (n - 1)) <= low and low + span < 1 << (n - 1)  # noqa: E731
    assert holds(needed) and (needed == 1 or not holds(needed - 1))


def test_width() -> None:
    assert [width(n) for n in (1, 16, 17, 24, 25, 32)] == [16, 16, 24, 24, 32, 32]
    with pytest.raises(ValueError, match="32 are the most"):
        width(33)
