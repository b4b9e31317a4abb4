"""Flags of arithmetic from its meaning: integers, signs and carries, nothing of the core's bit tricks."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.machines import assembled
from toolchain.simulator.core import Core

BYTE = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 0x0F, 0x10, 0x7F, 0x80, 0x81, 0xFE, 0xFF]))
WORD = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0x3F, 0x7FFF, 0x8000, 0xFFC1, 0xFFFF]))
SREG = st.integers(0, 255)
C, Z, N, V, S, H, T, I = (1 << bit for bit in range(8))  # noqa: E741
PC = 0x400
SETTINGS = settings(max_examples=150, deadline=None)


@cache
def chip() -> Core:
    return assembled("ret")


def run(opcode: int, sreg: int, **registers: int) -> tuple[Core, int]:
    """Executes one opcode with these registers (r16=…) and SREG; returns the chip and the flags after it."""
    core = chip()
    core.write_flash(PC, opcode.to_bytes(2, "little"))
    for name, value in registers.items():
        core.registers[int(name[1:])] = value
    core.sreg, core.pc = sreg, PC
    core.step()
    return core, core.sreg


def two(base: int, d: int = 16, r: int = 17) -> int:
    return base | d << 4 | r & 15 | (r & 16) << 5


def one(base: int, d: int = 16) -> int:
    return base | d << 4


def signed(value: int, bits: int = 8) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def bits_of(**flags: bool) -> int:
    return sum(globals()[name] for name, on in flags.items() if on)


def check(after: int, before: int, **flags: bool) -> None:
    """The named flags are as said (S follows from N and V), the others are untouched."""
    if "N" in flags and "V" in flags:
        flags["S"] = flags["N"] != flags["V"]
    mask = bits_of(**dict.fromkeys(flags, True))
    assert after == before & ~mask | bits_of(**flags), f"{after:08b} {flags}"


@SETTINGS
@given(x=BYTE, y=BYTE, sreg=SREG, with_carry=st.booleans())
def test_addition(x: int, y: int, sreg: int, with_carry: bool) -> None:
    carry = sreg & C if with_carry else 0
    core, after = run(two(0x1C00 if with_carry else 0x0C00), sreg, r16=x, r17=y)
    total = x + y + carry
    assert core.registers[16] == total % 256
    check(
        after, sreg, C=total > 255, Z=total % 256 == 0, N=total % 256 > 127,
        V=not -128 <= signed(x) + signed(y) + carry <= 127, H=x % 16 + y % 16 + carry > 15,
    )  # fmt: skip


@SETTINGS
@given(x=BYTE, y=BYTE, sreg=SREG, kind=st.sampled_from(["sub", "sbc", "cp", "cpc", "subi", "sbci", "cpi"]))
def test_subtraction(x: int, y: int, sreg: int, kind: str) -> None:
    chained = kind in ("sbc", "cpc", "sbci")
    immediate = y & 15 | (y & 0xF0) << 4
    opcode = {
        "sub": two(0x1800), "sbc": two(0x0800), "cp": two(0x1400), "cpc": two(0x0400),
        "subi": 0x5000 | immediate, "sbci": 0x4000 | immediate, "cpi": 0x3000 | immediate,
    }[kind]  # fmt: skip
    core, after = run(opcode, sreg, r16=x, r17=y)
    carry = sreg & C if chained else 0
    exact = x - y - carry
    assert core.registers[16] == (x if kind.startswith("cp") else exact % 256)
    zero = exact % 256 == 0 and (bool(sreg & Z) or not chained)  # a chain is zero only if all its bytes are
    check(
        after, sreg, C=exact < 0, Z=zero, N=exact % 256 > 127,
        V=not -128 <= signed(x) - signed(y) - carry <= 127, H=x % 16 - y % 16 - carry < 0,
    )  # fmt: skip


@SETTINGS
@given(x=BYTE, y=BYTE, sreg=SREG, kind=st.sampled_from(["and", "or", "eor"]))
def test_logic(x: int, y: int, sreg: int, kind: str) -> None:
    opcode = {"and": two(0x2000), "or": two(0x2800), "eor": two(0x2400)}[kind]
    core, after = run(opcode, sreg, r16=x, r17=y)
    result = {"and": x & y, "or": x | y, "eor": x ^ y}[kind]
    assert core.registers[16] == result
    check(after, sreg, Z=result == 0, N=result > 127, V=False)


@SETTINGS
@given(x=BYTE, sreg=SREG, kind=st.sampled_from(["com", "neg", "inc", "dec"]))
def test_one_operand(x: int, sreg: int, kind: str) -> None:
    opcode = {"com": one(0x9400), "neg": one(0x9401), "inc": one(0x9403), "dec": one(0x940A)}[kind]
    core, after = run(opcode, sreg, r16=x)
    exact = {"com": 255 - x, "neg": -x, "inc": x + 1, "dec": x - 1}[kind]
    result = exact % 256
    assert core.registers[16] == result
    overflow = {"com": False, "neg": x == 0x80, "inc": x == 0x7F, "dec": x == 0x80}[kind]
    more = {"com": {"C": True}, "neg": {"C": x != 0, "H": x % 16 != 0}}.get(kind, {})
    check(after, sreg, Z=result == 0, N=result > 127, V=overflow, **more)


@SETTINGS
@given(x=BYTE, sreg=SREG, kind=st.sampled_from(["lsr", "asr", "ror"]))
def test_shifts(x: int, sreg: int, kind: str) -> None:
    core, after = run({"lsr": one(0x9406), "asr": one(0x9405), "ror": one(0x9407)}[kind], sreg, r16=x)
    top = {"lsr": 0, "asr": x & 0x80, "ror": 0x80 if sreg & C else 0}[kind]
    result = x // 2 + top
    assert core.registers[16] == result
    negative, carry = result > 127, x % 2 == 1
    check(after, sreg, C=carry, Z=result == 0, N=negative, V=negative != carry)


@SETTINGS
@given(x=WORD, k=st.integers(0, 63), sreg=SREG, pair=st.sampled_from([24, 26, 28, 30]), adds=st.booleans())
def test_words(x: int, k: int, sreg: int, pair: int, adds: bool) -> None:
    opcode = (0x9600 if adds else 0x9700) | (pair - 24) << 3 | k & 15 | (k & 0x30) << 2
    core, after = run(opcode, sreg, **{f"r{pair}": x & 255, f"r{pair + 1}": x >> 8})
    exact = x + k if adds else x - k
    result = exact % 0x10000
    assert core.registers[pair] | core.registers[pair + 1] << 8 == result
    true = signed(x, 16) + (k if adds else -k)
    check(after, sreg, C=not 0 <= exact <= 0xFFFF, Z=result == 0, N=result > 0x7FFF, V=not -0x8000 <= true <= 0x7FFF)


@SETTINGS
@given(x=BYTE, y=BYTE, sreg=SREG, kind=st.sampled_from(["mul", "muls", "mulsu", "fmul", "fmuls", "fmulsu"]))
def test_products(x: int, y: int, sreg: int, kind: str) -> None:
    opcode = {"mul": two(0x9C00), "muls": 0x0201, "mulsu": 0x0301, "fmul": 0x0309, "fmuls": 0x0381, "fmulsu": 0x0389}
    core, after = run(opcode[kind], sreg, r16=x, r17=y)
    left = x if kind in ("mul", "fmul") else signed(x)
    right = signed(y) if kind in ("muls", "fmuls") else y
    product = left * right % 0x10000
    result = 2 * product % 0x10000 if kind.startswith("f") else product
    assert core.registers[0] | core.registers[1] << 8 == result
    check(after, sreg, C=product > 0x7FFF, Z=result == 0)


@SETTINGS
@given(sreg=SREG, bit=st.integers(0, 7), on=st.booleans())
def test_single_flags(sreg: int, bit: int, on: bool) -> None:
    _core, after = run((0x9408 if on else 0x9488) | bit << 4, sreg)
    assert after == (sreg | 1 << bit if on else sreg & ~(1 << bit))


@SETTINGS
@given(sreg=SREG, bit=st.integers(0, 7), when_set=st.booleans())
def test_branches_look_at_one_flag(sreg: int, bit: int, when_set: bool) -> None:
    core, after = run((0xF000 if when_set else 0xF400) | 5 << 3 | bit, sreg)
    taken = bool(sreg >> bit & 1) == when_set
    assert core.pc == PC + 2 + (10 if taken else 0)
    assert after == sreg


@SETTINGS
@given(x=BYTE, sreg=SREG, bit=st.integers(0, 7))
def test_bits_through_t(x: int, sreg: int, bit: int) -> None:
    _core, stored = run(0xFB00 | bit, sreg, r16=x)
    check(stored, sreg, T=bool(x >> bit & 1))
    core, after = run(0xF900 | bit, sreg, r16=x)
    assert core.registers[16] == (x | 1 << bit if sreg & T else x & ~(1 << bit))
    assert after == sreg
