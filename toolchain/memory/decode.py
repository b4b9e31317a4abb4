"""AVR machine code to instructions: as much of each as the stack analysis asks for.

Independent of the decoder in ``simulator/avrxt.c``; the tests compare the two, and both with the assembler.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instruction:
    """``d`` is the first register, ``r`` the second; ``k`` a constant, an I/O address or a jump's target in bytes.

    ``size`` in bytes; ``writes`` are the general registers that it changes.
    """

    name: str
    size: int
    d: int = 0
    r: int = 0
    k: int = 0
    writes: tuple[int, ...] = ()


ILLEGAL = Instruction("illegal", 2)
_TWO = {
    0x0: {1: "cpc", 2: "sbc", 3: "add"},
    0x1: {0: "cpse", 1: "cp", 2: "sub", 3: "adc"},
    0x2: {0: "and", 1: "eor", 2: "or", 3: "mov"},
}
_IMMEDIATE = {0x3: "cpi", 0x4: "sbci", 0x5: "subi", 0x6: "ori", 0x7: "andi", 0xE: "ldi"}
_COMPARE = ("cp", "cpc", "cpi", "cpse")
_POINTER = {
    0x1: ("z+", 30), 0x2: ("-z", 30), 0x9: ("y+", 28), 0xA: ("-y", 28),
    0xC: ("x", None), 0xD: ("x+", 26), 0xE: ("-x", 26),
}  # fmt: skip
_PROGRAM = {0x4: ("lpm", None), 0x5: ("lpm+", 30), 0x6: ("elpm", None), 0x7: ("elpm+", 30)}
_ONE = {0: "com", 1: "neg", 2: "swap", 3: "inc", 5: "asr", 6: "lsr", 7: "ror", 10: "dec"}
_FIXED = {
    0x9508: "ret", 0x9518: "reti", 0x9588: "sleep", 0x9598: "break", 0x95A8: "wdr", 0x9409: "ijmp", 0x9419: "eijmp",
    0x9509: "icall", 0x9519: "eicall",
}  # fmt: skip


def decode(flash: bytes, address: int) -> Instruction:
    """The instruction at a byte address. Opcodes that no AVR has come back as ``illegal``."""
    word = flash[address] | flash[address + 1] << 8
    following = flash[address + 2] | flash[address + 3] << 8 if address + 4 <= len(flash) else 0
    top = word >> 12
    d = word >> 4 & 31
    r = word & 15 | word >> 5 & 16
    if top in _TWO and word >= 0x0400:
        name = _TWO[top][word >> 10 & 3]
        return Instruction(name, 2, d, r, 0, () if name in _COMPARE else (d,))
    if top in _IMMEDIATE:
        name, high = _IMMEDIATE[top], 16 + (word >> 4 & 15)
        return Instruction(name, 2, high, 0, word & 15 | word >> 4 & 0xF0, () if name == "cpi" else (high,))
    if top == 0x0:
        return _moves_and_products(word)
    if top in (0x8, 0xA):
        q = word & 7 | word >> 7 & 0x18 | word >> 8 & 0x20
        pointer = 28 if word & 8 else 30
        return Instruction("std", 2, d, pointer, q) if word & 0x200 else Instruction("ldd", 2, d, pointer, q, (d,))
    if top == 0x9:
        return _nine(word, following, d, r)
    if top == 0xB:
        port = word & 15 | word >> 5 & 0x30
        return Instruction("out", 2, d, 0, port) if word & 0x800 else Instruction("in", 2, d, 0, port, (d,))
    if top in (0xC, 0xD):
        offset = (word & 0xFFF) - (0x1000 if word & 0x800 else 0)
        return Instruction("rjmp" if top == 0xC else "rcall", 2, k=address + 2 + 2 * offset)
    if word < 0xF800:
        offset = (word >> 3 & 0x7F) - (0x80 if word & 0x200 else 0)
        return Instruction("brbs" if word < 0xF400 else "brbc", 2, word & 7, k=address + 2 + 2 * offset)
    if word & 8:
        return ILLEGAL
    name = ("bld", "bst", "sbrc", "sbrs")[word >> 9 & 3]
    return Instruction(name, 2, d, word & 7, 0, (d,) if name == "bld" else ())


def _moves_and_products(word: int) -> Instruction:
    if word == 0:
        return Instruction("nop", 2)
    if word >> 8 == 1:
        d = (word >> 4 & 15) * 2
        return Instruction("movw", 2, d, (word & 15) * 2, 0, (d, d + 1))
    if word >> 8 in (2, 3):
        return Instruction("mul", 2, writes=(0, 1))
    return ILLEGAL


def _nine(word: int, following: int, d: int, r: int) -> Instruction:
    group, low = word >> 9, word & 15
    if word in _FIXED:
        return Instruction(_FIXED[word], 2)
    if word in (0x95C8, 0x95D8):
        return Instruction("lpm", 2, writes=(0,))
    if group == 0x48:  # 1001 000
        return _load(low, following, d)
    if group == 0x49:  # 1001 001
        if low == 0:
            return Instruction("sts", 4, d, k=following)
        if low == 15:
            return Instruction("push", 2, d)
        if low in _POINTER:
            pointer = _POINTER[low][1]
            return Instruction("st", 2, d, writes=() if pointer is None else (pointer, pointer + 1))
        return ILLEGAL
    if group == 0x4A:  # 1001 010
        if low in _ONE:
            return Instruction(_ONE[low], 2, d, writes=(d,))
        if low >= 12:
            target = 2 * ((word & 1 | word >> 3 & 0x3E) << 16 | following)
            return Instruction("jmp" if low < 14 else "call", 4, k=target)
        if low == 8 and word < 0x9500:
            return Instruction("bset" if word < 0x9480 else "bclr", 2, word >> 4 & 7)
        return ILLEGAL
    kind = word >> 8
    if kind in (0x96, 0x97):
        pair = 24 + (word >> 3 & 6)
        return Instruction(
            "adiw" if kind == 0x96 else "sbiw", 2, pair, 0, word & 15 | word >> 2 & 0x30, (pair, pair + 1)
        )
    if kind in (0x98, 0x99, 0x9A, 0x9B):
        return Instruction(("cbi", "sbic", "sbi", "sbis")[kind - 0x98], 2, word & 7, 0, word >> 3 & 31)
    return Instruction("mul", 2, d, r, 0, (0, 1))


def _load(low: int, following: int, d: int) -> Instruction:
    if low == 0:
        return Instruction("lds", 4, d, k=following, writes=(d,))
    if low == 15:
        return Instruction("pop", 2, d, writes=(d,))
    name, pointer = _POINTER.get(low) or _PROGRAM.get(low) or ("", None)
    if not name:
        return ILLEGAL
    return Instruction(
        "lpm" if "lpm" in name else "ld", 2, d, writes=(d,) if pointer is None else (d, pointer, pointer + 1)
    )
