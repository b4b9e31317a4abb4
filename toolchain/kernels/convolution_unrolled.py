"""Convolution with its weights as immediates in straight-line code: a block of filters in registers, pixel by pixel.

A product costs LDI (1), MUL (2) and an addition of two or three bytes; its sign is known, weights of 0 cost nothing,
and filters of a block with equal magnitudes share a product. A pixel of 0 is one test, if time may depend on data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.kernels.base import Code, Cost, Kernel, Site, flip
from toolchain.kernels.convolution import AnyConvolution, ConvolutionC, operator_of
from toolchain.kernels.convolution_text import Text, little_endian
from toolchain.kernels.convolution_walk import (
    REGISTERS,
    Walk,
    finish_of,
    pad_counts,
    skip_if_outside,
    skip_if_zero,
    suits,
)
from toolchain.layers.convolution import IntegerConvolution

REACH = 63
"""The largest displacement of LDD."""
MOST_WEIGHTS = 4096
"""Beyond, the code of one layer would take 40 KB of flash, which no chip has to spare."""


def mixing_weights(operator: AnyConvolution) -> np.ndarray:
    """The weights (height, width, channels, filters); those of a depthwise convolution are 0 between channels."""
    if isinstance(operator, IntegerConvolution):
        return operator.weights
    height, width, channels, multiplier = operator.weights.shape
    full = np.zeros((height, width, channels, channels, multiplier), operator.weights.dtype)
    every = np.arange(channels)
    full[:, :, every, every] = operator.weights
    return full.reshape(height, width, channels, channels * multiplier)


class Unrolled(Kernel):
    """Any convolution; ``operator`` says which, ``portable`` is its twin in C."""

    operator: type[AnyConvolution] = IntegerConvolution
    portable: Kernel = ConvolutionC()
    skips: bool

    def fits(self, site: Site) -> bool:
        operator = site.layer.operator
        return (
            isinstance(operator, self.operator)
            and operator.weights.size <= MOST_WEIGHTS
            and operator.weights.shape[2] <= REACH + 1
            and not (self.skips and flip(site.inputs[0]))
            and suits(site)
            and finish_of(site) is not None
        )

    def cost(self, site: Site) -> Cost:
        _walk, text = _written(site, self.skips)
        return Cost(round(text.mean), round(text.worst), 2 * text.words, 0, 24)

    def distance(self, site: Site) -> int | None:
        return self.portable.distance(site)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        walk, text = _written(site, self.skips)
        portable = self.portable.emit(site, prefix, inputs, output)
        return assembled(text, walk.tables(), prefix, inputs, output, portable)


class ConvolutionUnrolled(Unrolled):
    """Every pixel is multiplied."""

    name = "convolution_unrolled"
    skips = False


class ConvolutionUnrolledSkip(Unrolled):
    """Pixels of 0 are skipped."""

    name = "convolution_unrolled_skip"
    skips = True
    constant_time = False


def assembled(text: Text, tables: str, prefix: str, inputs: Sequence[str], output: str, portable: Code) -> Code:
    """The call of a function of this network alone, and of its portable twin where there is no such assembly."""
    name = "gc_k_" + prefix.removeprefix("gc_w_")
    body = text.render().replace(f".L{text.name}_", f".L{name}_")
    tables = tables.replace(f".L{text.name}_", f".L{name}_")
    assembly = f'#include "gc_asm.h"\n\n{tables}GC_FUNCTION {name}\n{body}GC_END {name}\n'
    statements = (
        "#if defined __AVR__ && !defined GC_PORTABLE",
        f"void {name}(const uint8_t *x, uint8_t *y);",
        f"{name}({inputs[0]}, {output});",
        "#else",
        *portable.statements,
        "#endif",
    )
    return Code(portable.constants, statements, portable.headers, assembly)


def _written(site: Site, skips: bool) -> tuple[Walk, Text]:
    finish = finish_of(site)
    assert finish is not None
    walk = Walk(site, "convolution", finish, _Immediates(skips))
    return walk, walk.write()


@dataclass(frozen=True)
class _Immediates:
    """r26 the pixel, r27 the weight's magnitude, r30 0, r31 the bits of what is outside."""

    skips: bool
    flags: str = "r31"
    kept: int = 0
    compact: bool = False

    def registers(self, index: int, size: int) -> list[str]:
        return REGISTERS[size * index : size * index + size]

    def prepare(self, text: Text, walk: Walk) -> None:
        pass

    def multiply(self, text: Text, block: list[int], walk: Walk) -> None:
        at, size = walk.geometry, walk.finish.size
        weights = mixing_weights(operator_of(walk.site))
        start = [byte for f in block for byte in little_endian(int(walk.finish.start[f]), size)]
        text.load(REGISTERS[: size * len(block)], start)
        text("ldi r30, 0")
        for row in range(at.kernel[0]):
            end = text.fresh("row")
            share = 1.0
            if not pad_counts(walk.site):
                share = 1 - len(at.outside(0).get(row, ())) / at.window_rows
                words = 12 + at.kernel[1] * at.channels * (4 + 6 * len(block))
                skip_if_outside(text, self.flags, walk.flag(0, row), end, words)
            with text.often(share):
                base = 0
                for column in range(at.kernel[1]):
                    first = column * at.dilation[1] * at.channels
                    if first + at.channels - 1 - base > REACH:
                        text.advance(28, first - base)
                        base = first
                    self._column(text, block, walk, weights[row, column], (row, column, first - base))
                if base:
                    text.advance(28, -base)
            text.label(end)
            text.advance(28, at.dilation[0] * at.pitch)

    def _column(self, text: Text, block: list[int], walk: Walk, weights: np.ndarray, place: tuple[int, ...]) -> None:
        """A pixel of the window: ``weights`` (channels, filters); ``place`` is its row, column and distance from Y."""
        at, (row, column, offset), source = walk.geometry, place, walk.site.inputs[0]
        end, share = text.fresh("column"), 1.0
        if not pad_counts(walk.site):
            share = 1 - len(at.outside(1).get(column, ())) / at.window_columns
            skip_if_outside(text, self.flags, walk.flag(1, column), end, at.channels * (4 + 6 * len(block)))
        with text.often(share):
            for channel in range(at.channels):
                chosen = {index: int(weights[channel, filter_]) for index, filter_ in enumerate(block)}
                if not any(chosen.values()):
                    continue
                zero = text.fresh("zero")
                self._load(text, walk, (row, column), offset + channel)
                if flip(source):
                    text("subi r26, 0x80")
                if self.skips:
                    skip_if_zero(text, zero, 6 * len(block))
                with text.often(source.nonzero if self.skips else 1.0, 1.0):
                    self._products(text, chosen, walk.finish.size)
                text.label(zero)
        text.label(end)

    def _load(self, text: Text, walk: Walk, place: tuple[int, int], offset: int) -> None:
        """A pixel into r26, or what stands for it if it is outside and counts; memory outside is never read."""
        load = f"ldd r26, Y+{offset}"
        bits = [bit for axis in (0, 1) if (bit := walk.flag(axis, place[axis])) is not None]
        if not bits or not pad_counts(walk.site):
            text(load)
            return
        end = text.fresh("inside")
        text(f"ldi r26, {operator_of(walk.site).pad_code & 0xFF}")
        for bit in bits[1:]:
            text(f"sbrc {self.flags}, {bit}", f"rjmp {end}")
        text(f"sbrs {self.flags}, {bits[0]}", load)
        text.label(end)

    def _products(self, text: Text, weights: dict[int, int], size: int) -> None:
        """The products of the pixel in r26 with the weights of a block."""
        for magnitude in sorted({abs(weight) for weight in weights.values()} - {0}):
            product = ["r0", "r1", "r30"]
            if magnitude == 1:
                product = ["r26", "r30", "r30"]
            else:
                text(f"ldi r27, {magnitude}", "mul r26, r27")
            for index, weight in weights.items():
                if abs(weight) == magnitude:
                    names = ("add", "adc", "adc") if weight > 0 else ("sub", "sbc", "sbc")
                    for name, register, source in zip(names, self.registers(index, size), product, strict=False):
                        text(f"{name} {register}, {source}")


KERNELS = (ConvolutionUnrolled(), ConvolutionUnrolledSkip())
