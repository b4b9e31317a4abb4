"""What NNoM's int8 input is in terms of the bytes that our networks take.

NNoM's converter looks at the scaled data: dec = 7 - ceil(log2(max |x'|)), and the application writes round(x' · 2^dec)
into ``nnom_input_data``. A network whose input was quantized here has exactly these codes. One that takes raw bytes x
has x' = scale · (x - zero), so

    x = nnom · ratio + zero,  ratio = 2^-dec / scale

For the thesis's scaling, x' = (x - 127) / 8, dec is 3 and the ratio 1: the application writes x - 127.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, Tensor
from toolchain.quantization.scheme import exponent_above


@dataclass(frozen=True)
class InputCode:
    """byte = nnom · ratio + zero; ``bits`` is the power of two next to the ratio, ``dec`` NNoM's fractional bits."""

    dec: int
    ratio: float
    zero: float

    @property
    def bits(self) -> int:
        return round(math.log2(self.ratio))


def input_code(graph: Graph, low: float, high: float) -> InputCode:
    """NNoM's input of a graph whose raw data lie between ``low`` and ``high``.

    Raises GoldcrestError if a power of two cannot express it.
    """
    tensor = graph.input
    if graph.encoding.quantize:
        return InputCode(decimal(tensor, "the input"), 1.0, 0)
    ends = np.abs(tensor.real(np.array([low, high])))
    dec = 7 - exponent_above(float(ends.max()) or 1.0)
    return InputCode(dec, 2.0**-dec / tensor.scale, tensor.zero_point)


def raw_range(data: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """The least and greatest raw value of a data set, all parts of it."""
    parts = [data[f"x_{part}"] for part in ("train", "validation", "test")]
    return min(float(x.min()) for x in parts if x.size), max(float(x.max()) for x in parts if x.size)


def meaning(graph: Graph, code: InputCode) -> str:
    """What the application has to write into ``nnom_input_data``."""
    if graph.encoding.quantize:
        return f"the scaled value * 2^{code.dec}, rounded"
    value = f"x - {code.zero:g}" if code.zero else "x"
    if code.ratio != 1:
        factor = f"/ {code.ratio:g}" if code.ratio > 1 else f"* {1 / code.ratio:g}"
        value = f"({value}) {factor}, rounded" if code.zero else f"{value} {factor}, rounded"
    return f"{value}, for a byte x of the data set"


def decimal(tensor: Tensor, name: str) -> int:
    """NNoM's fractional bits of a tensor. Raises GoldcrestError naming it if its scale is no power of two."""
    bits = -math.log2(tensor.scale)
    if tensor.dtype != "int8" or tensor.zero_point != 0 or bits != round(bits):
        raise GoldcrestError(
            f"{name} has {tensor.dtype} codes of scale {tensor.scale:g} and zero point {tensor.zero_point:g} (affine "
            "scheme); NNoM has int8 and powers of two only: quantization: {scheme: power_of_two} gives them"
        )
    return round(bits)
