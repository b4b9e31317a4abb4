"""Registers and the stack pointer, followed through the code that makes and removes frames.

A register may be known to hold a constant, or one half of "SP at the function's entry + n" (``SpHalf``). Whatever adds
constants to such a pair, byte by byte with its carry, is understood; everything else makes the register unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from toolchain.memory.decode import Instruction


class SpHalf(NamedTuple):
    """A byte of (SP at the function's entry + offset): the low (0) or high (1) one."""

    offset: int
    half: int


Value = int | SpHalf | None  # constant byte, known relation to SP, or unknown


class Borrow(NamedTuple):
    """The carry after a constant was added to the low byte of an SP-relative pair: one offset became another."""

    before: int
    after: int


@dataclass(frozen=True)
class State:
    """What is known before an instruction: ``depth`` is SP minus SP at entry (negative: below)."""

    depth: int
    registers: tuple[Value, ...]
    borrow: Borrow | None = None
    written: tuple[tuple[int, Value], ...] = ()  # halves of SP that an unfinished frame change has written

    def with_register(self, number: int, value: Value) -> State:
        registers = list(self.registers)
        registers[number] = value
        return replace(self, registers=tuple(registers))


def arithmetic(one: Instruction, state: State) -> State:
    """Registers after an instruction that neither branches nor touches SP."""
    registers = list(state.registers)
    first, second = registers[one.d], registers[one.r]
    borrow: Borrow | None = None
    for number in one.writes:
        registers[number] = None
    match one.name:
        case "ldi":
            registers[one.d], borrow = one.k, state.borrow
        case "mov":
            registers[one.d], borrow = second, state.borrow
        case "movw":
            registers[one.d], registers[one.d + 1] = second, state.registers[one.r + 1]
            borrow = state.borrow
        case "eor" if one.d == one.r:
            registers[one.d] = 0
        case "adiw" | "sbiw":
            change = one.k if one.name == "adiw" else -one.k
            upper = state.registers[one.d + 1]
            if isinstance(first, SpHalf) and isinstance(upper, SpHalf) and (first.half, upper.half) == (0, 1):
                registers[one.d] = SpHalf(signed(upper.offset + change), 0)
                registers[one.d + 1] = SpHalf(signed(upper.offset + change), 1)
        case "subi" | "sub" | "add" | "sbci" | "sbc" | "adc":
            constant: Value = one.k if one.name.endswith("i") else second
            if isinstance(constant, int) and isinstance(first, SpHalf):
                sign = 1 if one.name in ("add", "adc") else -1
                if one.name in ("subi", "sub", "add") and first.half == 0:
                    after = signed(first.offset + sign * constant)
                    registers[one.d], borrow = SpHalf(after, 0), Borrow(first.offset, after)
                elif one.name in ("sbci", "sbc", "adc") and first.half == 1 and state.borrow:
                    beside = first.offset - state.borrow.before  # low bytes repeat every 256, and so do their carries
                    if beside % 256 == 0:
                        registers[one.d] = SpHalf(signed(state.borrow.after + beside + sign * 256 * constant), 1)
        case _:
            if one.name in _KEEPS_CARRY:
                borrow = state.borrow
    return replace(state, registers=tuple(registers), borrow=borrow)


_KEEPS_CARRY = (
    "nop", "in", "out", "ld", "ldd", "st", "std", "lds", "sts", "lpm", "swap", "inc", "dec", "bld", "bst", "sbi", "cbi",
)  # fmt: skip


def signed(value: int) -> int:
    """A 16-bit difference as a number from -32768 to 32767."""
    return (value + 0x8000) % 0x10000 - 0x8000
