"""Running AVR code in the timing core, from Python.

    core = Core(Path("build/mnist_dense32/firmware.elf"), "atmega4809")
    result = core.call("gc_infer")          # result.cycles, result.value, result.stack

Data addresses are those of the CPU (SRAM of the ATmega4809 from 0x2800); addresses in flash are in bytes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import GoldcrestError
from toolchain.memory import chip
from toolchain.memory.elf import CODE, DATA_BASE, Image
from toolchain.memory.stream import PIECE
from toolchain.simulator import native

if TYPE_CHECKING:
    import numpy as np

CYCLE_LIMIT = 2_000_000_000
"""Cycles after which a call is taken to hang: 100 seconds of a chip at 20 MHz."""

REACH = 0x10000  # what a 16-bit address reaches
STACK_ROOM = 512

RETURNED, BREAKPOINT, CYCLE_LIMIT_REACHED, ILLEGAL, BAD_ADDRESS, BAD_PC, BREAK, STEPPED, SLEPT = range(9)

_REASONS = {
    CYCLE_LIMIT_REACHED: "did not return within the cycle limit",
    ILLEGAL: "reached an opcode that the chip does not have (0x{opcode:04x})",
    BAD_ADDRESS: "used the data or flash address 0x{fault:04x}, where the chip has no memory",
    BAD_PC: "left the program memory",
    BREAK: "reached a BREAK instruction",
    SLEPT: "went to sleep, and no interrupt can wake this simulator",
}


class SimulationError(GoldcrestError):
    """Code that did what no correct program does; names the function and the address."""


@dataclass(frozen=True)
class CallResult:
    """``cycles`` from CALL to RET, both included; ``value`` is r25:r24; ``stack`` counts the bytes below the SP at the
    CALL, its return address included."""

    cycles: int
    value: int
    stack: int

    @property
    def byte(self) -> int:
        """A uint8_t result: r24."""
        return self.value & 0xFF


@dataclass(frozen=True)
class Callee:
    """One call made by a watched function: cycles from the call instruction to the return, both included.

    ``begin`` and ``end`` are the cycle counter before and after.
    """

    name: str
    begin: int
    end: int

    @property
    def cycles(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True)
class Batch:
    """Inferences in order: outputs uint8 (n, bytes), classes uint8 (n,), cycles uint64 (n,); the deepest stack."""

    outputs: np.ndarray
    classes: np.ndarray
    cycles: np.ndarray
    stack: int


class TooLarge(SimulationError):
    """An image so far beyond its chip that no larger sibling of it could run it: there is nothing to simulate."""


def roomy(facts: chip.Facts, image: Image) -> chip.Facts:
    """The chip, with memory added as far as the image needs it: what does not fit is still measured.

    Raises TooLarge if 16-bit addresses do not reach it all, or if data would lie where the chip maps flash that it
    reads.
    """
    flash_end = max((load + len(content) for load, _address, content in image.segments), default=0)
    ram_end = max((s.address - DATA_BASE + s.size for s in image.sections if s.in_ram), default=0)
    flash_size, ram_size, mapped_size = facts.flash_size, facts.ram_size, facts.mapped_size
    if flash_end > flash_size:
        if any(flash_size <= reach < flash_end for reach in (REACH, 2 * REACH)):  # of pointers, of return addresses
            raise TooLarge(f"{image.path}: {flash_end:,} bytes of program cannot be addressed on {facts.mcu}")
        flash_size = flash_end + flash_end % 2
    if ram_end + STACK_ROOM > facts.ram_end + 1:
        ram_size = ram_end + STACK_ROOM - facts.ram_start
        mapped = any(s.in_flash and s.address != s.load_address and s.address < DATA_BASE for s in image.sections)
        if facts.ram_start + ram_size > REACH or (mapped and facts.ram_start + ram_size > facts.mapped_start):
            raise TooLarge(f"{image.path}: {ram_size:,} bytes of data cannot be addressed on {facts.mcu}")
        mapped_size = 0 if facts.ram_start + ram_size > facts.mapped_start else mapped_size
    return replace(facts, flash_size=flash_size, ram_size=ram_size, mapped_size=mapped_size)


class Core:
    """A chip with an image loaded: flash as in the file, .data initialized, .bss zero, SP at the end of SRAM.

    An image that is too large for the chip gets a larger one (see ``roomy``).
    Raises GoldcrestError for an image that cannot be read, and ToolError for a chip that the compiler does not know.
    """

    def __init__(self, elf: Path | Image, mcu: str) -> None:
        self.image = elf if isinstance(elf, Image) else Image(elf)
        self.facts = roomy(chip.facts(mcu), self.image)
        self._c = native.library()
        self._profiling = False
        facts = self.facts
        windowed = facts.core == "avrxt" and facts.flash_size > facts.mapped_size > 0
        config = native.Config(
            classic=facts.core == "avr",
            wide_pc=facts.return_address_bytes == 3,
            flash_size=facts.flash_size,
            ram_start=facts.ram_start,
            ram_size=facts.ram_size,
            io_size=facts.io_size,
            map_start=facts.mapped_start,
            map_size=facts.mapped_size,
            flmap=0x1001 if windowed else 0,  # NVMCTRL.CTRLB
        )
        self._m = self._c.avr_new(ctypes.byref(config))
        if not self._m:
            raise MemoryError("no memory for a simulated chip")
        size = 0x10000
        self._data = (ctypes.c_uint8 * size).from_address(ctypes.addressof(self._c.avr_data(self._m).contents))
        self.registers = (ctypes.c_uint8 * 32).from_address(ctypes.addressof(self._c.avr_registers(self._m).contents))
        for load, address, content in self.image.segments:
            self.write_flash(load, content)
            if address is not None and facts.ram_start <= address <= facts.ram_end:
                self.write(address, content)

    def __del__(self) -> None:
        if getattr(self, "_m", None):
            self._c.avr_free(self._m)

    # Memory

    def data_address(self, where: str | int) -> int:
        """The CPU's data address of a symbol, or the number itself."""
        if isinstance(where, int):
            return where
        address = self.image.address(where)
        if address >= DATA_BASE:
            return address - DATA_BASE
        if self.facts.mapped_size and address >= self.facts.mapped_start and self.image.section_at(address) != CODE:
            return address
        raise SimulationError(f"{where} lies in flash, not in data memory")

    def flash_address(self, where: str | int) -> int:
        """The byte address in flash of a symbol (mapped .rodata too), or the number itself."""
        if isinstance(where, int):
            return where
        address = self.image.address(where)
        section = self.image.section_at(address)
        for candidate in self.image.sections:
            if candidate.name == section and candidate.in_flash:
                return candidate.load_address + address - candidate.address
        raise SimulationError(f"{where} does not lie in flash")

    def read(self, where: str | int, count: int) -> bytes:
        """Bytes of data memory (SRAM, or the I/O space as it was written)."""
        address = self.data_address(where)
        self._check_range(address, count, len(self._data))
        return bytes(self._data[address : address + count])

    def write(self, where: str | int, content: bytes) -> None:
        address = self.data_address(where)
        self._check_range(address, len(content), len(self._data))
        ctypes.memmove(ctypes.addressof(self._data) + address, content, len(content))

    def read_flash(self, where: str | int, count: int) -> bytes:
        address = self.flash_address(where)
        self._check_range(address, count, self.facts.flash_size)
        return ctypes.string_at(ctypes.addressof(self._c.avr_flash(self._m).contents) + address, count)

    def write_flash(self, where: str | int, content: bytes) -> None:
        """Replaces bytes of flash (code is decoded anew). Raises SimulationError if they lie outside of it."""
        address = self.flash_address(where)
        self._check_range(address, len(content), self.facts.flash_size)
        self._c.avr_write_flash(self._m, address, content, len(content))

    @staticmethod
    def _check_range(address: int, count: int, size: int) -> None:
        if not 0 <= address <= address + count <= size:
            raise SimulationError(f"{count} bytes from 0x{address:04x} lie outside the memory of {size} bytes")

    # State

    @property
    def cycles(self) -> int:
        """The cycle counter since the chip was made."""
        return int(self._c.avr_cycles(self._m))

    @property
    def pc(self) -> int:
        """The program counter as a byte address."""
        return 2 * int(self._c.avr_pc(self._m))

    @pc.setter
    def pc(self, address: int) -> None:
        self._c.avr_set_pc(self._m, address // 2)

    @property
    def sp(self) -> int:
        return int(self._c.avr_sp(self._m))

    @sp.setter
    def sp(self, value: int) -> None:
        self._c.avr_set_sp(self._m, value)
        self._c.avr_set_min_sp(self._m, min(value, self.lowest_sp))

    @property
    def sreg(self) -> int:
        return int(self._c.avr_sreg(self._m))

    @sreg.setter
    def sreg(self, value: int) -> None:
        self._c.avr_set_sreg(self._m, value)

    @property
    def lowest_sp(self) -> int:
        """The deepest stack pointer so far: what a painted stack would show."""
        return int(self._c.avr_min_sp(self._m))

    def forget_lowest_sp(self) -> None:
        """Observe the stack from here on."""
        self._c.avr_set_min_sp(self._m, self.sp)

    # Running

    def call(self, where: str | int, arguments: Sequence[int] = (), cycle_limit: int = CYCLE_LIMIT) -> CallResult:
        """Calls a function from outside the program and runs it to its end.

        ``arguments`` are 16-bit words (or bytes, zero-extended) in avr-gcc's order: r25:r24, r23:r22, …. Breakpoints
        are passed over. Raises SimulationError if the function does not return.
        """
        self.enter(where, arguments)
        while self.resume(cycle_limit) == BREAKPOINT:
            pass
        return self.result()

    def enter(self, where: str | int, arguments: Sequence[int] = ()) -> None:
        """Begins a call (see ``call``); ``resume`` runs it and ``result`` says what came of it."""
        for position, argument in enumerate(arguments):
            self.registers[24 - 2 * position] = argument & 0xFF
            self.registers[25 - 2 * position] = argument >> 8 & 0xFF
        self._entry_cycles, self._entry_sp, self._outer_lowest = self.cycles, self.sp, self.lowest_sp
        self.forget_lowest_sp()
        self._c.avr_enter(self._m, self.flash_address(where) // 2)

    def result(self) -> CallResult:
        """The result of the call that has just returned."""
        result = CallResult(
            self.cycles - self._entry_cycles,
            self.registers[24] | self.registers[25] << 8,
            self._entry_sp - self.lowest_sp,
        )
        self._c.avr_set_min_sp(self._m, min(self.lowest_sp, self._outer_lowest))
        return result

    def resume(self, cycle_limit: int = CYCLE_LIMIT) -> int:
        """Runs on until the call returns (RETURNED) or a breakpoint is reached (BREAKPOINT, not yet executed)."""
        reason = int(self._c.avr_run(self._m, self.cycles + cycle_limit))
        if reason not in (RETURNED, BREAKPOINT):
            raise self._failure(reason)
        return reason

    def run(self, until: str | int, cycle_limit: int = CYCLE_LIMIT) -> int:
        """Runs from the present program counter (reset: 0) to an address or symbol; returns the cycles it took."""
        before = self.cycles
        target = self.flash_address(until)
        self.set_breakpoint(target)
        try:
            while True:
                reason = int(self._c.avr_run(self._m, before + cycle_limit))
                if reason == BREAKPOINT and self.pc == target:
                    return self.cycles - before
                if reason != BREAKPOINT:
                    raise self._failure(reason)
        finally:
            self.set_breakpoint(target, False)

    def step(self, count: int = 1) -> None:
        """Executes instructions one by one. Raises SimulationError where ``call`` would."""
        reason = int(self._c.avr_step(self._m, count))
        if reason not in (STEPPED, RETURNED):
            raise self._failure(reason)

    def set_breakpoint(self, where: str | int, on: bool = True) -> None:
        self._c.avr_set_breakpoint(self._m, self.flash_address(where) // 2, on)

    def _failure(self, reason: int) -> SimulationError:
        opcode = 0
        if self.pc + 2 <= self.facts.flash_size:
            opcode = int.from_bytes(self.read_flash(self.pc, 2), "little")
        text = _REASONS.get(reason, f"stopped for reason {reason}").format(
            opcode=opcode, fault=self._c.avr_fault(self._m)
        )
        return SimulationError(f"{self.image.path}: {self.image.function_at(self.pc)} (pc 0x{self.pc:04x}) {text}")

    # Measuring

    def start_profile(self) -> None:
        """Counts cycles per instruction from here on (slower); ``profile`` reads them."""
        self._counters = self._c.avr_profile(self._m, 1)
        self._profiling = True

    def profile(self) -> dict[str, int]:
        """Cycles spent in each function itself (not in what it calls) since ``start_profile``, largest first."""
        spent: dict[str, int] = {}
        for address, cycles in self.profile_addresses().items():
            name = self.image.function_at(address)
            spent[name] = spent.get(name, 0) + cycles
        return dict(sorted(spent.items(), key=lambda item: (-item[1], item[0])))

    def profile_addresses(self) -> dict[int, int]:
        """Cycles spent at each byte address of flash that was executed since ``start_profile``."""
        if not self._profiling:
            raise SimulationError("no profile was started")
        words = self.facts.flash_size // 2
        return {2 * word: count for word, count in enumerate(self._counters[:words]) if count}

    def watch(self, function: str) -> None:
        """Records the calls that ``function`` makes itself (what they call in turn belongs to them)."""
        symbol = next((s for s in self.image.functions if s.name == function), None)
        if symbol is None:
            raise SimulationError(f"{self.image.path}: has no function {function!r}")
        self._c.avr_watch(self._m, symbol.address // 2, (symbol.address + symbol.size) // 2)

    def callees(self) -> list[Callee]:
        """The calls recorded since ``watch``, in order of time."""
        recorded = self._c.avr_callees(self._m)
        count = self._c.avr_callee_count(self._m)
        return [
            Callee(self.image.function_at(2 * recorded[n].target), int(recorded[n].begin), int(recorded[n].end))
            for n in range(count)
        ]

    @property
    def streamed(self) -> bool:
        """Whether the network takes its input in pieces."""
        return any(symbol.name == "gc_feed" for symbol in self.image.functions)

    def give(self, codes: bytes) -> tuple[int, int]:
        """Puts one input where gc_infer looks for it; returns the cycles and the stack of gc_feed, if it has that."""
        if not self.streamed:
            self.write(self.call("gc_input").value, codes)
            return 0, 0
        self.call("gc_begin")
        cycles = stack = 0
        for start in range(0, len(codes), PIECE):
            self.write(self.call("gc_input").value, codes[start : start + PIECE])
            taken = self.call("gc_feed")
            cycles, stack = cycles + taken.cycles, max(stack, taken.stack)
        return cycles, stack

    def infer_many(self, inputs: np.ndarray, output_bytes: int, cycle_limit: int = CYCLE_LIMIT) -> Batch:
        """Runs gc_input, gc_infer and gc_output for each row of ``inputs`` (uint8 or int8, (n, bytes)).

        The cycles are those of gc_infer, from CALL to RET, and of gc_feed where the input is taken in pieces.
        """
        import numpy as np

        rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1)).view(np.uint8)
        count, input_bytes = rows.shape
        outputs = np.zeros((count, output_bytes), np.uint8)
        classes, cycles = np.zeros(count, np.uint8), np.zeros(count, np.uint64)
        names = ("input", "infer", "output", *(("feed",) if self.streamed else ()))
        entries = (ctypes.c_uint32 * 4)(*(self.flash_address(f"gc_{name}") // 2 for name in names))
        piece = PIECE if self.streamed else input_bytes
        if self.streamed:
            self.call("gc_begin")
        finished = ctypes.c_uint32()
        before, outer_lowest = self.sp, self.lowest_sp
        self.forget_lowest_sp()
        reason = self._c.avr_batch(
            self._m, entries, rows.ctypes.data, input_bytes, piece, count, outputs.ctypes.data, output_bytes,
            classes.ctypes.data, cycles.ctypes.data, cycle_limit, ctypes.byref(finished),
        )  # fmt: skip
        if reason != RETURNED:
            raise self._failure(reason)
        stack = before - self.lowest_sp
        self._c.avr_set_min_sp(self._m, min(self.lowest_sp, outer_lowest))
        return Batch(outputs, classes, cycles, stack)
