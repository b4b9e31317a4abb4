"""The chip's own cycle counter against the simulator's count, from short inferences to ones that wrap every timer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.board.test_chips import CLOCKS
from tests.board.tiny_chip import ROOT
from tests.board.tiny_chip import image as build
from toolchain.board import chips
from toolchain.memory.compiler import companion

NETWORK_H = """
#include <stdint.h>
#define GC_MODEL_HASH 77UL
#define GC_INPUT_BYTES 4u
#define GC_OUTPUT_BYTES 1u
#define GC_CLASSES 0u
uint8_t *gc_input(void);
const uint8_t *gc_output(void);
uint8_t gc_infer(void);
"""
NETWORK_C = """
#include "network.h"
static uint8_t arena[5];
uint8_t *gc_input(void) {{ return arena; }}
const uint8_t *gc_output(void) {{ return arena + 4; }}
__attribute__((noinline)) uint8_t gc_infer(void) {{
    __builtin_avr_delay_cycles({cycles}UL);
    return 0;
}}
"""
INTERRUPT = 34  # cycles by the data sheet, which the classic port takes off
UNCOUNTED_ENTRY = 4  # of them the simulator does not spend: it enters an interrupt in no time
# Below and above one wrap of 16 bits, near multiples of it, and beyond the 67 million at which megaAVR's slow timer
# wraps.
CYCLES = {"atmega4809": [10, 65_400, 65_536, 131_060, 1_000_000, 70_000_000], "atmega328p": [10, 65_536, 1_000_000]}


@pytest.mark.parametrize(("mcu", "cycles"), [(mcu, cycles) for mcu, all_ in CYCLES.items() for cycles in all_])
def test_the_chip_counts_its_cycles_exactly(tmp_path: Path, mcu: str, cycles: int) -> None:
    reported, counted = timed(tmp_path, mcu, cycles)
    if chips.CHIPS[mcu].family == "classic":
        wraps = counted >> 16
        assert reported == counted - wraps * INTERRUPT, "the interrupts' own cycles are taken off"
        assert reported >= cycles - wraps * UNCOUNTED_ENTRY
    else:
        assert reported >= cycles
        assert 0 <= counted - reported <= (counted >> 26) * 100, "one interrupt in 67 million cycles is counted"


def test_a_timer_that_wraps_while_it_is_stopped(tmp_path: Path) -> None:
    """The overflow's interrupt then comes too late to be counted, and must not be taken off."""
    around = timed(tmp_path, "atmega328p", 10)[0] - 10
    for cycles in range(65_536 - around - 3, 65_536 - around + 5):
        reported, _counted = timed(tmp_path, "atmega328p", cycles)
        assert cycles + around - UNCOUNTED_ENTRY <= reported <= cycles + around


def timed(folder: Path, mcu: str, cycles: int) -> tuple[int, int]:
    """What the chip's timer and the simulator say of an inference that waits so many cycles."""
    (folder / "network.h").write_text(NETWORK_H, encoding="utf-8")
    (folder / "network.c").write_text(NETWORK_C.format(cycles=cycles), encoding="utf-8")
    chip = chips.CHIPS[mcu]
    elf = build(folder / "made", mcu, CLOCKS[chip.family], network=folder)
    listing = subprocess.run([companion("nm"), elf], capture_output=True, text=True, check=True).stdout
    entry = next(int(line.split()[0], 16) for line in listing.splitlines() if line.endswith(" gc_infer"))
    script = ROOT / "tests/board/simulate_inference.py"
    arguments = [mcu, CLOCKS[chip.family], chip.uart, elf.with_suffix(".hex"), entry, 4, 77]
    command = [sys.executable, script, *arguments]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    reported, counted = map(int, done.stdout.split()[-2:])
    return reported, counted
