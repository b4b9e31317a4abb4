"""Run as a process of its own, because it uses the simulator: one inference of an image, timed from outside.

``python simulate_inference.py MCU CLOCK UART IMAGE ENTRY INPUTS MODEL`` prints two numbers: the cycles that the chip's
own timer reports, and those that the simulator counted between the entry and the return of gc_infer (at byte address
ENTRY).
"""

from __future__ import annotations

import sys
from pathlib import Path

import yasimavr.lib.core as core

from toolchain.board import chips, image, protocol
from toolchain.board.virtual.chip import SimulatedChip, registers

CALL = {"avrxt": 4, "avr": 4}  # cycles of CALL in the simulator, whose core is the classic one; the timer counts it


def main() -> None:
    mcu, clock, uart, path, entry, inputs, model = sys.argv[1:]
    flash = image.read(Path(path)).ljust(int(inputs) + 0x8000, b"\xff")
    reported = reported_cycles(mcu, flash, int(clock), int(uart), int(inputs), int(model))
    print(reported, counted_cycles(mcu, flash, int(clock), int(uart), int(inputs), int(model), int(entry)))


def power_up(mcu: str, flash: bytes, clock: int, uart: int, inputs: int, model: int) -> SimulatedChip:
    """A chip with an inference's request on its line."""
    chip = SimulatedChip(mcu, flash, clock, uart, registers(chips.chip(mcu).family, uart))
    chip.run()
    data = bytes(range(256)) * (inputs // 256 + 1)
    chunks = [data[at : min(at + protocol.CHUNK, inputs)] for at in range(0, inputs, protocol.CHUNK)]
    messages = [protocol.DATA.pack(9, index, tail=chunk) for index, chunk in enumerate(chunks)]
    messages.append(protocol.INFER.pack(9, protocol.input_crc(data[:inputs], model)))
    chip.receive(b"".join(map(protocol.frame, messages)))
    return chip


def reported_cycles(mcu: str, flash: bytes, clock: int, uart: int, inputs: int, model: int) -> int:
    chip = power_up(mcu, flash, clock, uart, inputs, model)
    unframer = protocol.Unframer()
    while True:
        for message in unframer.feed(chip.run()):
            found = protocol.RESULT.unpack(message)
            if found is not None:
                return found[1]["cycles"]


def counted_cycles(mcu: str, flash: bytes, clock: int, uart: int, inputs: int, model: int, entry: int) -> int:
    chip = power_up(mcu, flash, clock, uart, inputs, model)
    probe, stop = chip._probe, core.Device.State.Break
    probe.insert_breakpoint(entry)
    while chip._device.state() != stop:
        chip.run()
    high, low = bytes(probe.read_data(probe.read_sp() + 1, 2))
    probe.remove_breakpoint(entry)
    probe.insert_breakpoint((high << 8 | low) * 2)
    # Reaching a breakpoint, run(n) sets the counter to the end of its slice: the whole run is one that only ends there.
    before = chip.cycle
    probe.set_device_state(core.Device.State.Running)
    chip._loop.run()
    return chip.cycle - before + CALL[chips.chip(mcu).core]


main()
