"""Convolution with its weights in a table in flash: 1 byte and 8 cycles a product, eight filters in registers.

    lpm r0,Z+ · mul r0,r26 · sub lo,r0 · sbc mid,r1 · sbci high,0

The table holds 128 - w, so that everything is unsigned: Σ x·w = 128·Σ x - Σ x·(128 - w). Σ x is summed up once for a
window and goes into the accumulators of every block first. One routine multiplies a run of pixels by all filters of a
block; all rows, columns and blocks share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolchain.kernels.base import FLASH_OBJECT_LIMIT, Code, Cost, Kernel, Site, flip
from toolchain.kernels.convolution import ConvolutionC, flat_weights, operator_of
from toolchain.kernels.convolution_text import Text, little_endian
from toolchain.kernels.convolution_unrolled import assembled
from toolchain.kernels.convolution_walk import Walk, blocks, finish_of, pad_counts, skip_if_outside, suits
from toolchain.layers.convolution import IntegerConvolution

PORTABLE = ConvolutionC()
LOW = ["r2", "r4", "r6", "r8", "r10", "r12", "r14", "r24"]
RUN = 8
"""Pixels that the routine multiplies at most: what calling it costs is shared by so many."""


class _Table(Kernel):
    skips: bool

    def fits(self, site: Site) -> bool:
        operator = site.layer.operator
        return (
            isinstance(operator, IntegerConvolution)
            and int(operator.weights.min()) >= -127
            and operator.weights.size <= FLASH_OBJECT_LIMIT
            and operator.weights[..., 0].size * 255 < 1 << 16
            and not (self.skips and flip(site.inputs[0]))
            and suits(site)
            and not pad_counts(site)
            and finish_of(site, (3,)) is not None
        )

    def cost(self, site: Site) -> Cost:
        _walk, text = _written(site, self.skips)
        size = 2 * text.words + operator_of(site).weights.size
        return Cost(round(text.mean), round(text.worst), size, 0, 34)

    def distance(self, site: Site) -> int | None:
        return PORTABLE.distance(site)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        walk, text = _written(site, self.skips)
        code = assembled(text, walk.tables(), prefix, inputs, output, PORTABLE.emit(site, prefix, inputs, output))
        return replace(code, assembly=_table(walk, prefix) + code.assembly.replace("gc_w_table", f"{prefix}_table"))


class ConvolutionTable(_Table):
    """Every pixel is multiplied."""

    name = "convolution_table"
    skips = False


class ConvolutionTableSkip(_Table):
    """Pixels of 0 are skipped."""

    name = "convolution_table_skip"
    skips = True
    constant_time = False


def _written(site: Site, skips: bool) -> tuple[Walk, Text]:
    finish = finish_of(site, (3,))
    assert finish is not None
    inner = _Stream(skips, _run(site))
    walk = Walk(site, "convolution", finish, inner)
    text = walk.write()
    inner.routines(text, walk)
    return walk, text


def _run(site: Site) -> int:
    """How many pixels in a row one call of the routine takes: a divisor of the channels."""
    channels = operator_of(site).weights.shape[2]
    return max(divisor for divisor in range(1, RUN + 1) if channels % divisor == 0)


def _table(walk: Walk, prefix: str) -> str:
    """128 - w, block by block, in each the window's pixels, in each the block's filters."""
    weights = 128 - flat_weights(operator_of(walk.site))
    groups = blocks(walk.geometry.filters, 3)
    values = np.concatenate([weights[:, group].reshape(-1) for group in groups])
    rows = [", ".join(map(str, values[start : start + 24])) for start in range(0, len(values), 24)]
    body = "".join(f"        .byte {row}\n" for row in rows)
    name = f"{prefix}_table"
    return (
        f'        .section .progmem.data.{name}, "a", @progbits\n        .type {name}, @object\n{name}:\n{body}'
        f"        .size {name}, . - {name}\n"
    )


@dataclass(frozen=True)
class _Stream:
    """r26 the pixel, r27 the bits of what is outside, Z the table."""

    skips: bool
    run: int
    flags: str = "r27"
    kept: int = 3
    compact: bool = True

    def registers(self, index: int, size: int) -> list[str]:
        low = int(LOW[index][1:])
        return [f"r{low}", f"r{low + 1}", f"r{16 + index}"]

    def prepare(self, text: Text, walk: Walk) -> None:
        """r4:r3:r2 = 128 · Σ x."""
        at = walk.geometry
        text("clr r2", "clr r3", "clr r4")
        if flip(walk.site.inputs[0]):
            text("ldi r25, 0x80")
        for row in range(at.kernel[0]):
            end = text.fresh("sumrow")
            share = 1 - len(at.outside(0).get(row, ())) / at.window_rows
            skip_if_outside(text, "r31", walk.flag(0, row), end, at.kernel[1] * 6)
            with text.often(share):
                if row * at.dilation[0] * at.pitch:
                    text.advance(28, row * at.dilation[0] * at.pitch)
                for column in range(at.kernel[1]):
                    self._sum(text, walk, column)
                text.advance(28, -((at.kernel[1] - 1) * at.dilation[1] + 1) * at.channels)
                text.advance(28, -row * at.dilation[0] * at.pitch)
            text.label(end)
        text("lsr r3", "ror r2", "ror r4", "mov r0, r4", "mov r4, r3", "mov r3, r2", "mov r2, r0")

    def _sum(self, text: Text, walk: Walk, column: int) -> None:
        """r3:r2 += the pixel's channels; Y goes on to the next column."""
        at = walk.geometry
        skipped, end = text.fresh("sumskip"), text.fresh("sumcolumn")
        step = at.dilation[1] * at.channels if column + 1 < at.kernel[1] else at.channels
        bit = walk.flag(1, column)
        if bit is not None:
            text(f"sbrc r31, {bit}", f"rjmp {skipped}")
        for _ in range(at.channels // self.run):
            text(f"rcall .L{walk.name}_sum")
            text.count(4 * self.run + 4, 4 * self.run + 4)
        if step != at.channels:
            text.advance(28, step - at.channels)
        if bit is not None:
            text(f"rjmp {end}")
            text.label(skipped)
            text.advance(28, step)
            text.label(end)

    def multiply(self, text: Text, block: list[int], walk: Walk) -> None:
        at = walk.geometry
        order = [register for index in range(len(block)) for register in self.registers(index, 3)]
        text("movw r0, r2", "mov r26, r4")
        start = {
            register: byte
            for index, filter_ in enumerate(block)
            for register, byte in zip(
                self.registers(index, 3), little_endian(int(walk.finish.start[filter_]), 3), strict=True
            )
        }
        order = sorted(order, key=lambda register: int(register[1:]))
        text.load(order, [start[register] for register in order], 30)
        for index in range(len(block)):
            low, middle, high = self.registers(index, 3)
            text(f"add {low}, r0", f"adc {middle}, r1", f"adc {high}, r26")
        groups = blocks(at.filters, 3)
        before = sum(len(group) for group in groups[: groups.index(block)]) * at.kernel[0] * at.kernel[1] * at.channels
        text(f"ldi r30, lo8(gc_w_table + {before})", f"ldi r31, hi8(gc_w_table + {before})")
        for row in range(at.kernel[0]):
            self._row(text, block, walk, row)
        text("ldi r30, 0")

    def _row(self, text: Text, block: list[int], walk: Walk, row: int) -> None:
        at = walk.geometry
        outside, end = text.fresh("rowout"), text.fresh("row")
        bit = walk.flag(0, row)
        weights = at.kernel[1] * at.channels * len(block)
        advanced = ((at.kernel[1] - 1) * at.dilation[1] + 1) * at.channels
        share = 1 - len(at.outside(0).get(row, ())) / at.window_rows
        skip_if_outside(text, self.flags, bit, outside, at.kernel[1] * 16)
        with text.often(share):
            for column in range(at.kernel[1]):
                self._column(text, block, walk, column)
            text.advance(28, at.dilation[0] * at.pitch - advanced)
        if bit is not None:
            text(f"rjmp {end}")
            text.label(outside)
            text.advance(30, weights)
            text.advance(28, at.dilation[0] * at.pitch)
            text.label(end)

    def _column(self, text: Text, block: list[int], walk: Walk, column: int) -> None:
        at = walk.geometry
        skipped, end = text.fresh("columnout"), text.fresh("column")
        bit = walk.flag(1, column)
        step = at.dilation[1] * at.channels if column + 1 < at.kernel[1] else at.channels
        if bit is not None:
            text(f"sbrc {self.flags}, {bit}", f"rjmp {skipped}")
        share = 1 - len(at.outside(1).get(column, ())) / at.window_columns
        with text.often(share):
            for _ in range(at.channels // self.run):
                text(f"rcall {self._routine(walk, len(block))}")
                self._account(text, walk, len(block))
        if step != at.channels:
            text.advance(28, step - at.channels)
        if bit is not None:
            text(f"rjmp {end}")
            text.label(skipped)
            text.advance(30, at.channels * len(block))
            text.advance(28, step)
            text.label(end)

    def _routine(self, walk: Walk, filters: int) -> str:
        return f".L{walk.name}_run{filters}"

    def _account(self, text: Text, walk: Walk, filters: int) -> None:
        """Counts the cycles of one call, which is written elsewhere."""
        nonzero = walk.site.inputs[0].nonzero if self.skips else 1.0
        test = 3 if self.skips else 0
        most = self.run * (2 + test + 8 * filters) + 4
        mean = self.run * (2 + test + nonzero * 8 * filters + (1 - nonzero) * 3) + 4
        text.count(mean, most)

    def routines(self, text: Text, walk: Walk) -> None:
        """The routines, after the end of the function."""
        with text.often(0):
            if walk.finish.scaled:
                walk.finish.routines(text)
            text.label(f".L{walk.name}_sum")
            for _ in range(self.run):
                text("ld r0, Y+", *(("eor r0, r25",) if flip(walk.site.inputs[0]) else ()), "add r2, r0", "adc r3, r4")
            text("ret")
            for filters in sorted({len(block) for block in blocks(walk.geometry.filters, 3)}):
                text.label(self._routine(walk, filters))
                for _ in range(self.run):
                    self._pixel(text, walk, filters)
                text("ret")

    def _pixel(self, text: Text, walk: Walk, filters: int) -> None:
        text("ld r26, Y+")
        if flip(walk.site.inputs[0]):
            text("subi r26, 0x80")
        end = text.fresh("pixel")
        if self.skips:
            some = text.fresh("some")
            text("tst r26", f"brne {some}", f"adiw r30, {filters}", f"rjmp {end}")
            text.label(some)
        for index in range(filters):
            low, middle, high = self.registers(index, 3)
            text("lpm r0, Z+", "mul r0, r26", f"sub {low}, r0", f"sbc {middle}, r1", f"sbci {high}, 0")
        text.label(end)


KERNELS = (ConvolutionTable(), ConvolutionTableSkip())
