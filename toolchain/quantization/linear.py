"""Quantizing what all weighted sums have in common: weights, biases with the input's zero point, requantization."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolchain.errors import LayerError
from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Pinned, Requantization
from toolchain.layers.base import Shape
from toolchain.quantization.scheme import GREATEST_PLAIN_SHIFT, QuantizedWeights, Scheme, fixed_point

SUM_LIMIT = (1 << 31) - (1 << GREATEST_PLAIN_SHIFT - 1)
"""What 32 bits hold beside the rounding term of a shift."""
FARTHEST = 255 + 128
"""How far a code of 1 as weight can move a sum: signed codes are read 128 greater, and its start takes that back."""


@dataclass(frozen=True)
class LinearCodes:
    """The integer constants of y = requantize(Σ x · weights + bias) and the type of y."""

    weights: np.ndarray  # int8, the shape of the real weights
    bias: np.ndarray  # int32 (channels,)
    requantization: Requantization
    output: Tensor


def quantize_linear(
    weights: np.ndarray,
    bias: np.ndarray,
    channel_axis: int,
    source: Tensor,
    shape: Shape,
    seen: tuple[float, float],
    activation: str,
    scheme: Scheme,
    pinned: Pinned | None = None,
) -> LinearCodes:
    """Quantize a layer that multiplies ``source`` by ``weights`` and adds ``bias`` (one entry an output channel).

    The zero point of the source is folded into the bias with the rounded weights, so that raw codes go in: background
    stays 0. ``seen`` is the range of the output on the calibration set, after the fused ``activation``; ``pinned``
    stands in its place, and in the scheme's, for a layer that was trained with its integers.
    """
    quantized = scheme.weights(weights, channel_axis, source) if pinned is None else _coded(weights, source, pinned)
    others = tuple(axis for axis in range(weights.ndim) if axis != channel_axis % weights.ndim)
    sums = quantized.codes.astype(np.int64).sum(axis=others)
    exact = bias.astype(np.float64) / quantized.accumulator_scale - source.zero_point * sums
    codes = np.rint(exact)
    reach = np.abs(codes) + FARTHEST * np.abs(quantized.codes.astype(np.int64)).sum(axis=others)
    if np.any(reach >= SUM_LIMIT):
        raise LayerError("a bias is too large for its accumulator (more than 31 bits); its weights are far too small")
    if pinned is None:
        requantization, output = scheme.requantization(quantized.accumulator_scale, scheme.tensor(shape, *seen))
    else:
        output = Tensor(shape, "uint8", pinned.scale, pinned.zero_point, 0, 255)
        factors = fixed_point(quantized.accumulator_scale / pinned.scale)
        requantization = Requantization(*factors, pinned.zero_point, output.low, output.high)
    return LinearCodes(quantized.codes, codes.astype(np.int32), *bounded(requantization, output, activation))


def _coded(weights: np.ndarray, source: Tensor, pinned: Pinned) -> QuantizedWeights:
    """The codes of weights (…, channels) that lie on the grid of the pinned steps."""
    codes = np.rint(weights.astype(np.float64) / pinned.steps).astype(np.int8)
    return QuantizedWeights(codes, pinned.steps * source.scale)


def bounded(requantization: Requantization, output: Tensor, activation: str) -> tuple[Requantization, Tensor]:
    """The requantization and output type with a fused activation's bounds: relu and relu6 are clamps."""
    if activation == "linear":
        return requantization, output
    low = int(output.zero_point)
    high = output.high
    if activation == "relu6":
        high = min(high, low + int(np.rint(6.0 / output.scale)))
    return (
        replace(requantization, low=low, high=high, low_is_activation=True, high_is_activation=high < output.high),
        replace(output, low=low, high=high),
    )
