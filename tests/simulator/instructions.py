"""The instruction set by its encodings, with the cycles that the AVR Instruction Set Manual (DS40002198) gives.

Letters stand for operand bits: d and r registers, K and k constants, q displacements, A an I/O address, b and s bit
numbers. Cycles are (AVRxt, AVRe with 16-bit PC) of an instruction that neither branches nor skips and touches SRAM.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    name: str
    pattern: str
    xt: int
    classic: int

    def word(self, source: random.Random) -> int:
        """An opcode with random operands."""
        bits = self.pattern.replace(" ", "")
        return int("".join(bit if bit in "01" else source.choice("01") for bit in bits), 2)

    def matches(self, word: int) -> bool:
        bits = self.pattern.replace(" ", "")
        return all(bit not in "01" or int(bit) == word >> (15 - n) & 1 for n, bit in enumerate(bits))


ALU = [
    Encoding(name, pattern, cycles, cycles)
    for name, pattern, cycles in (
        ("nop", "0000 0000 0000 0000", 1), ("movw", "0000 0001 dddd rrrr", 1), ("muls", "0000 0010 dddd rrrr", 2),
        ("mulsu", "0000 0011 0ddd 0rrr", 2), ("fmul", "0000 0011 0ddd 1rrr", 2), ("fmuls", "0000 0011 1ddd 0rrr", 2),
        ("fmulsu", "0000 0011 1ddd 1rrr", 2), ("cpc", "0000 01rd dddd rrrr", 1), ("sbc", "0000 10rd dddd rrrr", 1),
        ("add", "0000 11rd dddd rrrr", 1), ("cp", "0001 01rd dddd rrrr", 1), ("sub", "0001 10rd dddd rrrr", 1),
        ("adc", "0001 11rd dddd rrrr", 1), ("and", "0010 00rd dddd rrrr", 1), ("eor", "0010 01rd dddd rrrr", 1),
        ("or", "0010 10rd dddd rrrr", 1), ("mov", "0010 11rd dddd rrrr", 1), ("cpi", "0011 KKKK dddd KKKK", 1),
        ("sbci", "0100 KKKK dddd KKKK", 1), ("subi", "0101 KKKK dddd KKKK", 1), ("ori", "0110 KKKK dddd KKKK", 1),
        ("andi", "0111 KKKK dddd KKKK", 1), ("ldi", "1110 KKKK dddd KKKK", 1), ("com", "1001 010d dddd 0000", 1),
        ("neg", "1001 010d dddd 0001", 1), ("swap", "1001 010d dddd 0010", 1), ("inc", "1001 010d dddd 0011", 1),
        ("asr", "1001 010d dddd 0101", 1), ("lsr", "1001 010d dddd 0110", 1), ("ror", "1001 010d dddd 0111", 1),
        ("dec", "1001 010d dddd 1010", 1), ("adiw", "1001 0110 KKdd KKKK", 2), ("sbiw", "1001 0111 KKdd KKKK", 2),
        ("mul", "1001 11rd dddd rrrr", 2), ("bset", "1001 0100 0sss 1000", 1), ("bclr", "1001 0100 1sss 1000", 1),
        ("bld", "1111 100d dddd 0bbb", 1), ("bst", "1111 101d dddd 0bbb", 1), ("wdr", "1001 0101 1010 1000", 1),
    )
]  # fmt: skip
MEMORY = [
    Encoding("ldd y", "10q0 qq0d dddd 1qqq", 2, 2), Encoding("ldd z", "10q0 qq0d dddd 0qqq", 2, 2),
    Encoding("std y", "10q0 qq1r rrrr 1qqq", 1, 2), Encoding("std z", "10q0 qq1r rrrr 0qqq", 1, 2),
    Encoding("ld x", "1001 000d dddd 1100", 2, 2), Encoding("ld x+", "1001 000d dddd 1101", 2, 2),
    Encoding("ld -x", "1001 000d dddd 1110", 2, 2), Encoding("ld y+", "1001 000d dddd 1001", 2, 2),
    Encoding("ld -y", "1001 000d dddd 1010", 2, 2), Encoding("ld z+", "1001 000d dddd 0001", 2, 2),
    Encoding("ld -z", "1001 000d dddd 0010", 2, 2), Encoding("st x", "1001 001r rrrr 1100", 1, 2),
    Encoding("st x+", "1001 001r rrrr 1101", 1, 2), Encoding("st -x", "1001 001r rrrr 1110", 1, 2),
    Encoding("st y+", "1001 001r rrrr 1001", 1, 2), Encoding("st -y", "1001 001r rrrr 1010", 1, 2),
    Encoding("st z+", "1001 001r rrrr 0001", 1, 2), Encoding("st -z", "1001 001r rrrr 0010", 1, 2),
    Encoding("push", "1001 001r rrrr 1111", 1, 2), Encoding("pop", "1001 000d dddd 1111", 2, 2),
    Encoding("lpm", "1001 0101 1100 1000", 3, 3), Encoding("lpm z", "1001 000d dddd 0100", 3, 3),
    Encoding("lpm z+", "1001 000d dddd 0101", 3, 3),
]  # fmt: skip
TWO_WORDS = [Encoding("lds", "1001 000d dddd 0000", 3, 2), Encoding("sts", "1001 001r rrrr 0000", 2, 2)]
FLOW = [
    Encoding("rjmp", "1100 kkkk kkkk kkkk", 2, 2), Encoding("rcall", "1101 kkkk kkkk kkkk", 2, 3),
    Encoding("ijmp", "1001 0100 0000 1001", 2, 2), Encoding("icall", "1001 0101 0000 1001", 2, 3),
    Encoding("ret", "1001 0101 0000 1000", 4, 4), Encoding("reti", "1001 0101 0001 1000", 4, 4),
]  # fmt: skip
LONG_FLOW = [Encoding("jmp", "1001 0100 0000 1100", 3, 3), Encoding("call", "1001 0100 0000 1110", 3, 4)]
CONDITIONAL = [  # one cycle more for a branch that is taken, and for each word that is skipped
    Encoding("brbs", "1111 00kk kkkk ksss", 1, 1), Encoding("brbc", "1111 01kk kkkk ksss", 1, 1),
    Encoding("cpse", "0001 00rd dddd rrrr", 1, 1), Encoding("sbrc", "1111 110r rrrr 0bbb", 1, 1),
    Encoding("sbrs", "1111 111r rrrr 0bbb", 1, 1),
]  # fmt: skip
IO = [
    Encoding("in", "1011 0AAd dddd AAAA", 1, 1), Encoding("out", "1011 1AAr rrrr AAAA", 1, 1),
    Encoding("sbi", "1001 1010 AAAA Abbb", 1, 2), Encoding("cbi", "1001 1000 AAAA Abbb", 1, 2),
    Encoding("sbic", "1001 1001 AAAA Abbb", 1, 1), Encoding("sbis", "1001 1011 AAAA Abbb", 1, 1),
]  # fmt: skip
EVERY = [*ALU, *MEMORY, *TWO_WORDS, *FLOW, *LONG_FLOW, *CONDITIONAL, *IO]
