"""The other simulator (yasimavr), stepped one instruction at a time beside ours."""

from __future__ import annotations

import random
from dataclasses import dataclass

import yasimavr.lib.core as yasimavr
from yasimavr.device_library import load_device

from toolchain.simulator.core import Core


@dataclass(frozen=True)
class State:
    """What an instruction can change."""

    registers: bytes
    sreg: int
    sp: int
    pc: int
    sram: bytes


class Peer:
    """A chip in yasimavr, its state read and written as ours is."""

    def __init__(self, mcu: str, frequency: int = 16_000_000) -> None:
        self.device = load_device(mcu)
        self.loop = yasimavr.SimLoop(self.device)
        block = yasimavr.Firmware.block_view_t()
        block.base, block.bytes = 0, bytes(2)
        firmware = yasimavr.Firmware()
        firmware.frequency, firmware.vcc = frequency, 5.0
        firmware.add_block(yasimavr.Firmware.Area.Flash, block)
        self.device.load_firmware(firmware)
        self.probe = yasimavr.DeviceDebugProbe(self.device)

    def step(self) -> int:
        """Executes one instruction; returns its cycles as the classic core counts them."""
        return int(self.device.exec_cycle())

    def write(self, state: State, ram_start: int) -> None:
        for number, value in enumerate(state.registers):
            self.probe.write_gpreg(number, value)
        self.probe.write_sreg(state.sreg)
        self.probe.write_sp(state.sp)
        self.probe.write_pc(state.pc)
        self.probe.write_data(ram_start, state.sram)

    def read(self, ram_start: int, ram_size: int) -> State:
        registers = bytes(self.probe.read_gpreg(number) for number in range(32))
        sram = bytes(self.probe.read_data(ram_start, ram_size))
        return State(registers, self.probe.read_sreg(), self.probe.read_sp(), self.probe.read_pc(), sram)


def write_ours(core: Core, state: State) -> None:
    core.registers[:] = state.registers
    core.sreg, core.sp, core.pc = state.sreg, state.sp, state.pc
    core.write(core.facts.ram_start, state.sram)


def read_ours(core: Core) -> State:
    sram = core.read(core.facts.ram_start, core.facts.ram_size)
    return State(bytes(core.registers), core.sreg, core.sp, core.pc, sram)


def random_state(source: random.Random, core: Core, pc: int) -> State:
    """Anything, but with X, Y, Z and SP well within SRAM. I is clear, so that no interrupt comes in between."""
    facts = core.facts
    registers = bytearray(source.randbytes(32))
    if source.random() < 0.3:  # equal operands are rare otherwise
        registers[:] = bytes([source.choice((0, 1, 0x7F, 0x80, 0xFF))]) * 32
    for pointer in (26, 28, 30):
        registers[pointer : pointer + 2] = source.randrange(facts.ram_start + 80, facts.ram_end - 80).to_bytes(
            2, "little"
        )
    sp = source.randrange(facts.ram_start + 80, facts.ram_end - 80)
    return State(bytes(registers), source.randrange(128), sp, pc, source.randbytes(facts.ram_size))
