"""The arithmetic of the schemes against formulas written independently, over all of their range."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolchain.errors import LayerError
from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Requantization
from toolchain.layers.dense import IntegerDense
from toolchain.quantization.linear import quantize_linear
from toolchain.quantization.ranges import bits
from toolchain.quantization.scheme import (
    SCHEMES,
    Affine,
    PowerOfTwo,
    coarse_enough,
    exponent_above,
    fixed_point,
    sum_multipliers,
)

BYTES = Tensor((1,), "uint8", 1.0, 0, 0, 255)
REALS = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)
JUST_BELOW_64 = math.nextafter(64, 0)


@settings(deadline=None)
@given(st.floats(2.0**-24, 63.99))
@example(1.0)
@example(math.nextafter(1.0, 0))
@example(63.9)
@example(2.0**-24)
def test_fixed_point(factor: float) -> None:
    (multiplier,), (shift,) = fixed_point(np.array([factor]))
    assert 1 << 14 <= multiplier < 1 << 15
    assert 9 <= shift <= 39
    error = abs(Fraction(int(multiplier), 1 << int(shift)) - Fraction(factor)) / Fraction(factor)
    assert error <= Fraction(1, 1 << 15)


@pytest.mark.parametrize("factor", [64.0, JUST_BELOW_64, 1000.0])
def test_fixed_point_refuses_what_would_need_a_shift_of_8(factor: float) -> None:
    with pytest.raises(LayerError, match="64 or more"):
        fixed_point(np.array([1.0, factor]))


@settings(deadline=None)
@given(st.floats(0, 2.0**-24))
def test_fixed_point_of_tiny_factors_stays_in_range(factor: float) -> None:
    (multiplier,), (shift,) = fixed_point(np.array([factor]))
    assert 0 <= multiplier < 1 << 15 and 9 <= shift <= 39
    assert abs(multiplier / 2.0**shift - factor) <= 2.0**-40


@settings(deadline=None)
@given(st.lists(st.floats(-32, 32), min_size=1, max_size=8))
@example([0.0])
@example([32.0, -32.0])
def test_products_in_a_sum_are_off_by_less_than_a_256th_of_a_code(factors: list[float]) -> None:
    multipliers = sum_multipliers(np.array(factors))
    assert np.all(np.abs(multipliers * 255 / 2.0**16 - np.array(factors) * 255) < 1 / 256)
    assert np.abs(multipliers.astype(np.int64)).max() * 255 < 1 << 30


def test_sums_refuse_what_32_bits_cannot_hold() -> None:
    with pytest.raises(LayerError, match="out of range"):
        sum_multipliers(np.array([32.01]))


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_coarse_enough(scale: float, unit: float) -> None:
    fine = Tensor((1,), "uint8", scale, 3, 0, 255)
    output = coarse_enough(fine, unit)
    assert unit / output.scale <= 32
    assert output.scale == scale or unit / output.scale > 16


@given(st.floats(1e-30, 1e30))
def test_exponent_above_is_exact(value: float) -> None:
    exponent = exponent_above(value)
    assert Fraction(value) <= Fraction(2) ** exponent
    assert Fraction(value) > Fraction(2) ** (exponent - 1)


@given(REALS, REALS)
@example(0.5, -0.5)
@example(-1.0, 1.0)
def test_power_of_two_is_nnoms_rule(low: float, high: float) -> None:
    """NNoM: the fewest integer bits that hold the largest magnitude, dec = 7 - integer bits."""
    tensor = PowerOfTwo().tensor((3,), min(low, high), max(low, high))
    largest = max(abs(low), abs(high))
    assert (tensor.dtype, tensor.zero_point, tensor.low, tensor.high) == ("int8", 0, -128, 127)
    if largest == 0:
        return
    dec = round(-math.log2(tensor.scale))
    assert 2.0**-dec == tensor.scale
    assert largest * 2.0**dec <= 128  # it fits
    assert largest * 2.0 ** (dec + 1) > 128  # and not with one bit more


@given(REALS, REALS)
def test_affine_has_a_code_for_zero_and_reaches_both_ends(low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    tensor = Affine().tensor((3,), low, high)
    assert tensor.dtype == "uint8" and 0 <= tensor.zero_point <= 255 and tensor.zero_point == int(tensor.zero_point)
    for end in (low, 0.0, high):
        code = np.clip(np.rint(end / tensor.scale) + tensor.zero_point, 0, 255)
        assert abs(float(tensor.real(code)) - end) <= tensor.scale * (0.5 if end == 0 else 1.001)


@pytest.mark.parametrize("name", SCHEMES)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(1e-3, 1e3))
def test_weights_are_rounded_to_the_nearest_code(name: str, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(7, 4)) * spread * rng.uniform(0.1, 1, 4)).astype(np.float32)
    values[:, 3] = 0
    source = Tensor((7,), "uint8", 2.0**-3, 5, 0, 255)
    quantized = SCHEMES[name]().weights(values, 1, source)
    assert np.abs(quantized.codes.astype(int)).max() <= 127
    step = np.broadcast_to(quantized.accumulator_scale / source.scale, 4)
    tolerance = 1.0 if name == "power_of_two" else 0.5  # a magnitude of 127.6 steps becomes 127
    assert np.all(np.abs(quantized.codes * step - values) <= step * tolerance * (1 + 1e-6))
    assert np.all(quantized.codes[:, 3] == 0)


@settings(deadline=None)
@given(
    st.integers(-(1 << 23), (1 << 23) - 1),
    st.integers(1 << 14, (1 << 15) - 1),
    st.integers(9, 39),
    st.integers(-128, 255),
)
def test_requantization_rounds_to_nearest_halves_upward(acc: int, multiplier: int, shift: int, zero: int) -> None:
    rule = Requantization(np.array([multiplier]), np.array([shift]), zero, -128, 255)
    exact = math.floor(Fraction(acc * multiplier, 1 << shift) + Fraction(1, 2)) + zero
    assert rule.apply(np.array([acc]))[0] == min(max(exact, -128), 255)


def test_saturation_is_not_what_an_activation_cuts_off() -> None:
    rule = Requantization(np.array([1]), np.array([0]), 0, 0, 100, low_is_activation=True)
    assert rule.saturated(np.array([-5, 0, 100, 101, 300])) == 2
    assert rule.apply(np.array([-5, 101])).tolist() == [0, 100]


@pytest.mark.parametrize("name", SCHEMES)
def test_tiny_sums_are_shifted_by_what_32_bits_hold(name: str) -> None:
    """Weights of 1e-12 behind a relu that never opens: nothing was seen, and the output's scale is not theirs."""
    scheme = SCHEMES[name]()
    tiny = np.full((5, 2), 1e-12)
    codes = quantize_linear(
        tiny, np.zeros(2), 1, Tensor((5,), "uint8", 1.0, 0, 0, 255), (2,), (0.0, 0.0), "relu", scheme
    )
    operator = IntegerDense(codes.weights, codes.bias, codes.requantization)
    least, greatest = operator.accumulator_bounds((0, 255))
    term = int(codes.requantization.unclamped(np.zeros(1, np.int64)).max())
    assert codes.requantization.shift.max() <= (24 if name == "power_of_two" else 39)
    assert bits(int(least.min()), int(greatest.max()) + term) <= 32
    assert np.all(operator.forward(np.full((1, 5), 255)) >= 0)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("short", [0, 400])
def test_a_bias_and_its_sums_stay_within_32_bits(name: str, short: int) -> None:
    """The bias alone would fit 32 bits; with the sums around it it does only if it is ``short`` of them."""
    scheme, weights = SCHEMES[name](), np.full((1, 1), 127 / 128)
    unit = scheme.weights(weights, 1, BYTES).accumulator_scale[0]
    bias = np.array([((1 << 31) - (1 << 23) - 127 * short) * unit])
    given = (weights, bias, 1, BYTES, (1,), (0.0, float(bias[0])), "linear", scheme)
    if short:
        assert int(quantize_linear(*given).bias[0]) == pytest.approx(bias[0] / unit, abs=1)
        return
    with pytest.raises(LayerError, match="a bias is too large for its accumulator"):
        quantize_linear(*given)


@pytest.mark.parametrize("name", SCHEMES)
def test_an_output_finer_than_its_sums_becomes_coarser(name: str) -> None:
    """Sums of large units, values that all come out tiny: the output's scale gives way, nothing overflows."""
    scheme = SCHEMES[name]()
    rule, output = scheme.requantization(np.array([1000.0]), scheme.tensor((4,), 0.0, 1e-3))
    assert output.scale >= 1000.0 / 64
    assert np.all(rule.shift >= 0)
