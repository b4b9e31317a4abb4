"""The simulated chip: yasimavr with an image in its flash and its USART within reach."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import yasimavr.lib.core as core
from yasimavr.device_library import load_device

from toolchain.board import protocol

SLICE = 40_000  # cycles between two looks at the outside: 2 ms at 20 MHz
BITS = 10  # a frame on the line: start, 8 data bits, stop
BUFFER = 2  # bytes that the USART holds for the program
RECEIVED = 0x80  # the status register's bit for a byte that waits, on every family
BURST = 16
MARGIN = 30  # cycles after a frame until the program has looked at it
QUIET, LONG_QUIET = 20, 400  # slices in the same small loop
POLLING_LOOP = 12  # bytes of code: the loop that waits for the serial line is smaller


@dataclass(frozen=True)
class Registers:
    """Data addresses of the USART's status and baud rate; ``fractional``: the divider is in 64ths (AVRxt), else 8
    clocks a bit.
    """

    status: int
    baud: int
    fractional: bool


def registers(family: str, uart: int) -> Registers:
    """Where USART ``uart`` of a chip family is."""
    if family == "megaavr0":
        base = 0x0800 + 0x20 * uart
        return Registers(base + 4, base + 8, True)
    return Registers(0xC0, 0xC4, False)


class SimulatedChip:
    """One power-up of a chip: built anew for every reset, so that nothing of the old run is left.

    ``flash`` is the program memory's content, ``clock`` is in Hz, ``uart`` the number of the USART on the outside.
    """

    def __init__(self, model: str, flash: bytes, clock: int, uart: int, registers: Registers) -> None:
        self._device = load_device(model)
        self._clock, self._registers = clock, registers
        self._line: deque[int] = deque()  # bytes that have not arrived yet
        self._buffer: deque[int] = deque()  # bytes that have, but that the program has no room for yet
        self._loop = core.SimLoop(self._device)
        self._device.load_firmware(_firmware(clock))
        self._program(flash)
        self._control = core.IOCTL_UART(str(uart))
        self._sent = bytearray()
        self._hook = core.CallableSignalHook(self._on_uart)  # kept: the simulator does not own it
        found, request = self._device.ctlreq(self._control, core.CTLREQ_GET_SIGNAL)
        if not found:
            raise ValueError(f"{model} has no USART {uart}")
        self._signal = request.data.value(core.Signal)
        self._signal.connect(self._hook)
        self._last = protocol.END  # byte that the program got
        self._probe = core.DeviceDebugProbe(self._device)
        self._quiet = 0

    def _program(self, flash: bytes) -> None:
        request = core.ctlreq_data_t()
        request.index = int(core.Core.NVM.Flash)
        _, request = self._device.ctlreq(core.IOCTL_CORE, core.CTLREQ_CORE_NVM, request)
        memory = request.data.as_ptr(core.NonVolatileMemory)
        memory.program(bytes(flash)[: memory.size()], 0)

    def _on_uart(self, signal: Any, _tag: int) -> None:
        if signal.sigid == _SENT:
            self._sent.append(signal.data.value() & 0xFF)

    @property
    def cycle(self) -> int:
        """Clock cycles since power-up."""
        return int(self._loop.cycle())

    @property
    def crashed(self) -> bool:
        """Whether the program ran into nothing (an empty flash does) and the chip stands still."""
        return self._device.state() in (core.Device.State.Crashed, core.Device.State.Done)

    def receive(self, data: bytes) -> None:
        """Puts bytes on the chip's receive line; they arrive one after another at its own baud rate."""
        self._line.extend(data)
        self._quiet = 0

    def run(self) -> bytes:
        """Runs one slice and returns what the chip sent in it."""
        if not self.crashed:
            before = self._probe.read_pc()
            if self._line or self._buffer:
                self._run_receiving()
            else:
                self._loop.run(SLICE)
            near = abs(self._probe.read_pc() - before) <= POLLING_LOOP
            self._quiet = self._quiet + 1 if near and not self._sent and not self._line else 0
        sent = bytes(self._sent)
        self._sent.clear()
        return sent

    def _run_receiving(self) -> None:
        """A slice in which the line is busy: a byte each frame's time, two bytes of buffer, and what comes after them
        is lost.

        The simulator's own buffer is not used, because it forgets to announce a second byte that waits in it: it gets
        a byte when the program has taken the last one. A program that keeps up gets several in one go, to save time;
        the end of a frame is the last of them, because answering is what makes our program look away from the line.
        """
        baud = self.baud
        if baud is None:
            self._line.clear()  # nobody listens
            self._loop.run(SLICE)
            return
        frame = BITS * self._clock // baud
        end = self.cycle + SLICE
        while self.cycle < end and (self._line or self._buffer):
            free = not self._probe.read_data(self._registers.status, 1)[0] & RECEIVED
            burst = bytearray()
            if free and not self._buffer:
                limit = 1 if self._last == protocol.END else BURST  # it may be looking away now
                while self._line and len(burst) < limit and protocol.END not in burst[-1:]:
                    burst.append(self._line.popleft())
            elif self._line:
                byte = self._line.popleft()
                if len(self._buffer) < BUFFER:
                    self._buffer.append(byte)
            if free and self._buffer:
                burst.append(self._buffer.popleft())
            if burst:
                self._last = burst[-1]
                request = core.ctlreq_data_t()
                request.data = core.vardata_t(bytes(burst))
                self._device.ctlreq(self._control, core.CTLREQ_USART_BYTES, request)
            self._loop.run(max(1, len(burst)) * frame + MARGIN)

    @property
    def idleness(self) -> int:
        """0: at work; 1: it seems to do nothing but wait for its serial line; 2: for long.

        A guess from the program counter, which stays in a small loop. A copying loop looks the same: good enough to
        save the host's time, not to stop the clock.
        """
        return (self._quiet >= QUIET) + (self._quiet >= LONG_QUIET)

    @property
    def baud(self) -> int | None:
        """The baud rate that the chip's USART is set to, or ``None`` before it is."""
        divider = int.from_bytes(self._probe.read_data(self._registers.baud, 2), "little")
        if self._registers.fractional:
            return 4 * self._clock // divider if divider else None
        return self._clock // (8 * (divider + 1))


def _firmware(clock: int) -> Any:
    """What yasimavr wants to load before it runs: the clock, and a word of program that is overwritten at once."""
    block = core.Firmware.block_view_t()
    block.base = 0
    block.bytes = bytes(2)
    firmware = core.Firmware()
    firmware.frequency = clock
    firmware.vcc = 5.0
    firmware.add_block(core.Firmware.Area.Flash, block)
    return firmware


_SENT = int(core.UART.SignalId.TX_Data)
