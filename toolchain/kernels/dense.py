"""Dense layers in portable C, output by output (``firmware/kernels/gc_dense.c``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Requantization
from toolchain.kernels.base import FLASH_OBJECT_LIMIT, Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.layers.dense import IntegerDense
from toolchain.quantization.ranges import bits, width

STEP = {(24, False): 29.1, (24, True): 26.2, (32, False): 42.0, (32, True): 31.5}
"""Cycles a product as avr-gcc 7 compiles the kernels for size, by width of the accumulator and whether it is scaled."""


def rounding(requantization: Requantization) -> np.ndarray:
    """The term (int64, one a channel or one for all) that makes a right shift round to nearest; 0 with multipliers.

    Kernels without a multiplier expect it in the bias.
    """
    shift = requantization.shift.astype(np.int64)
    return np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)


def has_multiplier(requantization: Requantization) -> bool:
    return bool(np.any(requantization.multiplier != 1)) or requantization.shift.size > 1


def start(bias: np.ndarray, weights: np.ndarray, source: Tensor, rule: Requantization) -> np.ndarray:
    """What the accumulators (int64, one a column of ``weights``) start from.

    The bias, less what flipped codes of ``source`` add, and with the rounding of a plain shift.
    """
    first = bias.astype(np.int64) - flip(source) * weights.astype(np.int64).sum(axis=0)
    return first if has_multiplier(rule) else first + rounding(rule)


def accumulator(site: Site, first: np.ndarray, rule: Requantization) -> int:
    """The accumulator's width, 24 or 32 bits.

    It has room for the proven bounds, the rounding term, and the start, which no input may lead back to.
    """
    assert site.low is not None
    assert site.high is not None
    term = 0 if has_multiplier(rule) else int(rounding(rule).max())
    low, high = min(int(site.low.min()), int(first.min())), max(int(site.high.max()) + term, int(first.max()))
    return max(24, width(bits(low, high)))


def clamp(requantization: Requantization) -> str:
    """The C initializer of a ``struct gc_clamp``."""
    return f"{{{requantization.zero_point}, {requantization.low}, {requantization.high}}}"


class DenseC(Kernel):
    """One output after the other; the accumulator has 24 bits where that is proven enough, else 32."""

    name = "dense_c"

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, IntegerDense)

    def cost(self, site: Site) -> Cost:
        operator = site.layer.operator
        assert isinstance(operator, IntegerDense)
        inputs, outputs = operator.weights.shape
        scaled = has_multiplier(operator.requantization)
        size = accumulator(site, _start(site, operator), operator.requantization)
        step = STEP[size, scaled]
        shift = float(operator.requantization.shift.mean())
        per_output = (420 if size == 24 else 800) + 6 * (shift - 8) if scaled else 178 + 5 * shift
        cycles = round(outputs * (inputs * step + per_output)) + 60
        per_channel = size // 8 + (3 if scaled else 0)
        flash = operator.weights.size + outputs * per_channel + 20 + 14
        return Cost.steady(cycles, flash, 540 if scaled else 416)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = site.layer.operator
        assert isinstance(operator, IntegerDense)
        scaled = has_multiplier(operator.requantization)
        flipped = flip(site.inputs[0])
        bias = _start(site, operator)
        size = accumulator(site, bias, operator.requantization)
        count, outputs = operator.weights.shape
        most = FLASH_OBJECT_LIMIT // count
        constants: list[Constant | Structure] = []
        statements: list[str] = []
        biases: list[str] = []
        for part, start in enumerate(range(0, outputs, most)):
            chosen = slice(start, min(outputs, start + most))
            name = prefix if outputs <= most else f"{prefix}_part{part}"
            requantization = operator.requantization
            per_output = requantization.shift.size > 1
            shift = requantization.shift[chosen] if per_output else requantization.shift
            if scaled and not per_output:
                shift = np.repeat(shift, chosen.stop - start)
            constants.append(Constant(f"{name}_weights", "int8_t", operator.weights[:, chosen].T.reshape(-1)))
            constants.append(Constant(f"{name}_bias", f"gc_acc{size}_t", bias[chosen]))
            constants.append(Constant(f"{name}_shift", "uint8_t", shift))
            biases.append(f"{name}_bias")
            if scaled:
                multiplier = requantization.multiplier[chosen if per_output else slice(None)]
                multiplier = multiplier if per_output else np.repeat(multiplier, chosen.stop - start)
                constants.append(Constant(f"{name}_multiplier", "int16_t", multiplier))
            constants.append(
                Structure.of(
                    name,
                    f"struct gc_dense_{size}",
                    weights=f"{name}_weights",
                    bias=f"{name}_bias",
                    multiplier=f"{name}_multiplier" if scaled else "0",
                    shift=f"{name}_shift",
                    inputs=count,
                    outputs=chosen.stop - start,
                    flip=flipped,
                    clamp=clamp(requantization),
                )
            )
            kernel = f"gc_k_dense_{'scale' if scaled else 'shift'}_{size}"
            target = output if start == 0 else f"{output} + {start}"
            statements.append(f"{kernel}({inputs[0]}, {target}, &{name});")
        return Code(tuple(constants), tuple(statements), ("gc_dense.h",), biases=tuple(biases))


def _start(site: Site, operator: IntegerDense) -> np.ndarray:
    return start(operator.bias, operator.weights, site.inputs[0], operator.requantization)


KERNELS = (DenseC(),)
