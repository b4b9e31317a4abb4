"""From accumulators in registers to output bytes: shift or multiplication, clamp; the same time whatever the value.

The result is in r31, or in the accumulator's own register if that can take constants. r30 holds 0; r0 and r1 are free;
a multiplication uses r20 to r25 as well. Output codes are handled as unsigned bytes: if they may be negative, 128 more
than the code, until ``signed_result`` takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.ir.operators import Requantization
from toolchain.kernels.convolution_text import Text, little_endian
from toolchain.kernels.dense import has_multiplier, rounding
from toolchain.quantization.ranges import bits

PRODUCT = ["r20", "r21", "r22", "r23"]
FACTOR = ["r24", "r25"]
SUM = ["r10", "r11", "r12"]
RESULT = "r31"
SPILLED = range(20, 26)
"""The registers that a multiplication needs."""


@dataclass(frozen=True)
class Finish:
    """How the accumulators of a layer become codes.

    ``start`` (int64, one a filter) goes into the accumulators first; ``low`` and ``high`` bound what they then hold at
    the end. ``size`` is their width in bytes, 2 or 3.
    """

    rule: Requantization
    size: int
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def scaled(self) -> bool:
        return has_multiplier(self.rule)

    @property
    def offset(self) -> int:
        """What is added to output codes to make them unsigned."""
        return 128 if self.rule.low < 0 else 0

    def steps(self, filter_: int) -> int | None:
        """For a sum that is to fit into 16 bits: by how many output steps it is to be lower than it is.

        None: it does not fit, or the filter has a multiplier.
        """
        shift = int(self.rule.shift[0])
        low, high, limit = int(self.low[filter_]), int(self.high[filter_]), 1 << 15
        if self.scaled:
            return None
        if low >= -limit and high < limit:
            return 0
        steps = (low + high) // 2 >> shift
        inside = low - (steps << shift) >= -limit and high - (steps << shift) < limit
        return steps if inside and shift >= 8 and low >> shift >= -128 and high >> shift <= 127 else None

    def emit_lowered(self, text: Text, filter_: int, registers: list[str], steps: int) -> str:
        """``emit`` for a sum in 16 bits that is lower by ``steps`` output steps."""
        lower = steps << int(self.rule.shift[0])
        low, high = int(self.low[filter_]) - lower, int(self.high[filter_]) - lower
        return self._shift(text, registers, int(self.rule.shift[0]), low, high, steps)

    def emit(self, text: Text, filter_: int, registers: list[str]) -> str:
        """The code of one filter's accumulator (registers from the lowest byte up); returns the register it is in."""
        shift = int(np.broadcast_to(self.rule.shift, self.start.shape)[filter_])
        low, high = int(self.low[filter_]), int(self.high[filter_])
        if not self.scaled:
            return self._shift(text, registers, shift, low, high)
        multiplier = int(np.broadcast_to(self.rule.multiplier, self.start.shape)[filter_])
        term = self._load(text, multiplier, shift)
        self._multiply(text, registers)
        return self._shift(text, PRODUCT, shift - 8, (low * multiplier >> 8) + term, (high * multiplier >> 8) + term)

    def emit_call(self, text: Text, filter_: int, registers: list[str]) -> str:
        """``emit`` and ``signed_result`` by a routine that filters of one shift share; r10 to r12 are used as well."""
        shift = int(np.broadcast_to(self.rule.shift, self.start.shape)[filter_])
        text(f"movw r10, {registers[0]}", f"mov r12, {registers[2]}")
        self._load(text, int(np.broadcast_to(self.rule.multiplier, self.start.shape)[filter_]), shift)
        text(f"rcall .L{text.name}_finish{shift}")
        elsewhere = Text(text.name)
        result = self._routine(elsewhere, shift)
        text.count(elsewhere.mean, elsewhere.worst)
        return result

    def routines(self, text: Text) -> None:
        """The routines that ``emit_call`` calls."""
        for shift in sorted({int(one) for one in self.rule.shift}):
            text.label(f".L{text.name}_finish{shift}")
            self._routine(text, shift)

    def _routine(self, text: Text, shift: int) -> str:
        shifts = np.broadcast_to(self.rule.shift, self.start.shape)
        multiplier = np.broadcast_to(self.rule.multiplier, self.start.shape).astype(np.int64)
        term, alike = _term(self.rule, shift, self.offset), shifts == shift
        low, high = int((self.low * multiplier)[alike].min()), int((self.high * multiplier)[alike].max())
        self._multiply(text, SUM)
        result = self._shift(text, PRODUCT, shift - 8, (low >> 8) + term, (high >> 8) + term)
        self.signed_result(text, result)
        text("ret")
        return result

    def _load(self, text: Text, multiplier: int, shift: int) -> int:
        """A filter's constants into FACTOR and PRODUCT; returns what is added to its scaled accumulator.

        The accumulator was made unsigned by 2^(its bits - 1) in ``start``, which the constant takes back.
        """
        term = _term(self.rule, shift, self.offset)
        text.load(PRODUCT, little_endian(term - (1 << (8 * self.size - 9)) * multiplier, 4))
        text.load(FACTOR, little_endian(multiplier, 2))
        return term

    def _multiply(self, text: Text, registers: list[str]) -> None:
        """PRODUCT += floor(accumulator · FACTOR / 256).

        What is below 1/256 is dropped from the lowest byte's product alone, so that the floor is exact.
        """
        for index, register in enumerate(registers):
            for half, factor in enumerate(FACTOR):
                place = index + half - 1
                text(f"mul {register}, {factor}")
                if place < 0:
                    text("add r20, r1")
                else:
                    text(f"add {PRODUCT[place]}, r0")
                    if place < 3:
                        text(f"adc {PRODUCT[place + 1]}, r1")
                for carry in range(max(place + 2, 1), 4):
                    text(f"adc {PRODUCT[carry]}, r30")

    def _shift(self, text: Text, registers: list[str], shift: int, low: int, high: int, steps: int = 0) -> str:
        """clamp((registers >> shift) + steps), for values from ``low`` to ``high`` in the registers."""
        dropped, rest = divmod(min(shift, 8 * len(registers) - 1), 8)
        kept = registers[dropped:]
        wide = bits(low >> 8 * dropped, high >> 8 * dropped) + 8 - rest
        if rest > 4 and len(kept) > 1 and wide <= 8 * len(kept):
            for _ in range(8 - rest):
                text(f"lsl {kept[0]}", *(f"rol {register}" for register in kept[1:]))
            kept = kept[1:]
        else:
            for _ in range(rest):
                text(f"asr {kept[-1]}", *(f"ror {register}" for register in reversed(kept[:-1])))
        low, high = low >> shift, high >> shift
        while len(kept) > 2 and bits(low, high) <= 8 * len(kept) - 8:
            kept = kept[:-1]
        return self._clamp(text, kept, low, high, steps)

    def _clamp(self, text: Text, kept: list[str], low: int, high: int, steps: int) -> str:
        least, most = self.rule.low + self.offset, self.rule.high + self.offset
        if steps or len(kept) == 1 or (low >= 0 and high <= 255):
            result = kept[0]
            if int(result[1:]) < 16:
                result = RESULT
                text(f"mov {result}, {kept[0]}")
            if steps:
                low, high = low + steps, high + steps
                text(f"subi {result}, {-steps & 0xFF}")
            if low < 0:
                text(f"sbrc {result}, 7", f"ldi {result}, {least}")
        else:
            result, end = RESULT, text.fresh("clamped")
            text(f"ldi {result}, {most}", f"sbrc {kept[-1]}, 7", f"ldi {result}, {least}")
            text(*(f"or {kept[1]}, {register}" for register in kept[2:]), f"and {kept[1]}, {kept[1]}")
            text(f"brne {end}", f"mov {result}, {kept[0]}")
            text.label(end)
        if high > most and most < 255:
            if most == 127:
                text(f"sbrc {result}, 7", f"ldi {result}, 127")
            else:
                end = text.fresh("most")
                text(f"cpi {result}, {most + 1}", f"brlo {end}", f"ldi {result}, {most}")
                text.label(end)
        if low < least and least > 0:
            end = text.fresh("least")
            text(f"cpi {result}, {least}", f"brsh {end}", f"ldi {result}, {least}")
            text.label(end)
        return result

    def signed_result(self, text: Text, register: str) -> None:
        """The code itself from what ``emit`` left in ``register``."""
        if self.offset:
            text(f"subi {register}, 0x80")


