"""Memories of a megaAVR 0-series chip as its programming interface sees them, and the NVM controller in front of them.

Written after the chip's data sheet (NVMCTRL, memory map). Flash, EEPROM, fuses, lock and user row outlive resets; the
page buffer does not. Writing a page only clears bits, as on silicon: what was not erased before stays wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FUSE_COUNT = 10
SYSCFG_REVISION = 0x0F01
NVMCTRL = 0x1000
SIGNATURE = 0x1100
SERIAL_NUMBER = bytes(range(0x30, 0x3A))
FUSES = 0x1280
LOCK = 0x128A
USER_ROW = 0x1300
EEPROM = 0x1400
FLASH = 0x4000
UNLOCKED = 0xC5
CTRLA, STATUS, DATA_LOW, DATA_HIGH, ADDRESS_LOW, ADDRESS_HIGH = 0, 2, 6, 7, 8, 9
WRITE_ERROR = 0x04
(NO_COMMAND, WRITE_PAGE, ERASE_PAGE, ERASE_WRITE_PAGE, CLEAR_BUFFER, CHIP_ERASE, ERASE_EEPROM, WRITE_FUSE) = range(8)
FACTORY_FUSES = (0x00, 0x00, 0x02, 0xFF, 0x00, 0xC0, 0x07, 0x00, 0x00, 0xFF)


@dataclass
class Memories:
    """Everything that stays when the power goes. ``stuck`` are flash addresses whose cells no longer take a write."""

    signature: tuple[int, int, int]
    flash_size: int
    ram_start: int = 0x2800
    flash: bytearray = field(default_factory=bytearray)
    eeprom: bytearray = field(default_factory=lambda: bytearray(b"\xff" * 256))
    user_row: bytearray = field(default_factory=lambda: bytearray(b"\xff" * 64))
    fuses: bytearray = field(default_factory=lambda: bytearray(FACTORY_FUSES))
    lock: int = UNLOCKED
    stuck: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.flash:
            self.flash = bytearray(b"\xff" * self.flash_size)

    @property
    def locked(self) -> bool:
        return self.lock != UNLOCKED

    @property
    def page_size(self) -> int:
        return 128 if self.flash_size > 0x4000 else 64

    def chip_erase(self) -> None:
        """Flash and EEPROM (unless fuse EESAVE) become 0xFF, and the lock falls last, when there is nothing left to
        read.
        """
        self.flash[:] = b"\xff" * self.flash_size
        if not self.fuses[5] & 0x01:
            self.eeprom[:] = b"\xff" * len(self.eeprom)
        self.lock = UNLOCKED


class Bus:
    """The data space as UPDI reads and writes it while the processor stands still."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._ram = bytearray(0x4000 - memories.ram_start)
        self._registers = bytearray(10)
        self._target = 0
        self._buffer = bytearray()
        self.clear()

    def clear(self) -> None:
        """The page buffer as it is after a reset."""
        self._buffer = bytearray(b"\xff" * self._memories.page_size)

    def read(self, address: int) -> int:
        """One byte; unmapped addresses read 0."""
        memory, offset = self._region(address)
        if memory is not None:
            return memory[offset]
        if address == NVMCTRL + STATUS:
            return self._registers[STATUS]  # never busy: programmers' patience is in wall-clock time, ours is not
        if NVMCTRL <= address < NVMCTRL + len(self._registers):
            return self._registers[address - NVMCTRL]
        if SIGNATURE <= address < SIGNATURE + 3:
            return self._memories.signature[address - SIGNATURE]
        if SIGNATURE + 3 <= address < SIGNATURE + 3 + len(SERIAL_NUMBER):
            return SERIAL_NUMBER[address - SIGNATURE - 3]
        if address == LOCK:
            return self._memories.lock
        return 0x10 if address == SYSCFG_REVISION else 0

    def write(self, address: int, value: int) -> None:
        """One byte; a write to non-volatile memory goes to the page buffer, one to NVMCTRL.CTRLA is a command."""
        memory, _ = self._region(address)
        if memory is self._ram:
            self._ram[address - self._memories.ram_start] = value
        elif memory is not None and memory is not self._memories.fuses:
            self._buffer[address % self._memories.page_size] &= value
            self._target = address
        elif address == NVMCTRL + CTRLA:
            self._command(value & 0x07)
        elif NVMCTRL <= address < NVMCTRL + len(self._registers) and address != NVMCTRL + STATUS:
            self._registers[address - NVMCTRL] = value

    def _region(self, address: int) -> tuple[bytearray | None, int]:
        memories = self._memories
        for start, memory in (
            (FLASH, memories.flash),
            (memories.ram_start, self._ram),
            (EEPROM, memories.eeprom),
            (USER_ROW, memories.user_row),
            (FUSES, memories.fuses),
        ):
            if start <= address < start + len(memory):
                return memory, address - start
        return None, 0

    def _command(self, command: int) -> None:
        self._registers[STATUS] = 0
        if command == CLEAR_BUFFER:
            self.clear()
        elif command == CHIP_ERASE:
            self._memories.chip_erase()
        elif command == ERASE_EEPROM:
            self._memories.eeprom[:] = b"\xff" * len(self._memories.eeprom)
        elif command == WRITE_FUSE:
            self._write_fuse()
        elif command in (WRITE_PAGE, ERASE_PAGE, ERASE_WRITE_PAGE):
            self._page(erase=command != WRITE_PAGE, write=command != ERASE_PAGE)

    def _page(self, erase: bool, write: bool) -> None:
        memory, offset = self._region(self._target)
        if memory is None:
            self._registers[STATUS] = WRITE_ERROR
            return
        size = min(self._memories.page_size, len(memory))
        first = offset // size * size
        for index in range(size):
            if memory is self._memories.flash and first + index in self._memories.stuck:
                continue
            if erase:
                memory[first + index] = 0xFF
            if write:
                memory[first + index] &= self._buffer[index]
        if write:
            self.clear()

    def _write_fuse(self) -> None:
        address = self._registers[ADDRESS_LOW] | self._registers[ADDRESS_HIGH] << 8
        if FUSES <= address < FUSES + FUSE_COUNT:
            self._memories.fuses[address - FUSES] = self._registers[DATA_LOW]
        elif address == LOCK:
            self._memories.lock = self._registers[DATA_LOW]
        else:
            self._registers[STATUS] = WRITE_ERROR
