"""Quantization schemes: how reals become codes. Power-of-two (NNoM's arithmetic) and affine with per-channel scales."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from toolchain.errors import LayerError
from toolchain.ir.graph import INTEGER_RANGE, Tensor
from toolchain.ir.operators import Requantization
from toolchain.layers.base import Shape

WEIGHT_LIMIT = 127
"""Weights are symmetric, -127…127: the unsigned-multiply kernels store 128 - w in a byte."""


@dataclass(frozen=True)
class QuantizedWeights:
    """Integer weights with the scale of the accumulator that they give, one entry an output channel (or one for all).

    real accumulator = accumulator_scale · Σ (x - zero point) · codes
    """

    codes: np.ndarray  # int8, the shape of the real weights
    accumulator_scale: np.ndarray  # float64 (channels,) or (1,)


class Scheme(Protocol):
    """What a quantization scheme decides."""

    def tensor(self, shape: Shape, low: float, high: float) -> Tensor:
        """The type of a tensor whose values were seen between ``low`` and ``high``."""

    def weights(self, values: np.ndarray, channel_axis: int, source: Tensor) -> QuantizedWeights:
        """Codes for real weights that multiply the tensor ``source``."""

    def requantization(self, accumulator_scale: np.ndarray, output: Tensor) -> tuple[Requantization, Tensor]:
        """From an accumulator of these scales to the codes of ``output``, whose scale may have to become coarser."""


def exponent_above(value: float) -> int:
    """The least integer e with value ≤ 2^e; exact for every positive float."""
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 else exponent


class PowerOfTwo:
    """One power-of-two scale a tensor, symmetric around zero: dec = 7 - ceil(log2(max |v|)), real = code · 2^-dec.

    The scheme of NNoM (J. Ma, "A higher-level Neural Network library on Microcontrollers", 2020), with its defects
    mended: biases are added at the accumulator's own resolution, weights stop at ±127, outputs round to nearest, and
    the range of a tensor is that after its fused activation. An input whose scale is no power of two (x / 255) keeps
    its bytes: the remaining factor goes into the first layer's weights before they are rounded.
    """

    def tensor(self, shape: Shape, low: float, high: float) -> Tensor:
        bottom, top = INTEGER_RANGE["int8"]
        largest = max(abs(low), abs(high))
        exponent = exponent_above(largest) if largest > 0 else 0
        return Tensor(shape, "int8", 2.0 ** (exponent - 7), 0, bottom, top)

    def weights(self, values: np.ndarray, channel_axis: int, source: Tensor) -> QuantizedWeights:
        input_scale = 2.0 ** round(math.log2(source.scale))
        scaled = values.astype(np.float64) * (source.scale / input_scale)
        largest = float(np.abs(scaled).max(initial=0.0))
        step = 2.0 ** (exponent_above(largest) - 7) if largest > 0 else 2.0**-7
        codes = np.clip(np.rint(scaled / step), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
        return QuantizedWeights(codes, np.array([step * input_scale]))

    def requantization(self, accumulator_scale: np.ndarray, output: Tensor) -> tuple[Requantization, Tensor]:
        # An output finer than its accumulator would only add zero bits: both shifts stay non-negative. One that was
        # never seen to be other than 0 may be far coarser; with 2^24 units a code it holds every sum.
        unit = float(accumulator_scale.max())
        output = replace(output, scale=min(max(output.scale, unit), unit * 2.0**GREATEST_PLAIN_SHIFT))
        shift = np.rint(np.log2(output.scale / accumulator_scale)).astype(np.int32)
        return Requantization(np.ones_like(shift), shift, int(output.zero_point), output.low, output.high), output


GREATEST_PLAIN_SHIFT = 24
"""Of power-of-two scales: its rounding term leaves 31 bits for the sum."""
MULTIPLIER_BITS = 15
LEAST_SHIFT = 9
GREATEST_SHIFT = 39
SUM_SHIFT = 16
GREATEST_FACTOR = 32


class Affine:
    """Unsigned bytes with a zero point for activations; per-channel symmetric weights; 15-bit multipliers.

    Source: B. Jacob et al., CVPR 2018; R. Krishnamoorthi, "Quantizing deep convolutional networks for efficient
    inference", 2018.
    """

    def tensor(self, shape: Shape, low: float, high: float) -> Tensor:
        low, high = min(low, 0.0), max(high, 0.0)
        bottom, top = INTEGER_RANGE["uint8"]
        scale = (high - low) / (top - bottom) or 1.0
        zero_point = int(np.clip(round(-low / scale), bottom, top))
        return Tensor(shape, "uint8", scale, zero_point, bottom, top)

    def weights(self, values: np.ndarray, channel_axis: int, source: Tensor) -> QuantizedWeights:
        exact = values.astype(np.float64)
        others = tuple(axis for axis in range(values.ndim) if axis != channel_axis % values.ndim)
        largest = np.abs(exact).max(axis=others, initial=0.0)
        step = np.where(largest > 0, largest, largest.max(initial=0.0) or 1.0) / WEIGHT_LIMIT
        broadcast = [1] * values.ndim
        broadcast[channel_axis] = -1
        codes = np.clip(np.rint(exact / step.reshape(broadcast)), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
        return QuantizedWeights(codes, step * source.scale)

    def requantization(self, accumulator_scale: np.ndarray, output: Tensor) -> tuple[Requantization, Tensor]:
        # An output much finer than its accumulator would only repeat a few codes: it becomes coarser.
        finest = float(accumulator_scale.max()) / GREATEST_FACTOR
        output = replace(output, scale=max(output.scale, finest))
        multiplier, shift = fixed_point(accumulator_scale / output.scale)
        return Requantization(multiplier, shift, int(output.zero_point), output.low, output.high), output


def fixed_point(factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers and shifts with multiplier / 2^shift ≈ factor: 15-bit multipliers, shifts of 9 to 39 (both int32).

    The relative error is at most 2^-15 for factors of 2^-25 and more. Raises LayerError for one that rounds to 64 or
    more, which a shift of 9 cannot express.
    """
    if np.any(np.rint(factor * 2.0**LEAST_SHIFT) >= 1 << MULTIPLIER_BITS):
        raise LayerError(f"a requantization factor of {factor.max():g} is out of range (64 or more)")
    _mantissa, exponent = np.frexp(factor)
    shift = np.clip(MULTIPLIER_BITS - exponent, LEAST_SHIFT, GREATEST_SHIFT)
    multiplier = np.rint(factor * 2.0**shift).astype(np.int64)
    carried = multiplier >= 1 << MULTIPLIER_BITS  # rounding went up to the next power of two
    multiplier = np.where(carried, multiplier // 2, multiplier)
    return multiplier.astype(np.int32), (shift - carried).astype(np.int32)


def sum_multipliers(factors: np.ndarray) -> np.ndarray:
    """Multipliers (int32) of codes in a sum that is then shifted by 16: multiplier / 2^16 ≈ factor.

    A code's product is off by less than 1/256 of an output code, whatever the factor. Raises LayerError for factors
    above 32 (see ``coarse_enough``), with which sums might not stay within 31 bits.
    """
    largest = float(np.abs(factors).max(initial=0.0))
    if largest > GREATEST_FACTOR:
        raise LayerError(f"a factor of {largest:g} between scales is out of range (more than {GREATEST_FACTOR})")
    return np.rint(factors * 2.0**SUM_SHIFT).astype(np.int32)


def coarse_enough(output: Tensor, unit: float) -> Tensor:
    """``output`` with its scale doubled until ``unit`` (what all codes of a sum weigh together) is at most 32 codes."""
    doublings = max(0, exponent_above(unit / output.scale / GREATEST_FACTOR)) if unit > 0 else 0
    return replace(output, scale=output.scale * 2.0**doublings)


SCHEMES: dict[str, type[Scheme]] = {"power_of_two": PowerOfTwo, "affine": Affine}
