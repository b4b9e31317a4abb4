"""3 × 3 convolution of a one-channel picture with 2 × 2 max pooling: the 4 × 4 pixels below one output in registers.

    r2 … r17              the pixels, rows first; moving on by two columns is four MOVW and eight loads
    r19:r18 … r25:r24     lower bytes of the four windows' sums
    r26, r27, r30, r31    their high bytes; r28 the weight, an immediate; r29 0
    r26, r27              the weight and 0, where sums have no third byte and Y stays the output pointer

One weight serves four windows. Sums have 16 bits where the filter's weights prove that enough; else the weights of one
sign come first, as long as their sum cannot leave 16 bits, and only the others carry into a third byte. The largest of
the four sums is requantized.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolchain.kernels.base import Code, Cost, Kernel, Site, flip
from toolchain.kernels.convolution import ConvolutionC, operator_of
from toolchain.kernels.convolution_finish import RESULT, Finish
from toolchain.kernels.convolution_text import JUMP, Text
from toolchain.kernels.convolution_unrolled import assembled
from toolchain.kernels.convolution_walk import SAVED, Geometry, finish_of, geometry_of
from toolchain.layers.convolution import IntegerConvolution

PORTABLE = ConvolutionC()
LOW = (18, 20, 22, 24)
HIGH = (26, 27, 30, 31)
RESULTS = (2, 3, 6, 7, 10, 11, 14, 15, *range(18, 26))
"""Registers for the outputs of one place: all but the pixels that are kept and the pointers."""
LIMIT = 1 << 15
SMOOTH = 2.5
"""How many times more patches than pixels are not blank, in pictures."""


class _Patch(Kernel):
    skips: bool

    def fits(self, site: Site) -> bool:
        operator = site.layer.operator
        if not isinstance(operator, IntegerConvolution) or len(site.inputs[0].shape) != 3:
            return False
        at = geometry_of(site)
        return (
            operator.weights.shape[:3] == (3, 3, 1)
            and at.pool == 2
            and at.stride == at.dilation == (1, 1)
            and at.filters <= len(RESULTS)
            and max(at.rows, at.columns) <= 255
            and max(at.top, at.left) <= 1
            and operator.pad_code == 0
            and not flip(site.inputs[0])
            and finish_of(site, (3,)) is not None
        )

    def cost(self, site: Site) -> Cost:
        text = _Writer(site, self.skips).write()
        return Cost(round(text.mean), round(text.worst), 2 * text.words, 0, 28 + site.output.shape[-1])

    def distance(self, site: Site) -> int | None:
        return PORTABLE.distance(site)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        text = _Writer(site, self.skips).write()
        portable = PORTABLE.emit(site, prefix, inputs, output)
        return assembled(text, "", prefix, inputs, output, portable)


class ConvolutionPatch(_Patch):
    """Every patch is computed."""

    name = "convolution_patch"
    skips = False


class ConvolutionPatchSkip(_Patch):
    """A patch of zeros gives outputs that are known."""

    name = "convolution_patch_skip"
    skips = True
    constant_time = False


@dataclass(frozen=True)
class _Filter:
    """How a filter's sums are made: taps (row, column, weight) in their order, and where the third byte begins.

    ``negated``: the sums have the opposite sign. ``carry`` is the number of taps before the third byte is needed; None:
    it never is. ``start`` is added, at first or where the third byte begins.
    """

    taps: tuple[tuple[int, int, int], ...]
    negated: bool
    carry: int | None
    start: int = 0

    @property
    def price(self) -> int:
        """Cycles beyond those of sums of 16 bits that begin with 0."""
        carries = 14 + 4 * (len(self.taps) - self.carry) if self.carry is not None else 0
        return carries + 3 * self.negated + (8 if self.start else 0)


def _plan(weights: np.ndarray, high: int) -> _Filter:
    """The cheapest order for the weights (3, 3) of a filter and pixels up to ``high``."""
    taps = [(row, column, int(weights[row, column])) for row in range(3) for column in range(3) if weights[row, column]]
    plans = []
    for negated in (False, True):
        signed = sorted(((r, c, -w if negated else w) for r, c, w in taps), key=lambda tap: abs(tap[2]))
        plus, minus = [tap for tap in signed if tap[2] > 0], [tap for tap in signed if tap[2] < 0]
        if not plus:
            continue
        ordered = (*plus, *minus)
        most, least = high * sum(tap[2] for tap in plus), high * sum(tap[2] for tap in minus)
        if most - least < 2 * LIMIT:
            small = max(most, -least) < LIMIT
            plans.append(_Filter(ordered, negated, None, 0 if small else -LIMIT - least))
        sums = np.cumsum([tap[2] for tap in plus]) * high
        plans.append(_Filter(ordered, negated, max(1, int(np.count_nonzero(sums < 2 * LIMIT)))))
        plans += _mixed(signed, negated, high)
    return min(plans, key=lambda plan: plan.price)


def _mixed(taps: list[tuple[int, int, int]], negated: bool, high: int) -> list[_Filter]:
    """Small weights of both signs first (``taps`` come in that order), then a start that makes their sums positive."""
    count = int(np.count_nonzero(np.cumsum([abs(tap[2]) for tap in taps]) * high < 2 * LIMIT))
    group, rest = taps[:count], taps[count:]
    plus, minus = [tap for tap in group if tap[2] > 0], [tap for tap in group if tap[2] < 0]
    if not plus or not rest:
        return []
    return [_Filter((*plus, *minus, *rest), negated, count, -high * sum(tap[2] for tap in minus))]


class _Writer:
    def __init__(self, site: Site, skips: bool) -> None:
        self.site, self.skips = site, skips
        self.at: Geometry = geometry_of(site)
        self.weights = operator_of(site).weights[:, :, 0]
        finish = finish_of(site, (3,))
        assert finish is not None
        self.finish: Finish = finish
        self.bottom = self.at.window_rows + 2 - self.at.top > self.at.rows
        self.right = self.at.window_columns + 2 - self.at.left > self.at.columns
        self.edges = bool(self.at.top or self.at.left or self.bottom or self.right)

    def write(self) -> Text:
        """The function. Z is the input, Y the output; r26 counts columns, r27 rows (on the stack if no edge asks)."""
        text, at = Text("patch"), self.at
        down, across = at.window_rows // 2, at.window_columns // 2
        text(*(f"push r{number}" for number in SAVED), "movw r30, r24", "movw r28, r22", "clr r1")
        if at.top:
            text.advance(30, -at.columns)
        text(f"ldi r27, {down}")
        text.label(".Lpatch_row")
        with text.often(down):
            self._first_columns(text)
            text(*(() if self.edges else ("push r27",)), f"ldi r26, {across}")
            text.label(".Lpatch_column")
            with text.often(across):
                self._next_columns(text)
                before = text.words
                self._place(text)
                far = text.words - before > JUMP
                text("dec r26", "breq .Lpatch_last", f"{'jmp' if far else 'rjmp'} .Lpatch_column")
                text.label(".Lpatch_last")
            text.advance(30, 2 * at.columns - 2 * across - 2 + at.left)
            text(*(() if self.edges else ("pop r27",)), "dec r27", "breq .Lpatch_end", "jmp .Lpatch_row")
            text.label(".Lpatch_end")
        text(*(f"pop r{number}" for number in reversed(SAVED)), "clr r1", "ret")
        return text

    def _rows(self, text: Text) -> list[tuple[int, str | None]]:
        """For each row of the patch its offset from Z, and the condition under which it is outside."""
        down = self.at.window_rows // 2
        top = f"cpi r27, {down}" if self.at.top else None
        bottom = "cpi r27, 1" if self.bottom else None
        return [(row * self.at.columns, (top, None, None, bottom)[row]) for row in range(4)]

    def _load(self, text: Text, columns: Sequence[int]) -> None:
        """The next pixels of each row into ``columns`` of the patch; Z goes on. Rows outside are 0."""
        place = 0
        for row, (offset, outside) in enumerate(self._rows(text)):
            registers = [f"r{2 + 4 * row + column}" for column in columns]
            skip = text.fresh("outside")
            if offset - place + len(columns) > 64:
                text.advance(30, offset - place)
                place = offset
            if outside:
                text(*(f"mov {register}, r1" for register in registers), outside, f"breq {skip}")
            text(*(f"ldd {register}, Z+{offset - place + index}" for index, register in enumerate(registers)))
            text.label(skip)
        text.advance(30, len(columns) - place)

    def _first_columns(self, text: Text) -> None:
        """What ``_next_columns`` then moves to the left: two columns of the picture, or padding and one."""
        if self.at.left:
            text(*(f"mov r{4 + 4 * row}, r1" for row in range(4)))
        self._load(text, [3] if self.at.left else [2, 3])
        if self.skips:
            blank = text.fresh("blank")
            self._new_columns(text)
            text("set", f"breq {blank}", "clt")
            text.label(blank)

    def _next_columns(self, text: Text) -> None:
        text(*(f"movw r{2 + 4 * row}, r{4 + 4 * row}" for row in range(4)))
        self._load(text, [2, 3])
        if self.right:
            inside = text.fresh("inside")
            text("cpi r26, 1", f"brne {inside}", *(f"mov r{5 + 4 * row}, r1" for row in range(4)))
            text.label(inside)

    def _place(self, text: Text) -> None:
        """All filters at one place of the output: first those that leave Y alone, then those that need it."""
        count, state = self.at.filters, [26, 27, 30, 31] if self.edges else [26, 30, 31]
        plans = [self._plan(filter_) for filter_ in range(count)]
        wide = [filter_ for filter_, plan in enumerate(plans) if plan.carry is not None]
        stored, share = text.fresh("stored"), 1.0
        if self.skips:
            share = min(1.0, SMOOTH * self.site.inputs[0].nonzero)
            self._unless_blank(text, stored, share)
        with text.often(share, 1):
            text(*(f"push r{number}" for number in state))
            if any(plan.carry is None and any(abs(tap[2]) == 1 for tap in plan.taps) for plan in plans):
                text("clr r27")
            for filter_ in range(count):
                if filter_ not in wide:
                    result = self._filter(text, filter_, plans[filter_])
                    text(f"std Y+{filter_}, {result}")
            if wide:
                text("push r28", "push r29", "clr r29")
                for filter_ in wide:
                    text(f"push {self._filter(text, filter_, plans[filter_])}")
                text(*(f"pop r{RESULTS[index]}" for index in reversed(range(len(wide)))), "pop r29", "pop r28")
                text(*(f"std Y+{filter_}, r{RESULTS[index]}" for index, filter_ in enumerate(wide)))
            text(*(f"pop r{number}" for number in reversed(state)))
            if self.edges:
                text("clr r1")
        text.label(stored)
        text.advance(28, count)

    def _unless_blank(self, text: Text, stored: str, share: float) -> None:
        """The outputs of a patch of zeros, if it is one. T: the columns that came before the last two are zeros."""
        some, new, half = text.fresh("some"), text.fresh("new"), text.fresh("half")
        self._new_columns(text)
        text(f"brne {new}")
        with text.often(1 - share, 0):
            text(f"brtc {half}")
            for filter_, value in enumerate(self._blank()):
                text(f"ldi r18, {value}", f"std Y+{filter_}, r18")
            text(f"jmp {stored}")
        with text.often(0):
            text.label(half)
            text("set", f"rjmp {some}")
        text.label(new)
        text("clt")
        text.label(some)

    def _new_columns(self, text: Text) -> None:
        """Whether the patch's last two columns are zeros, into the flag Z."""
        first, *others = (4 * row + column for row in range(4) for column in (4, 5))
        text(f"mov r0, r{first}", *(f"or r0, r{number}" for number in others))

    def _plan(self, filter_: int) -> _Filter:
        weights = self.weights[:, :, filter_]
        return _plan(weights, self.site.inputs[0].high) if weights.any() else _Filter((), False, None)

    def _blank(self) -> list[int]:
        """The outputs where all pixels are 0."""
        operator = operator_of(self.site)
        codes = operator.requantization.apply(operator.bias.astype(np.int64)[np.newaxis])[0]
        return [int(code) & 0xFF for code in codes]

    def _filter(self, text: Text, filter_: int, plan: _Filter) -> str:
        """One filter's output; returns the register it is in."""
        if not plan.taps:
            text(f"ldi {RESULT}, {self._blank()[filter_]}")
            return RESULT
        steps = self.finish.steps(filter_) if plan.carry is None and not plan.negated else None
        if steps is not None:
            return self._narrow(text, filter_, plan, steps)
        plan, rounded = self._rounded(filter_, plan)
        self._sums(text, plan)
        self._largest(text, plan, rounded)
        registers = ["r18", "r19", "r26"]
        start = int(self.finish.start[filter_])
        if plan.carry is None:
            text("mov r26, r19", "lsl r26", "sbc r26, r26")
        if plan.negated:
            text(*(f"com {register}" for register in registers))
            start += 1
        start += plan.start if plan.negated else -plan.start
        for index, register in enumerate(registers):
            if index or not rounded:
                text(f"{'sbci' if index > rounded else 'subi'} {register}, {-start >> 8 * index & 0xFF}")
        if self.finish.scaled:
            text("ldi r30, 0")
        result = self.finish.emit(text, filter_, registers)
        self.finish.signed_result(text, result)
        return result

    def _rounded(self, filter_: int, plan: _Filter) -> tuple[_Filter, bool]:
        """The plan with a start that has the bias's lowest byte, if possible: then no later step needs that byte."""
        wanted = int(self.finish.start[filter_]) - plan.start & 0xFF
        high = self.site.inputs[0].high
        positive = high * sum(tap[2] for tap in plan.taps[: plan.carry] if tap[2] > 0)
        possible = plan.start and plan.start + wanted + positive < 2 * LIMIT
        if plan.carry is None or plan.negated or not self._drops_byte() or not possible:
            return plan, False
        return replace(plan, start=plan.start + wanted), True

    def _drops_byte(self) -> bool:
        """Whether the lowest byte of a sum with its bias does not matter."""
        return not self.finish.scaled and int(self.finish.rule.shift[0]) >= 8

    def _narrow(self, text: Text, filter_: int, plan: _Filter, steps: int) -> str:
        """A filter whose sums, bias included, have 16 bits. The bias comes before the comparison if that needs it."""
        bias = int(self.finish.start[filter_]) - (steps << int(self.finish.rule.shift[0]))
        self._sums(text, replace(plan, start=0))
        for low in LOW if plan.start else ():
            text(f"subi r{low}, {-bias & 0xFF}", f"sbci r{low + 1}, {-bias >> 8 & 0xFF}")
        self._largest(text, plan, bool(plan.start) and self._drops_byte())
        if not plan.start:
            text(f"subi r18, {-bias & 0xFF}", f"sbci r19, {-bias >> 8 & 0xFF}")
        result = self.finish.emit_lowered(text, filter_, ["r18", "r19"], steps)
        self.finish.signed_result(text, result)
        return result

    def _sums(self, text: Text, plan: _Filter) -> None:
        if plan.start and plan.carry is None:
            text(f"ldi r18, {plan.start & 0xFF}", f"ldi r19, {plan.start >> 8 & 0xFF}")
            text(*(f"movw r{low}, r18" for low in LOW[1:]))
        factor, zero = (26, 27) if plan.carry is None else (28, 29)
        held = 0
        for number, (row, column, weight) in enumerate(plan.taps):
            if number == plan.carry:
                for low in LOW if plan.start else ():
                    text(f"subi r{low}, {-plan.start & 0xFF}", f"sbci r{low + 1}, {-plan.start >> 8 & 0xFF}")
                text(*(f"mov r{high}, r{zero}" for high in HIGH))
            begins = number == 0 and (not plan.start or plan.carry is not None)
            single = abs(weight) == 1 and not begins
            if not single and abs(weight) != held:
                text(f"ldi r{factor}, {abs(weight)}")
                held = abs(weight)
            for window, low in enumerate(LOW):
                pixel = 2 + 4 * (row + window // 2) + column + window % 2
                product = (pixel, zero) if single else (0, 1)
                if not single:
                    text(f"mul r{pixel}, r{factor}")
                if begins:
                    text(f"movw r{low}, r0")
                    continue
                first, second = ("add", "adc") if weight > 0 else ("sub", "sbc")
                text(f"{first} r{low}, r{product[0]}", f"{second} r{low + 1}, r{product[1]}")
                if plan.carry is not None and number >= plan.carry:
                    text(f"{second} r{HIGH[window]}, r{zero}")

    def _largest(self, text: Text, plan: _Filter, rounded: bool) -> None:
        """The largest sum (the least, if negated) into r19:r18 and r26, in the same time whichever it is.

        ``rounded``: lowest bytes do not matter.
        """
        if plan.carry is not None and plan.carry >= len(plan.taps):
            text(*(f"mov r{high}, r29" for high in HIGH))
        for low, high in zip(LOW[1:], HIGH[1:], strict=True):
            kept = text.fresh("kept")
            text(*((f"cp r19, r{low + 1}",) if rounded else (f"cp r18, r{low}", f"cpc r19, r{low + 1}")))
            if plan.carry is None:
                text(f"{'brlt' if plan.negated else 'brge'} {kept}")
                text(f"mov r19, r{low + 1}" if rounded else f"movw r18, r{low}")
                text.label(kept)
                continue
            moved = text.fresh("moved")
            text(f"cpc r26, r{high}", f"{'brge' if plan.negated else 'brlt'} {moved}", "nop", f"rjmp {kept}")
            text.label(moved)
            text(f"mov r19, r{low + 1}" if rounded else f"movw r18, r{low}", f"mov r26, r{high}")
            text.label(kept)


KERNELS = (ConvolutionPatch(), ConvolutionPatchSkip())