def _term(rule: Requantization, shift: int, offset: int) -> int:
    """What a multiplication adds to the scaled accumulator: rounding and zero point."""
    return (1 << (shift - 9)) + (rule.zero_point + offset << (shift - 8))


def finish(
    rule: Requantization, start: np.ndarray, low: np.ndarray, high: np.ndarray, sizes: tuple[int, ...]
) -> Finish | None:
    """The narrowest accumulators of ``sizes`` bytes that do it, or None.

    ``start`` (int64) is what the accumulators begin with, ``low`` and ``high`` bound the accumulators at the end,
    biases included (all three one entry a filter), without rounding.
    """
    offset = 128 if rule.low < 0 else 0
    shift = np.broadcast_to(rule.shift, start.shape).astype(np.int64)
    if has_multiplier(rule):
        multiplier = np.broadcast_to(rule.multiplier, start.shape).astype(np.int64)
        if multiplier.min() < 0 or multiplier.max() >= 1 << 16 or shift.min() < 9:
            return None
        terms = np.array([_term(rule, int(one), offset) for one in shift])
        ends = [(low * multiplier >> 8) + terms, (high * multiplier >> 8) + terms]
        if bits(int(min(end.min() for end in ends)), int(max(end.max() for end in ends))) > 32:
            return None
        for size in sizes:
            if bits(int(low.min()), int(high.max())) <= 8 * size:
                return Finish(rule, size, start + (1 << (8 * size - 1)), low, high)
        return None
    added = rounding(rule) + (np.int64(rule.zero_point + offset) << shift)
    for size in sizes:
        if bits(int((low + added).min()), int((high + added).max())) <= 8 * size:
            return Finish(rule, size, start + added, low + added, high + added)
    return None
