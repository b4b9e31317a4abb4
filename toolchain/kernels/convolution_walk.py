"""The frame that assembly convolutions share: a function that walks over all windows, block of filters by block.

    r2 … r25   accumulators of a block's filters (2 or 3 bytes each)
    r26, r27   free during multiplication; the output pointer (X) afterwards
    r28, r29   the window's row in the input (Y)

Which rows and columns of a window lie outside of the input (padding) is one bit each in a register; two tables in flash
have the bits for each row and each column of windows. Between windows the state lies on the stack:

    row (in its loop) · bits of the row · column · bits · what Inner.prepare left · output pointer
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Site, flip
from toolchain.kernels.convolution import AnyConvolution, flat_weights, operator_of
from toolchain.kernels.convolution_finish import SPILLED, Finish, finish
from toolchain.kernels.convolution_text import JUMP, NEAR, Text
from toolchain.layers.convolution_geometry import as_image

SAVED = (*range(2, 18), 28, 29)
REGISTERS = [f"r{number}" for number in range(2, 26)]
FLAGS = 8


@dataclass(frozen=True)
class Geometry:
    """The windows of a layer in the terms of the walk; everything is known when the code is written."""

    rows: int
    columns: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    top: int
    left: int
    window_rows: int  # windows down and across, before pooling
    window_columns: int
    pool: int
    filters: int

    @property
    def pitch(self) -> int:
        """Bytes of one row of the input."""
        return self.columns * self.channels

    def outside(self, axis: int) -> dict[int, list[int]]:
        """For each row (axis 0) or column (axis 1) of a window that may lie outside: the windows where it does."""
        extent, count = ((self.rows, self.window_rows), (self.columns, self.window_columns))[axis]
        first = (self.top, self.left)[axis]
        found: dict[int, list[int]] = {}
        for place in range(self.kernel[axis]):
            at = [window * self.stride[axis] - first + place * self.dilation[axis] for window in range(count)]
            windows = [window for window, pixel in enumerate(at) if not 0 <= pixel < extent]
            if windows:
                found[place] = windows
        return found

    def inside(self) -> float:
        """The share of products whose pixel lies inside of the input."""
        share = 1.0
        for axis, count in ((0, self.window_rows), (1, self.window_columns)):
            share *= 1 - sum(map(len, self.outside(axis).values())) / (count * self.kernel[axis])
        return share


def geometry_of(site: Site) -> Geometry:
    operator = operator_of(site)
    rows, columns, channels = as_image(site.inputs[0].shape)
    down, across, filters = as_image(site.output.shape)
    return Geometry(
        rows, columns, channels, operator.kernel, (operator.stride[0], operator.stride[1]),
        (operator.dilation[0], operator.dilation[1]), operator.pads[0], operator.pads[2],
        down * operator.pool, across * operator.pool, operator.pool, filters,
    )  # fmt: skip


def pad_counts(site: Site) -> bool:
    """Whether pixels outside of the input are something else than 0, so that they cannot be left out."""
    operator, geometry = operator_of(site), geometry_of(site)
    padded = geometry.outside(0) or geometry.outside(1)
    return bool(padded) and (operator.pad_code != 0 or flip(site.inputs[0]) != 0)


def suits(site: Site) -> bool:
    """Whether the walk can do this layer: byte-sized loops, few bits of flags."""
    geometry = geometry_of(site)
    flags = len(geometry.outside(0)) + len(geometry.outside(1))
    return (
        max(geometry.window_rows, geometry.window_columns) <= 255
        and geometry.rows * geometry.pitch < 1 << 15
        and flags <= FLAGS
    )


def ends(site: Site, operator: AnyConvolution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start of the accumulators without rounding, and their bounds at the end (int64, one entry a filter)."""
    assert site.low is not None
    assert site.high is not None
    start = operator.bias.astype(np.int64) - flip(site.inputs[0]) * flat_weights(operator).sum(axis=0)
    return start, site.low, site.high


def finish_of(site: Site, sizes: tuple[int, ...] = (2, 3)) -> Finish | None:
    """How the layer's accumulators become codes in the narrowest registers, or None if these kernels cannot."""
    operator = operator_of(site)
    rule: Requantization = operator.requantization
    return finish(rule, *ends(site, operator), sizes)


