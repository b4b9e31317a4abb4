"""The worst-case stack: against the painted stack of runs in yasimavr, against gcc, and where there is no bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.machines import BARE, build
from tests.simulator.peer import Peer
from toolchain.memory import chip, stack
from toolchain.memory.elf import Image
from toolchain.memory.stack import Bound, StackError

PAINT = 0xA5

DEEP = """
#include <stdint.h>
#include <avr/interrupt.h>
#include <avr/io.h>
volatile uint8_t g; volatile uint8_t *p;
#define OUT __attribute__((noinline, noclone))
OUT uint8_t leaf(uint8_t a) { return a + g; }
OUT uint8_t small(uint8_t a) { volatile uint8_t x[2]; x[0] = a; x[1] = leaf(a); return x[0] + x[1]; }
OUT uint8_t middle(uint8_t a) { volatile uint8_t x[40]; x[a & 31] = a; x[1] = small(a); p = x; return x[0] + x[1]; }
OUT uint8_t big(uint8_t a) { volatile uint8_t x[400]; x[a] = a; x[1] = middle(a); p = x; return x[1] + middle(x[3]); }
OUT uint8_t choose(uint8_t a)
{
    switch (a) {
    case 0: g = 1; return big(a);
    case 1: g = 3; return middle(1);
    case 2: g = 4; return leaf(3);
    case 3: g = 9; return small(1);
    case 4: g = 22; return leaf(9);
    case 5: g = 23; return leaf(9) + 3;
    case 6: g = 42; return leaf(19);
    case 7: return big(8);
    }
    return 0;
}
OUT int32_t arithmetic(int32_t a, int32_t b) { return a / b + (a % b) * b + (int32_t)((float)a * 1.5f); }
ISR(HANDLER) { g = small(g); }
OUT void finished(void) { __asm__ volatile("" ::: "memory"); }
int main(void)
{
    for (uint8_t i = 0; i < 9; i++) { choose(i); arithmetic(g + 1, 3); }
    finished();
    for (;;) { }
}
"""
HANDLERS = {"atmega4809": "USART0_RXC_vect", "atmega328p": "USART_RX_vect", "atmega2560": "USART0_RX_vect"}


def bound(path: Path, mcu: str, **indirect: list[str]) -> Bound:
    return stack.bound(Image(path), chip.facts(mcu), indirect)


def program(source: str, mcu: str = "atmega4809", *flags: str) -> Bound:
    return bound(build(source, mcu, *(flags or ("-Os",))), mcu)


def observed(path: Path, mcu: str, until: str) -> int:
    """Bytes of SRAM below its end that a run in yasimavr changes: the painted stack."""
    image, facts = Image(path), chip.facts(mcu)
    peer = Peer(mcu)
    for load, _address, content in image.segments:
        peer.probe.write_flash(load, content)
    start = facts.ram_start + image.ram
    peer.probe.write_data(start, bytes([PAINT]) * (facts.ram_end + 1 - start))
    peer.probe.write_pc(0)
    end = image.address(until)
    for _ in range(1_000_000):
        if peer.probe.read_pc() == end:
            break
        peer.step()
    else:
        raise AssertionError(f"{until} was never reached")
    left = bytes(peer.probe.read_data(start, facts.ram_end + 1 - start))
    return len(left) - next(n for n, byte in enumerate(left) if byte != PAINT)


@pytest.mark.parametrize("flags", [("-Os",), ("-O2",), ("-O3",), ("-Os", "-mcall-prologues"), ("-O1",)], ids=" ".join)
@pytest.mark.parametrize("mcu", ["atmega4809", "atmega328p"])
def test_at_least_what_a_run_used_and_little_more(mcu: str, flags: tuple[str, ...]) -> None:
    path = build(DEEP, mcu, f"-DHANDLER={HANDLERS[mcu]}", *flags)
    found = bound(path, mcu)
    used = observed(path, mcu, "finished")
    assert used <= found.main <= used + 32
    assert found.total == found.main + found.interrupts
    assert found.path[0] == "reset"
    assert found.path[-1] == "leaf"
    assert found.interrupt_path[-1] == "leaf"


@pytest.mark.parametrize("mcu", list(HANDLERS))
@pytest.mark.parametrize("flags", [("-Os",), ("-O3",), ("-Os", "-mcall-prologues")], ids=" ".join)
def test_frames_are_those_that_gcc_counts(mcu: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    import subprocess

    from toolchain.memory.compiler import avr_gcc

    source, elf = tmp_path / "deep.c", tmp_path / "deep.elf"
    source.write_text(DEEP)
    options = [f"-mmcu={mcu}", f"-DHANDLER={HANDLERS[mcu]}", *flags, "-fstack-usage"]
    subprocess.run([avr_gcc(), *options, "-c", source, "-o", tmp_path / "deep.o"], check=True, cwd=tmp_path)
    subprocess.run([avr_gcc(), *options, tmp_path / "deep.o", "-o", elf], check=True)
    found = bound(elf, mcu)
    usage = tmp_path / "deep.su"
    stack.cross_check(found, [usage])
    counted = {
        line.split("\t")[0].rsplit(":", 1)[1]: int(line.split("\t")[1]) for line in usage.read_text().splitlines()
    }
    tails = {"choose"}  # it jumps to big, whose frame then counts as its own
    assert {name: size for name, size in found.functions.items() if name in counted and name not in tails} == {
        name: size for name, size in counted.items() if name in found.functions and name not in tails
    }


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_two_files_may_have_a_function_of_one_name(order: tuple[str, str], tmp_path: Path) -> None:
    import subprocess

    from toolchain.memory.compiler import avr_gcc

    fill = "static __attribute__((noinline, noclone)) void fill(void) {{ volatile char x[{}]; x[1] = 1; x[2] = x[1]; }}"
    (tmp_path / "one.c").write_text(fill.format(50) + " void other(void); int main(void) { fill(); other(); }")
    (tmp_path / "two.c").write_text(fill.format(9) + " volatile char g; void other(void) { fill(); g++; }")
    options = ["-mmcu=atmega4809", "-Os", "-fstack-usage"]
    for name in order:
        subprocess.run([avr_gcc(), *options, "-c", f"{name}.c"], check=True, cwd=tmp_path)
    subprocess.run([avr_gcc(), *options, *(f"{name}.o" for name in order), "-o", "both.elf"], check=True, cwd=tmp_path)
    stack.cross_check(bound(tmp_path / "both.elf", "atmega4809"), [tmp_path / "one.su", tmp_path / "two.su"])


@pytest.mark.parametrize(
    ("counted", "message"),
    [
        ("99\tstatic", "gcc counts 99 bytes of stack for small, the image shows 6"),
        ("9\tdynamic", "small has a stack frame of varying size"),
    ],
)
def test_what_gcc_counts_may_not_be_more_nor_vary(tmp_path: Path, counted: str, message: str) -> None:
    usage = tmp_path / "x.su"
    usage.write_text(f"x.c:6:1:small\t{counted}\n")
    found = program(DEEP, "atmega4809", "-DHANDLER=USART0_RXC_vect", "-Os")
    with pytest.raises(StackError, match=message):
        stack.cross_check(found, [usage])


def test_recursion_has_no_bound() -> None:
    source = """
    #include <stdint.h>
    volatile uint8_t g;
    __attribute__((noinline)) uint8_t even(uint8_t n);
    __attribute__((noinline)) uint8_t odd(uint8_t n) { g++; return n ? even(n - 1) + g : 0; }
    __attribute__((noinline)) uint8_t even(uint8_t n) { g++; return n ? odd(n - 1) - g : 1; }
    int main(void) { return odd(g); }
    """
    with pytest.raises(StackError, match=r"(odd calls itself \(odd → even → odd\)|even calls itself)"):
        program(source)


def test_an_array_of_variable_length_has_no_bound() -> None:
    source = """
    #include <stdint.h>
    volatile uint8_t g; void *volatile p;
    __attribute__((noinline)) void varies(uint8_t n) { volatile uint8_t x[n + 1]; x[n] = 1; p = (void *)x; }
    int main(void) { varies(g); }
    """
    with pytest.raises(StackError, match=r"varies.*sets the stack pointer to a value that varies"):
        program(source)


def test_a_push_in_a_loop_has_no_bound() -> None:
    source = ".global main\n.type main,@function\nmain: ldi r24,9\n1: push r24\ndec r24\nbrne 1b\nret\n"
    with pytest.raises(StackError, match=r"reaches one place with 0 and with 1 bytes|with 1 and with 0"):
        bound(build(source, "atmega4809", *BARE), "atmega4809")


POINTERS = """
#include <stdint.h>
volatile uint8_t g;
__attribute__((noinline)) static uint8_t one(uint8_t n) { volatile uint8_t x[30]; x[n & 15] = n; return x[1]; }
__attribute__((noinline)) static uint8_t two(uint8_t n) { return n + g; }
uint8_t (*volatile table[2])(uint8_t) = {one, two};
__attribute__((noinline, used)) uint8_t caller(uint8_t n) { return table[n & 1](n) + 1; }
int main(void) { return caller(g); }
"""


def test_calls_through_pointers_need_an_annotation() -> None:
    path = build(POINTERS, "atmega4809", "-Os")
    with pytest.raises(StackError, match=r"caller.*calls through a pointer"):
        bound(path, "atmega4809")
    found = bound(path, "atmega4809", caller=["one", "two"])
    assert found.path[-1] == "one"
    assert found.main >= 2 + 2 + 30


NESTED = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <stdint.h>
volatile uint8_t g;
__attribute__((noinline)) uint8_t work(uint8_t n) { volatile uint8_t x[20]; x[n & 15] = n; return x[1]; }
ISR(USART0_RXC_vect) { ENABLE; g = work(g); }
ISR(TCB0_INT_vect) { g = work(g) + 1; }  // not the same code, or gcc folds the two
int main(void) { sei(); for (;;) { } }
"""


