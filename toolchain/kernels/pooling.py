"""Pooling in portable C: windows side by side (in place), and windows at any distance that are cut off at the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.kernels.dense import clamp, has_multiplier, rounding
from toolchain.layers.base import Shape
from toolchain.layers.pooling import IntegerAveragePooling, IntegerMaxPooling, is_padded
from toolchain.layers.windows import padded_count, sliding_shape

Pooling = IntegerMaxPooling | IntegerAveragePooling
LARGEST = 32767  # an extent: the kernels count in 16 bits


def _operator(site: Site) -> Pooling:
    operator = site.layer.operator
    assert isinstance(operator, IntegerMaxPooling | IntegerAveragePooling)
    return operator


def _image(shape: Shape) -> Shape:
    """A sequence as an image of width 1."""
    return shape if len(shape) == 3 else (shape[0], 1, shape[1])


def _rule(operator: Pooling) -> Requantization | None:
    return operator.requantization if isinstance(operator, IntegerAveragePooling) else None


class _PoolC(Kernel):
    """Windows side by side: an output is written where its own window, or one before it, was read."""

    in_place = True
    operator: type[IntegerMaxPooling] | type[IntegerAveragePooling]
    function: str

    def fits(self, site: Site) -> bool:
        operator = site.layer.operator
        return (
            isinstance(operator, self.operator)
            and operator.size == operator.stride
            and not is_padded(site.inputs[0].shape, operator.size, operator.stride, operator.padding)
            and site.inputs[0].size <= LARGEST
        )

    def cost(self, site: Site) -> Cost:
        values = site.output.size * math.prod(_operator(site).size)
        lines = values // _operator(site).size[-1]
        largest = isinstance(site.layer.operator, IntegerMaxPooling)
        cycles = (17 if largest else 19) * values + 23 * lines + (70 if largest else 177) * site.output.size + 60
        return Cost.steady(cycles, 32, 260)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = _operator(site)
        shape = sliding_shape(site.inputs[0].shape, operator.size, operator.stride, operator.padding)
        rows, columns, channels = _image(shape)
        height, width = (*operator.size, 1)[:2]
        flipped, rule = flip(site.inputs[0]), _rule(operator)
        scaled = rule is not None and has_multiplier(rule)
        start = 0
        if rule is not None:
            start = (0 if scaled else int(rounding(rule)[0])) - flipped * height * width
        structure = Structure.of(
            prefix,
            "struct gc_pool",
            rows=rows,
            columns=columns,
            channels=channels,
            height=height,
            width=width,
            pitch=_image(site.inputs[0].shape)[1] * channels,
            flip=flipped,
            start=start,
            multiplier=int(rule.multiplier[0]) if scaled and rule else 0,
            shift=int(rule.shift[0]) if rule else 0,
            clamp=clamp(rule) if rule else "{0, 0, 0}",
        )
        return Code((structure,), (f"{self.function}({inputs[0]}, {output}, &{prefix});",), ("gc_pool.h",))


class MaxPoolC(_PoolC):
    """Window by window, channel by channel."""

    name = "max_pool_c"
    operator = IntegerMaxPooling
    function = "gc_k_max_pool"


class AveragePoolC(_PoolC):
    """Window by window, channel by channel, with a 24-bit sum."""

    name = "average_pool_c"
    operator = IntegerAveragePooling
    function = "gc_k_average_pool"


class _WindowC(Kernel):
    """Any distance between windows, any padding; each window is cut to what lies inside."""

    operator: type[IntegerMaxPooling] | type[IntegerAveragePooling]
    function: str

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, self.operator) and site.inputs[0].size <= LARGEST

    def cost(self, site: Site) -> Cost:
        operator = _operator(site)
        values = site.output.size * math.prod(operator.size)
        lines = values // operator.size[-1]
        rule = _rule(operator)
        cycles = (19 if rule else 17) * values + 23 * lines + (293 if rule else 113) * site.output.size + 100
        return Cost.steady(cycles, 40 + (3 * rule.multiplier.size if rule else 0), 420)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = _operator(site)
        rule = _rule(operator)
        constants: list[Constant | Structure] = []
        if rule is not None:
            factor = rule.multiplier.astype(np.int64)
            # A plain shift is a multiplier of 2^14: the same value, to the bit.
            shift = rule.shift if has_multiplier(rule) else rule.shift + 14
            factor = factor if has_multiplier(rule) else factor << 14
            constants += [
                Constant(f"{prefix}_multiplier", "int16_t", factor),
                Constant(f"{prefix}_shift", "uint8_t", shift),
            ]
        extents = _image(site.inputs[0].shape)
        axes = [
            self._axis(*axis, operator.padding)
            for axis in zip(extents, (*operator.size, 1)[:2], (*operator.stride, 1)[:2], strict=False)
        ]
        constants.append(
            Structure.of(
                prefix,
                "struct gc_window",
                rows=axes[0],
                columns=axes[1],
                channels=extents[2],
                flip=flip(site.inputs[0]),
                varies=int(rule is not None and rule.multiplier.size > 1),
                multiplier=f"{prefix}_multiplier" if rule else "0",
                shift=f"{prefix}_shift" if rule else "0",
                clamp=clamp(rule) if rule else "{0, 0, 0}",
            )
        )
        return Code(tuple(constants), (f"{self.function}({inputs[0]}, {output}, &{prefix});",), ("gc_pool.h",))

    @staticmethod
    def _axis(extent: int, size: int, stride: int, padding: str) -> str:
        count, before, _after = padded_count(extent, size, stride, padding)
        return f"{{{extent}, {count}, {size}, {stride}, {before}}}"


class MaxWindowC(_WindowC):
    """The largest of each window."""

    name = "max_window_c"
    operator = IntegerMaxPooling
    function = "gc_k_max_window"


class AverageWindowC(_WindowC):
    """The mean of each window over the values that lie inside, with a 24-bit sum."""

    name = "average_window_c"
    constant_time = False  # as avr-gcc compiles the product of 32 bits for speed
    operator = IntegerAveragePooling
    function = "gc_k_average_window"


KERNELS = (MaxPoolC(), AveragePoolC(), MaxWindowC(), AverageWindowC())