def blocks(filters: int, size: int) -> list[list[int]]:
    """Filters in blocks that fit into the registers, as even as possible."""
    most = len(REGISTERS) // size
    count = -(-filters // most)
    return [list(map(int, block)) for block in np.array_split(np.arange(filters), count)]


class Inner(Protocol):
    """The part of the walk that multiplies."""

    @property
    def flags(self) -> str:
        """The register with the bits of what lies outside."""

    @property
    def kept(self) -> int:
        """Bytes that ``prepare`` leaves in r2, r3, …, to be there again when the next block begins."""

    @property
    def compact(self) -> bool:
        """Whether multiplications share routines; then accumulators begin with a pair, and have 3 bytes."""

    def registers(self, index: int, size: int) -> list[str]:
        """The accumulator of a block's filter ``index``, lowest byte first: 2 or 3 of r2 … r25."""

    def prepare(self, text: Text, walk: Walk) -> None:
        """What is done once for a window; Y is at its first row and stays, r26 and r27 are the output pointer."""

    def multiply(self, text: Text, block: list[int], walk: Walk) -> None:
        """The accumulators, starts included, of one block for one window.

        Y comes in at the window's first row and leaves ``kernel rows · dilation · pitch`` further; r30 leaves as 0.
        """


class Walk:
    """Writes the function."""

    def __init__(self, site: Site, name: str, finish: Finish, inner: Inner) -> None:
        self.site, self.name, self.finish, self.inner = site, name, finish, inner
        self.geometry = geometry_of(site)
        places = [(axis, place) for axis in (0, 1) for place in self.geometry.outside(axis)]
        self.bits = {place: bit for bit, place in enumerate(places)}

    def flag(self, axis: int, place: int) -> int | None:
        """The bit that says that a row (axis 0) or column of the window is outside; None if it never is."""
        return self.bits.get((axis, place))

    def write(self) -> Text:
        """The whole function with its tables."""
        text, at = Text(self.name), self.geometry
        text(*(f"push r{number}" for number in SAVED), "movw r28, r24", "movw r26, r22")
        text.advance(28, -(at.top * at.pitch + at.left * at.channels))
        text("ldi r25, 0")
        text.label(f".L{self.name}_row")
        with text.often(at.window_rows):
            self._row(text)
        text(*(f"pop r{number}" for number in reversed(SAVED)), "clr r1", "ret")
        return text

    def _row(self, text: Text) -> None:
        at, padded = self.geometry, bool(self.bits)
        if at.pool > 1:
            self._clear(text)
        if padded:
            text(*self._look_up("rows", 25), "mov r23, r0")
        text("push r25", "ldi r24, 0")
        text.label(f".L{self.name}_column")
        with text.often(at.window_columns):
            if padded:
                text(*self._look_up("columns", 24), "mov r31, r0", "or r31, r23", "push r23", "push r24", "push r31")
            else:
                text("push r24")
            self._window(text)
            if padded:
                text("pop r31", "pop r24", "pop r23")
            else:
                text("pop r24")
            text.advance(28, at.stride[1] * at.channels)
            text("inc r24")
            if at.pool > 1:
                self._step_back(text, 24, at.pool, at.filters)
            text(f"cpi r24, {at.window_columns}")
            self._loop(text, f".L{self.name}_column")
        text("pop r25")
        text.advance(28, at.stride[0] * at.pitch - at.window_columns * at.stride[1] * at.channels)
        text("inc r25")
        if at.pool > 1:
            self._step_back(text, 25, at.pool, at.filters * (at.window_columns // at.pool))
        text(f"cpi r25, {at.window_rows}")
        self._loop(text, f".L{self.name}_row")

    def _step_back(self, text: Text, counter: int, pool: int, by: int) -> None:
        """The output pointer stays for another window of the pool, unless the counter is a multiple of its side."""
        end = text.fresh("stay")
        if pool & (pool - 1) == 0:
            text(f"mov r0, r{counter}", f"ldi r31, {pool - 1}", "and r0, r31", f"breq {end}")
        else:
            again = text.fresh("modulo")
            text(f"mov r31, r{counter}")
            text.label(again)
            text(f"subi r31, {pool}", f"breq {end}", f"brcc {again}")
        text.advance(26, -by)
        text.label(end)

    def _clear(self, text: Text) -> None:
        """The least code into a row of outputs, for pooling to take the largest; only where a row of pools begins."""
        at, end, again = self.geometry, text.fresh("cleared"), text.fresh("clear")
        count = at.filters * (at.window_columns // at.pool)
        if at.pool & (at.pool - 1) == 0:
            text("mov r0, r25", f"ldi r31, {at.pool - 1}", "and r0, r31", f"brne {end}")
        else:
            modulo = text.fresh("modulo")
            text("mov r31, r25")
            text.label(modulo)
            text(f"subi r31, {at.pool}", f"brcc {modulo}", f"subi r31, {256 - at.pool}", f"brne {end}")
        text("movw r30, r26", f"ldi r18, {self.finish.rule.low & 0xFF}")
        text(f"ldi r24, {count & 0xFF}", f"ldi r23, {(count >> 8) + (1 if count & 0xFF else 0)}")
        text.label(again)
        with text.often(count / at.pool):
            text("st Z+, r18", "dec r24", f"brne {again}")
        text("dec r23", f"brne {again}")
        text.label(end)

    def _look_up(self, table: str, index: int) -> list[str]:
        where = f".L{self.name}_{table}"
        return [
            f"ldi r30, lo8({where})", f"ldi r31, hi8({where})", f"add r30, r{index}", "brcc .+2", "inc r31", "lpm r0, Z"
        ]  # fmt: skip

    def _loop(self, text: Text, start: str) -> None:
        """Back to the start of a long loop while the comparison before says not equal."""
        end = text.fresh("end")
        text(f"breq {end}", f"jmp {start}")
        text.label(end)

    def _window(self, text: Text) -> None:
        """Sums, then outputs, block after block. The output pointer stays in X."""
        at, kept = self.geometry, [f"r{2 + index}" for index in range(self.inner.kept)]
        self.inner.prepare(text, self)
        groups = blocks(at.filters, self.finish.size)
        for number, block in enumerate(groups):
            if number:
                text(*(f"pop {register}" for register in reversed(kept)))
                if self.bits:
                    text("pop r31", "push r31")
            text(*(f"push {register}" for register in kept), "push r26", "push r27")
            if self.bits and self.inner.flags != "r31":
                text(f"mov {self.inner.flags}, r31")
            self.inner.multiply(text, block, self)
            self._outputs(text, block)
            text.advance(28, -at.kernel[0] * at.dilation[0] * at.pitch)
        text(*(f"pop {register}" for register in reversed(kept)))

    def _outputs(self, text: Text, block: list[int]) -> None:
        """Requantize and store a block; accumulators in registers that this takes wait on the stack."""
        places = [self.inner.registers(index, self.finish.size) for index in range(len(block))]
        taken = {f"r{number}" for number in SPILLED} if self.finish.scaled else set()
        waiting = [index for index, place in enumerate(places) if taken.intersection(place)]
        ready = [index for index in range(len(block)) if index not in waiting]
        spilled = [register for index in waiting for register in places[index]]
        free = [register for index in ready for register in places[index]][: len(spilled)]
        assert len(free) == len(spilled)
        assert not ready or not waiting or ready[-1] < waiting[0]
        text("pop r27", "pop r26", *(f"push {register}" for register in spilled))
        for index in ready:
            self._output(text, block[index], places[index])
        text(*(f"pop {register}" for register in reversed(free)))
        for number, index in enumerate(waiting):
            place = free[number * self.finish.size : (number + 1) * self.finish.size]
            self._output(text, block[index], place)

    def _output(self, text: Text, filter_: int, registers: list[str]) -> None:
        if self.inner.compact and self.finish.scaled:
            result = self.finish.emit_call(text, filter_, registers)
        else:
            result = self.finish.emit(text, filter_, registers)
            self.finish.signed_result(text, result)
        self._store(text, result)

    def _store(self, text: Text, result: str) -> None:
        if self.geometry.pool > 1:
            end = text.fresh("largest")
            text(
                "ld r0, X", f"cp {result}, r0", f"{'brge' if self.finish.offset else 'brsh'} {end}", f"mov {result}, r0"
            )
            text.label(end)
        text(f"st X+, {result}")

    def tables(self) -> str:
        """The tables of flags, in flash."""
        if not self.bits:
            return ""
        lines = ['        .section .progmem.data, "a", @progbits']
        counts = (self.geometry.window_rows, self.geometry.window_columns)
        for axis, (table, count) in enumerate(zip(("rows", "columns"), counts, strict=True)):
            flags = [0] * count
            for place, windows in self.geometry.outside(axis).items():
                for window in windows:
                    flags[window] |= 1 << self.bits[axis, place]
            lines += [f".L{self.name}_{table}:", f"        .byte {', '.join(map(str, flags))}"]
        return "\n".join(lines) + "\n"


def skip_if_outside(text: Text, flags: str, bit: int | None, target: str, words: int) -> None:
    """Jump over the code of a row or column of the window that lies outside."""
    if bit is not None:
        text(f"sbrc {flags}, {bit}", f"{'rjmp' if words < JUMP else 'jmp'} {target}")


def skip_if_zero(text: Text, target: str, words: int) -> None:
    """Jump over the products of the pixel in r26 if it is 0."""
    text("tst r26")
    if words < NEAR:
        text(f"breq {target}")
    else:
        text("brne .+2", f"rjmp {target}")