def test_handlers_nest_only_if_one_enables_interrupts() -> None:
    plain = program(NESTED, "atmega4809", "-Os", "-DENABLE=(void)0")
    nested = program(NESTED, "atmega4809", "-Os", "-DENABLE=sei()")
    assert plain.main == nested.main
    assert nested.interrupts == 2 * plain.interrupts
    assert len(nested.interrupt_path) == 2 * len(plain.interrupt_path)


def test_handlers_are_found_where_short_jumps_lead_to_them() -> None:
    """The vectors of megaAVR 0-series chips of 8 KiB are rjmp and nop."""
    long, short = (program(NESTED, mcu, "-Os", "-DENABLE=(void)0") for mcu in ("atmega4809", "atmega809"))
    assert (short.total, short.interrupt_path) == (long.total, long.interrupt_path)


WIDE = """
#include <avr/interrupt.h>
#include <avr/io.h>
__attribute__((section(".progmem.data"))) const char kept[6000] = {1};
volatile unsigned g;
ISR(HANDLER) { g++; }
int main(void) { for (;;) g = *(volatile const char *)(kept + g); }
"""


@pytest.mark.parametrize(
    ("mcu", "larger", "handler"),
    [("atmega88", "atmega168p", "TIMER1_OVF_vect"), ("atmega808", "atmega1608", "TCA0_OVF_vect")],
)
def test_short_vectors_wrap_around_the_end_of_flash(mcu: str, larger: str, handler: str) -> None:
    """Behind 6,000 bytes a handler of a chip of 8 KiB lies nearer backwards, over the end."""
    short, long = (program(WIDE, each, "-Os", f"-DHANDLER={handler}") for each in (mcu, larger))
    assert short.interrupts == long.interrupts > 2
    assert len(short.interrupt_path) == 1
