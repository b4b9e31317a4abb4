"""The timing core as its callers see it: hand-counted programs, calls, memory, breakpoints, profiles, errors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.simulator.machines import assembled, compiled
from tests.simulator.peer import Peer
from toolchain.simulator import native
from toolchain.simulator.core import RETURNED, Core, SimulationError


def test_the_source_compiles_without_a_warning(tmp_path: Path) -> None:
    flags = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run(["cc", *native.FLAGS, *flags, native.SOURCE], check=True)


@pytest.mark.parametrize(
    ("mcu", "body", "cycles"),
    [
        # the call from outside and the return count: 3 + 4 on AVRxt, 4 + 4 on the classic core
        ("atmega4809", "ret", 7),
        ("atmega328p", "ret", 8),
        # 10 rounds of dec (1) and brne (2, at the end 1), before them an ldi: 1 + 10·3 − 1
        ("atmega4809", "ldi r24,10\n1: dec r24\nbrne 1b\nret", 7 + 1 + 29),
        ("atmega328p", "ldi r24,10\n1: dec r24\nbrne 1b\nret", 8 + 1 + 29),
        # push 1 and pop 2, against 2 and 2
        ("atmega4809", "push r16\npush r17\npop r17\npop r16\nret", 7 + 6),
        ("atmega328p", "push r16\npush r17\npop r17\npop r16\nret", 8 + 8),
        # rcall 2 + ret 4, against 3 + 4
        ("atmega4809", "rcall 1f\nret\n1: ret", 7 + 6),
        ("atmega328p", "rcall 1f\nret\n1: ret", 8 + 7),
        ("atmega4809", "call 1f\nret\n1: ret", 7 + 7),
        ("atmega328p", "call 1f\nret\n1: ret", 8 + 8),
        ("atmega4809", "ldi r30,pm_lo8(1f)\nldi r31,pm_hi8(1f)\nicall\nret\n1: ret", 7 + 2 + 6),
        ("atmega328p", "ldi r30,pm_lo8(1f)\nldi r31,pm_hi8(1f)\nicall\nret\n1: ret", 8 + 2 + 7),
        # a store of 1 and a load of 2 in SRAM, lds 3 and sts 2; against 2, 2, 2 and 2
        ("atmega4809", "ldi r30,0\nldi r31,0x30\nst Z,r1\nld r24,Z\nlds r24,0x3000\nsts 0x3000,r24\nret", 7 + 2 + 8),
        ("atmega328p", "ldi r30,0\nldi r31,0x03\nst Z,r1\nld r24,Z\nlds r24,0x300\nsts 0x300,r24\nret", 8 + 2 + 8),
        # flash as data: ld through a pointer 3, lds 4, lpm 3
        ("atmega4809", "ldi r30,0\nldi r31,0x40\nld r24,Z+\nldd r24,Z+5\nlds r24,0x4000\nlpm r24,Z\nret", 7 + 2 + 13),
        # a skip: 1 if nothing is skipped, 2 over one word, 3 over two
        ("atmega4809", "sbrs r1,0\nrjmp 1f\nnop\n1: sbrc r1,0\nnop\nsbrc r1,0\njmp start\nret", 7 + 1 + 2 + 2 + 3),
        ("atmega4809", "adiw r24,1\nsbiw r24,1\nmul r24,r25\nmovw r24,r0\nsbi 4,0\ncbi 4,0\nin r24,4\nret", 7 + 10),
        ("atmega328p", "adiw r24,1\nsbiw r24,1\nmul r24,r25\nmovw r24,r0\nsbi 4,0\ncbi 4,0\nin r24,4\nret", 8 + 12),
        # 22-bit program counter: call 5, ret 5
        ("atmega2560", "rcall 1f\nret\n1: ret", 5 + 5 + 4 + 5),
    ],
)  # fmt: skip
def test_hand_counted(mcu: str, body: str, cycles: int) -> None:
    assert assembled(body, mcu).call("start").cycles == cycles


PROGRAM = """
#include <stdint.h>
__attribute__((noinline, used)) uint16_t sum(uint8_t a, uint16_t b, uint8_t c) { return a + b * c; }
const uint8_t table[4] = {3, 1, 4, 1};
volatile uint8_t start = 7, sink;
__attribute__((noinline, used)) uint8_t first(uint8_t n) { uint8_t k = n; while (n--) sink++; return table[k & 3]; }
__attribute__((noinline, used)) uint8_t second(uint8_t n) { return first(n) + first(2); }
__attribute__((noinline, used)) uint8_t outer(uint8_t n) { uint8_t a = first(n); return a + second(n); }
__attribute__((noinline, used)) void forever(void) { for (;;) sink++; }
__attribute__((noinline, used)) void wild(void) { *(volatile uint8_t *)0x2000 = 1; }
int main(void) { sum(1, 2, 3); outer(3); return start; }
"""


@pytest.fixture
def chip() -> Core:
    return compiled(PROGRAM)


def test_arguments_and_values(chip: Core) -> None:
    assert chip.call("sum", [200, 1000, 50]).value == (200 + 1000 * 50) % 0x10000
    assert chip.call("first", [2]).byte == 4


def test_initial_data(chip: Core) -> None:
    assert chip.read("start", 1) == b"\x07"
    assert chip.read_flash("table", 4) == b"\x03\x01\x04\x01"
    assert chip.data_address("table") >= chip.facts.mapped_start


def test_a_call_leaves_the_stack_as_it_was(chip: Core) -> None:
    before = chip.sp
    first = chip.call("outer", [4])
    assert chip.sp == before == chip.facts.ram_end
    again = chip.call("outer", [4])
    assert (again.cycles, again.byte, again.stack) == (first.cycles, first.byte, first.stack)
    assert first.stack >= 6  # three calls deep


def test_breakpoints_and_changes_in_between(chip: Core) -> None:
    plain = chip.call("outer", [5]).cycles
    chip.set_breakpoint("second")
    chip.enter("outer", [5])
    assert chip.resume() != RETURNED
    assert chip.image.function_at(chip.pc) == "second"
    chip.registers[24] = 50  # n of second: 45 rounds more
    assert chip.resume() == RETURNED
    longer = chip.result().cycles
    chip.set_breakpoint("second", False)
    assert longer > plain
    assert chip.call("outer", [5]).cycles == plain


def test_patched_flash_is_what_runs(chip: Core) -> None:
    chip.write_flash("table", b"\x2a\x2a\x2a\x2a")
    assert chip.call("first", [3]).byte == 42
    chip.write_flash("first", bytes.fromhex("8de00895"))  # ldi r24,13 · ret
    assert chip.call("first", [3]).value & 0xFF == 13


def test_profile_and_callees_add_up(chip: Core) -> None:
    chip.watch("outer")
    chip.start_profile()
    result = chip.call("outer", [6])
    profile = chip.profile()
    assert sum(profile.values()) + 3 == result.cycles  # the call from outside is in no function
    assert set(profile) == {"outer", "first", "second"}
    calls = chip.callees()
    assert [call.name for call in calls] in (["first", "second"], ["first", "first"])  # second may be a tail call
    assert all(0 < call.cycles < result.cycles for call in calls)


def test_run_until(chip: Core) -> None:
    chip.pc = 0
    chip.run("main")
    assert chip.read("start", 1) == b"\x07"
    assert chip.sp == chip.facts.ram_end - 2


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("forever", "forever.*did not return within the cycle limit"),
        ("wild", "wild.*0x2000, where the chip has no memory"),
    ],
)
def test_errors_name_the_function(chip: Core, function: str, reason: str) -> None:
    with pytest.raises(SimulationError, match=reason):
        chip.call(function, cycle_limit=10_000)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (".word 0xffff", "opcode that the chip does not have .0xffff"),
        ("break", "BREAK"),
        ("sleep", "sleep"),
        ("jmp 0xbffe+4", "left the program memory"),
        ("elpm r24,Z", "opcode"),
        ("pop r0\npop r0\npop r0", "0x4000, where the chip has no memory|opcode"),
    ],
)
def test_errors_of_wrong_code(body: str, reason: str) -> None:
    with pytest.raises(SimulationError, match=reason):
        assembled(body).call("start")


def test_unknown_symbols_are_named(chip: Core) -> None:
    with pytest.raises(Exception, match="no symbol 'nothing'"):
        chip.call("nothing")


NETWORK = """
#include <stdint.h>
uint8_t gc_arena[8];
uint8_t *gc_input(void) { return gc_arena; }
const uint8_t *gc_output(void) { return gc_arena + 4; }
uint8_t gc_infer(void)
{
    uint8_t sum = 0;
    for (uint8_t i = 0; i < 4; i++) for (uint8_t n = gc_arena[i]; n; n--) { sum++; __asm__ volatile("nop"); }
    gc_arena[4] = sum; gc_arena[5] = ~sum;
    return sum & 1;
}
int main(void) { gc_input(); gc_infer(); return *gc_output(); }
"""


def test_many_inferences() -> None:
    core = compiled(NETWORK)
    inputs = np.random.default_rng(0).integers(0, 3, (500, 4)).astype(np.uint8)
    batch = core.infer_many(inputs, 2)
    sums = inputs.sum(axis=1).astype(np.uint8)
    np.testing.assert_array_equal(batch.outputs, np.stack([sums, ~sums], axis=1))
    np.testing.assert_array_equal(batch.classes, sums & 1)
    core.write("gc_arena", inputs[17].tobytes())
    assert core.call("gc_infer").cycles == batch.cycles[17]
    assert len(np.unique(batch.cycles)) > 1


WHOLE = """
#include <stdint.h>
uint8_t result[64];
static uint32_t seed = 12345;
static uint16_t next(void) { seed = seed * 1103515245UL + 12345; return seed >> 16; }
__attribute__((noinline)) static float mix(float a, int32_t b) { return a * 0.75f + b / 7; }
__attribute__((noinline)) void finished(void) { __asm__ volatile("" ::: "memory"); }
int main(void)
{
    float f = 1;
    for (uint8_t i = 0; i < sizeof result; i++) {
        f = mix(f, (int16_t)next());
        result[i] = (uint8_t)((int32_t)f ^ next() ^ (int8_t)next() * (int8_t)next());
    }
    finished();
    for (;;) { }
}
"""


@pytest.mark.parametrize("mcu", ["atmega4809", "atmega328p"])
def test_a_whole_program_beside_yasimavr(mcu: str) -> None:
    """Start-up code, library arithmetic, floats: the same memory, and on the classic core the same cycles."""
    core = compiled(WHOLE, mcu)
    core.pc = 0
    cycles = core.run("finished")
    peer = Peer(mcu)
    for load, _address, content in core.image.segments:
        peer.probe.write_flash(load, content)
    peer.probe.write_pc(0)
    counted, rcalls = 0, 0
    end = core.flash_address("finished")
    while peer.probe.read_pc() != end:
        opcode = bytes(peer.probe.read_flash(peer.probe.read_pc(), 2))
        rcalls += opcode[1] >> 4 == 0xD
        counted += peer.step()
    where = core.data_address("result")
    assert bytes(peer.probe.read_data(where, 64)) == core.read(where, 64)
    assert bytes(peer.probe.read_gpreg(n) for n in range(32)) == bytes(core.registers)
    if mcu == "atmega328p":
        assert cycles == counted - rcalls  # yasimavr gives RCALL a cycle too many
    else:
        assert cycles < counted
