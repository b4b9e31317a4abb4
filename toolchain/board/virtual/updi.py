"""The UPDI pin of a megaAVR 0-series chip: bytes in, bytes out.

Written after the data sheet's chapter on UPDI: synchronisation, LDCS/STCS, LDS/STS, LD/ST with REPEAT, KEY and the
system information block, and the ASI registers with their reset, lock and key logic. The wire is single: whoever
bridges it adds the echo.
"""

from __future__ import annotations

from collections.abc import Generator

from toolchain.board.virtual.memory import Bus, Memories

SYNCH, ACK, BREAK = 0x55, 0x40, 0x00
LDS, LD, STS, ST, LDCS, REPEAT, STCS, KEY = (opcode << 5 for opcode in range(8))
STATUSA, STATUSB, CTRLA, CTRLB, KEY_STATUS, RESET_REQ, ASI_CTRLA, SYS_CTRLA, SYS_STATUS = 0, 1, 2, 3, 7, 8, 9, 10, 11
NO_ACK = 0x08  # CTRLA.RSD
DISABLE = 0x04  # CTRLB.UPDIDIS
RESET_SIGNATURE = 0x59
IN_RESET, PROGRAMMING, USER_ROW_PROGRAMMING, LOCKED = 0x20, 0x08, 0x04, 0x01
KEY_ERASE, KEY_PROGRAM, KEY_USER_ROW = 0x08, 0x10, 0x20
KEYS = {b"NVMErase": KEY_ERASE, b"NVMProg ": KEY_PROGRAM, b"NVMUs&te": KEY_USER_ROW}
SYSTEM_INFORMATION = b"megaAVR P:0D:1-3M2 (01.59B14.0)\n"  # with its end, pymcuprog need not wait for one
UPDI_REVISION = 0x30
BAD_ACCESS = 0x05  # STATUSB.PESIG: bus error


class Updi:
    """The interface's state. ``halted`` says that the processor must not run; ``restarts`` counts the times it was let
    go.
    """

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._bus = Bus(memories)
        self._control = bytearray(16)
        self._pointer = 0
        self._repeat = 0
        self._in_reset = False
        self._programming = False
        self._keys = 0
        self._out = bytearray()
        self._machine = self._instructions()
        next(self._machine)
        self.restarts = 0

    @property
    def halted(self) -> bool:
        return self._in_reset or self._programming

    def break_(self) -> None:
        """A break: whatever instruction was under way is dropped."""
        self._machine = self._instructions()
        next(self._machine)
        self._repeat = 0
        self._control[CTRLA] = 0

    def take(self, byte: int) -> bytes:
        """One byte off the wire; returns what the chip answers to it."""
        self._machine.send(byte)
        answer = bytes(self._out)
        self._out.clear()
        return answer

    # ---- instructions ----

    def _instructions(self) -> Generator[None, int, None]:
        while True:
            byte = yield
            while byte != SYNCH:  # a break between instructions looks like a zero byte, and noise is skipped
                byte = yield
            code = yield
            kind = code & 0xE0
            if kind == LDCS:
                self._out.append(self._load_control(code & 0x0F))
            elif kind == STCS:
                self._store_control(code & 0x0F, (yield))
            elif kind == REPEAT:
                self._repeat = yield from self._number(code & 0x03)
            elif kind == KEY:
                yield from self._key(code)
            elif kind in (LDS, STS):
                yield from self._direct(kind, code)
            else:
                yield from self._indirect(kind, code)

    def _number(self, size: int) -> Generator[None, int, int]:
        value = 0
        for shift in range(0, 8 * (size + 1), 8):
            value |= (yield) << shift
        return value

    def _key(self, code: int) -> Generator[None, int, None]:
        length = 8 << (code & 0x03)
        if code & 0x04:
            self._out += SYSTEM_INFORMATION[:length]
            return
        key = bytearray()
        for _ in range(length):
            key.append((yield))
        self._keys |= KEYS.get(bytes(key[::-1]), 0)

    def _direct(self, kind: int, code: int) -> Generator[None, int, None]:
        address = yield from self._number(code >> 2 & 0x03)
        count = (code & 0x03) + 1
        if kind == LDS:
            self._out += bytes(self._read(address + index) for index in range(count))
            return
        self._acknowledge()
        value = yield from self._number(code & 0x03)
        for index in range(count):
            self._write(address + index, value >> 8 * index & 0xFF)
        self._acknowledge()

    def _indirect(self, kind: int, code: int) -> Generator[None, int, None]:
        mode, count = code >> 2 & 0x03, (code & 0x03) + 1
        times, self._repeat = self._repeat + 1, 0
        if mode == 2:
            if kind == ST:
                self._pointer = yield from self._number(code & 0x03)
                self._acknowledge()
            else:
                self._out += self._pointer.to_bytes(3, "little")[:count]
            return
        for _ in range(times):
            for index in range(count):
                at = self._pointer + (0 if mode == 1 else index)
                if kind == LD:
                    self._out.append(self._read(at))
                else:
                    self._write(at, (yield))
                if mode == 1:
                    self._pointer = self._pointer + 1 & 0xFFFFFF
            if kind == ST:
                self._acknowledge()

    def _acknowledge(self) -> None:
        if not self._control[CTRLA] & NO_ACK:
            self._out.append(ACK)

    def _read(self, address: int) -> int:
        if self._memories.locked:
            self._control[STATUSB] = BAD_ACCESS
            return 0
        return self._bus.read(address)

    def _write(self, address: int, value: int) -> None:
        if self._memories.locked or not self._programming:
            self._control[STATUSB] = BAD_ACCESS
        else:
            self._bus.write(address, value)

    # ---- control and status ----

    def _load_control(self, register: int) -> int:
        if register == STATUSA:
            return UPDI_REVISION
        if register == KEY_STATUS:
            return self._keys
        if register == SYS_STATUS:
            return (
                (IN_RESET if self._in_reset else 0)
                | (PROGRAMMING if self._programming else 0)
                | (LOCKED if self._memories.locked else 0)
            )
        value = self._control[register]
        if register == STATUSB:
            self._control[STATUSB] = 0
        return value

    def _store_control(self, register: int, value: int) -> None:
        if register == RESET_REQ:
            self._reset(value == RESET_SIGNATURE)
        elif register == KEY_STATUS:
            self._keys &= ~value
        elif register == CTRLB and value & DISABLE:
            self._keys = 0
            self._control[CTRLA] = self._control[CTRLB] = 0
            if self._programming:
                self._programming = False
                self.restarts += 1
        elif register not in (STATUSA, STATUSB, SYS_STATUS):
            self._control[register] = value

    def _reset(self, hold: bool) -> None:
        """Reset is applied while its signature stands; letting go is when keys open what they are for."""
        if hold:
            self._in_reset = True
            self._programming = False
            self._bus.clear()
        elif self._in_reset:
            self._in_reset = False
            if self._keys & KEY_ERASE:
                self._memories.chip_erase()
            self._programming = bool(self._keys & KEY_PROGRAM) and not self._memories.locked
            self._keys = 0
            if not self._programming:
                self.restarts += 1
