"""The virtual board itself: chips, the UPDI interface against any bytes, ports, garbled baud rates."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.board import tiny_chip
from toolchain.board import image, protocol
from toolchain.board.link import Expected, Link
from toolchain.board.serial_line import SerialLine
from toolchain.board.virtual import memory, updi
from toolchain.board.virtual.noise import Noise, garble
from toolchain.board.virtual_board import VirtualBoard
from toolchain.errors import BoardError
from toolchain.memory.chip import facts


@pytest.mark.parametrize(
    ("mcu", "clock"),
    [("atmega4809", 20_000_000), ("atmega4809", 16_000_000), ("atmega3208", 20_000_000), ("atmega328p", 16_000_000)],
)
def test_the_firmware_runs_on_every_family_and_clock(tmp_path: Path, mcu: str, clock: int) -> None:
    content = image.read(tiny_chip.image(tmp_path, mcu, clock).with_suffix(".hex"))
    rng = random.Random(1)
    with (
        VirtualBoard(mcu, facts(mcu).flash_size, image=content, clock=clock) as board,
        SerialLine(board.serial, protocol.BAUD) as line,
    ):
        link = Link(line, Expected(tiny_chip.MODEL, tiny_chip.INPUTS, tiny_chip.OUTPUTS, content))
        assert link.hello().clock == clock
        for _ in range(3):
            data = rng.randbytes(tiny_chip.INPUTS)
            answer = link.infer(data)
            assert (answer.outputs, answer.class_) == tiny_chip.reference(data)
            assert 10_000 < answer.cycles < 100_000


@pytest.mark.parametrize(("clock", "value"), [(16_000_000, 1), (20_000_000, 2), (None, 2)])
def test_the_oscillators_fuse_is_set_for_the_clock(clock: int | None, value: int) -> None:
    """Else a manifest with another clock than the factory's could not be flashed: every run has a new board."""
    with VirtualBoard("atmega4809", 49_152, clock=clock) as board:
        assert board.tell(state=True)["fuses"][2] == value


def test_chips_without_a_simulator_have_no_virtual_board() -> None:
    with pytest.raises(BoardError, match=r"no virtual board for the atmega2560; connect a real one"):
        VirtualBoard("atmega2560", 262_144)


def interface() -> updi.Updi:
    return updi.Updi(memory.Memories((0x1E, 0x96, 0x51), 49152))


@given(st.binary(max_size=400))
def test_any_bytes_leave_the_updi_interface_alive(noise: bytes) -> None:
    chip = interface()
    for byte in noise:
        chip.take(byte)
    chip.break_()
    assert chip.take(updi.SYNCH) + chip.take(updi.LDCS | updi.STATUSA) == bytes([updi.UPDI_REVISION])


def send(chip: updi.Updi, *data: int) -> bytes:
    return b"".join(chip.take(byte) for byte in (updi.SYNCH, *data))


def test_memory_is_not_written_without_the_key() -> None:
    chip = interface()
    before = bytes(chip._memories.flash)
    send(chip, updi.STS | 0x04, 0x00, 0x40)  # store a byte at 0x4000
    chip.take(0x55)
    send(chip, updi.STS | 0x04, 0x00, 0x10)
    chip.take(memory.ERASE_WRITE_PAGE)
    assert bytes(chip._memories.flash) == before


def test_a_locked_chip_shows_nothing() -> None:
    chip = interface()
    chip._memories.flash[0] = 0x77
    assert send(chip, updi.LDS | 0x04, 0x00, 0x40) == b"\x77"
    chip._memories.lock = 0
    assert send(chip, updi.LDS | 0x04, 0x00, 0x40) == b"\x00"


def test_a_page_that_was_not_erased_keeps_its_zeros() -> None:
    memories = memory.Memories((0x1E, 0x96, 0x51), 49152)
    bus = memory.Bus(memories)
    for value, command in ((0x0F, memory.WRITE_PAGE), (0xF1, memory.WRITE_PAGE)):
        bus.write(memory.FLASH + 3, value)
        bus.write(memory.NVMCTRL, command)
    assert memories.flash[3] == 0x01
    bus.write(memory.FLASH + 3, 0xF1)
    bus.write(memory.NVMCTRL, memory.ERASE_WRITE_PAGE)
    assert memories.flash[3] == 0xF1


@given(st.binary(max_size=50), st.sampled_from([9600, 115_200, 500_000]))
def test_equal_rates_change_nothing_and_nearly_equal_ones_neither(data: bytes, rate: int) -> None:
    assert garble(data, rate, rate) == data
    assert garble(data, rate, round(rate * 1.03)) == data
    garble(data, rate, rate * 2)


def test_noise_comes_at_the_rate_that_was_asked_for() -> None:
    data = bytes(100_000)
    assert Noise()(data) == data
    assert 900 < len(data) - len(Noise(drop=0.01, seed=1)(data)) < 1100
    assert 900 < len(Noise(double=0.01, seed=1)(data)) - len(data) < 1100
    assert 900 < sum(byte != 0 for byte in Noise(flip=0.01, seed=1)(data)) < 1100
