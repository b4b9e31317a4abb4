"""Worst-case stack of an image, from its machine code.

Every function is walked along all its branches with the stack pointer as an offset from its entry; frames are followed
through the registers (``frames``): ``in``/``out`` of SP, sbiw, subi/sbci, libgcc's shared prologues. Where two
branches meet at different depths, or SP gets a value that cannot be followed, the stack has no bound and the analysis
says so, naming the function.

    stack = deepest path from reset through main + the deepest interrupt handler

Handlers do not nest (the hardware masks them) unless one enables interrupts itself: then the others may come on top,
and such a handler is taken to have silenced its own source first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.memory.chip import Facts
from toolchain.memory.decode import Instruction, decode
from toolchain.memory.elf import Image
from toolchain.memory.frames import SpHalf, State, Value, arithmetic, signed

SPL, SPH = 0x3D, 0x3E
CALL_CLOBBERED = (0, *range(18, 28), 30, 31)
BRANCHES = ("brbs", "brbc")
SKIPS = ("cpse", "sbrc", "sbrs", "sbic", "sbis")
INTERRUPT_FLAG = 7


class StackError(GoldcrestError):
    """A stack without a bound that can be proven; the message names the function and the reason."""


@dataclass(frozen=True)
class Walk:
    """One function: its own deepest point, and {callee's address: depth at the call}, both as bytes below entry."""

    own: int
    calls: dict[int, int]
    enables_interrupts: bool
    writes_sp: bool


@dataclass(frozen=True)
class Bound:
    """Worst-case stack in bytes: ``total`` = ``main`` (from reset) + ``interrupts``; the paths name the functions."""

    total: int
    main: int
    interrupts: int
    path: tuple[str, ...]
    interrupt_path: tuple[str, ...]
    functions: dict[str, int]  # each name's largest frame, its return address included, as -fstack-usage counts


def bound(image: Image, facts: Facts, indirect: Mapping[str, Iterable[str]] | None = None) -> Bound:
    """The worst case of an image.

    ``indirect`` says what a function's indirect calls may reach: {function: names of callees}.
    Raises StackError for recursion, frames of varying size, and indirect calls that nothing is known of.
    """
    analysis = Analysis(image, facts, indirect or {})
    main, path = analysis.deepest(0)
    handlers = analysis.handlers()
    depths = {address: analysis.deepest(address) for address in handlers}
    nesting = [a for a in handlers if analysis.enables_interrupts(a)]
    plain = max((depths[a] for a in handlers if a not in nesting), default=(0, ()))
    interrupts = sum(depths[a][0] + facts.return_address_bytes for a in nesting)
    interrupt_path = tuple(name for a in nesting for name in depths[a][1])
    if plain[1]:
        interrupts += plain[0] + facts.return_address_bytes
        interrupt_path += plain[1]
    frames: dict[str, int] = {}
    for address, walk in analysis.walks.items():
        if address:  # two files may have a function of one name each, for themselves: the larger counts
            name = image.function_at(address)
            frames[name] = max(frames.get(name, 0), walk.own + facts.return_address_bytes)
    return Bound(main + interrupts, main, interrupts, path, interrupt_path, frames)


class Analysis:
    """The walks of an image's functions, made when asked for."""

    def __init__(self, image: Image, facts: Facts, indirect: Mapping[str, Iterable[str]]) -> None:
        self.image, self.facts = image, facts
        self.indirect = {name: [image.address(callee) for callee in callees] for name, callees in indirect.items()}
        self.flash = b"".join(_contiguous(image))
        self.walks: dict[int, Walk] = {}
        self._deepest: dict[int, tuple[int, tuple[str, ...]]] = {}
        self._under_way: list[int] = []

    def handlers(self) -> list[int]:
        """Entry points of the interrupt handlers that the program defines."""
        bad = self.image.addresses.get("__bad_interrupt")
        found: set[int] = set()
        address = decode(self.flash, 0).size
        while address < self.facts.vectors_size and address + 4 <= len(self.flash):
            one = decode(self.flash, address)
            if one.name in ("jmp", "rjmp"):  # on megaAVR 0-series chips of 8 KiB a nop follows each rjmp
                found.add(self.target(one))
            address += one.size
        return sorted(found - {bad})

    def target(self, one: Instruction) -> int:
        """Where a jump goes. Short ones wrap around the ends of flash; an image may be larger than the chip."""
        inside = 0 <= one.k < len(self.flash)
        return one.k if inside else one.k % self.facts.flash_size

    def pieces(self, name: str) -> list[int]:
        """What a kernel calls through a pointer: a kernel ``gc_k_x`` calls only functions ``gc_k_x_…`` so."""
        if not name.startswith("gc_k_"):
            return []
        return [symbol.address for symbol in self.image.functions if symbol.name.startswith(f"{name}_")]

    def threaded(self, high: int) -> list[int]:
        """Where a jump into the page of 256 words with this upper address byte may go, in a kernel of threaded code.

        Such a kernel marks its pages by a symbol gc_k_…_pages; in them, each piece of code ends in a jump.
        """
        page = high << 9
        for symbol in self.image.symbols:
            end = min(page + 0x200, symbol.address + symbol.size)
            if symbol.name.startswith("gc_k_") and symbol.name.endswith("_pages") and symbol.address <= page < end:
                places, address = [page], page
                while address < end:
                    one = decode(self.flash, address)
                    address += one.size
                    if one.name in ("ijmp", "rjmp") and address < end:
                        places.append(address)
                return places
        return []

    def deepest(self, entry: int) -> tuple[int, tuple[str, ...]]:
        """Bytes below SP at entry on the deepest path, and the functions on it."""
        if entry in self._deepest:
            return self._deepest[entry]
        name = self.name(entry)
        if entry in self._under_way:
            cycle = [self.name(a) for a in self._under_way[self._under_way.index(entry) :]]
            raise StackError(
                f"{self.image.path}: {name} calls itself ({' → '.join([*cycle, name])}), so its stack has no bound; "
                "write it as a loop"
            )
        self._under_way.append(entry)
        walk = self.walk(entry)
        best: tuple[int, tuple[str, ...]] = (walk.own, (name,))
        for callee, depth in walk.calls.items():
            below, path = self.deepest(callee)
            if depth + self.facts.return_address_bytes + below > best[0]:
                best = (depth + self.facts.return_address_bytes + below, (name, *path))
        self._under_way.pop()
        self._deepest[entry] = best
        return best

    def name(self, entry: int) -> str:
        return self.image.function_at(entry) if entry else "reset"

    def enables_interrupts(self, entry: int) -> bool:
        walk = self.walk(entry)
        return walk.enables_interrupts or any(self.enables_interrupts(callee) for callee in walk.calls)

    def walk(self, entry: int) -> Walk:
        if entry not in self.walks:
            self.walks[entry] = _Walker(self, entry).walk()
        return self.walks[entry]


class _Walker:
    """The walk through one function, tail calls included: a fixed point over the states before each instruction."""

    def __init__(self, analysis: Analysis, entry: int) -> None:
        self.analysis, self.entry = analysis, entry
        self.name = analysis.name(entry)
        self.states: dict[int, State] = {}
        self.pending: list[int] = []
        self.lowest = 0
        self.calls: dict[int, int] = {}
        self.enables = self.writes_sp = False

    def walk(self) -> Walk:
        registers: list[Value] = [None] * 32
        registers[1] = 0  # avr-gcc's zero register; a handler clears it itself before it relies on it
        self._reach(self.entry, State(0, tuple(registers)))
        while self.pending:
            address = self.pending.pop()
            self._execute(address, self.states[address])
        return Walk(-self.lowest, self.calls, self.enables, self.writes_sp)

    def _fail(self, address: int, reason: str) -> StackError:
        where = self.analysis.image.function_at(address)
        within = self.name if where == self.name else f"{where} (reached from {self.name})"
        return StackError(f"{self.analysis.image.path}: {within} {reason} (at 0x{address:04x})")

    def _reach(self, address: int, state: State) -> None:
        """A path comes to this address in this state."""
        if not 0 <= address <= len(self.analysis.flash) - 2:
            raise self._fail(address, "jumps to where the image has no code")
        self.lowest = min(self.lowest, state.depth)
        known = self.states.get(address)
        if known is None:
            merged = state
        else:
            if known.depth != state.depth:
                raise self._fail(
                    address, f"reaches one place with {-known.depth} and with {-state.depth} bytes on the stack, so "
                    "its stack has no bound that can be proven"
                )  # fmt: skip
            merged = State(
                state.depth,
                tuple(a if a == b else None for a, b in zip(known.registers, state.registers, strict=True)),
                state.borrow if state.borrow == known.borrow else None,
                state.written if state.written == known.written else (),
            )
        if merged != known:
            self.states[address] = merged
            self.pending.append(address)

    def _execute(self, address: int, state: State) -> None:
        one = decode(self.analysis.flash, address)
        following = address + one.size
        name = one.name
        if name in ("ret", "reti"):
            self._leave(address, state)
        elif name in ("jmp", "rjmp") and one.k == self.analysis.image.addresses.get("__tablejump2__"):
            self._switch(following, state)
        elif name in ("jmp", "rjmp"):
            if one.k != address:  # a jump to itself is where a program ends
                self._reach(self.analysis.target(one), state)
        elif name in ("ijmp", "eijmp"):
            self._indirect_jump(address, state)
        elif name in ("call", "rcall"):
            self._call(address, self.analysis.target(one), following, state)
        elif name in ("icall", "eicall"):
            for target in self._indirect_targets(address, state):
                self._call(address, target, following, state)
        elif name in BRANCHES:
            self._reach(following, state)
            self._reach(self.analysis.target(one), state)
        elif name in SKIPS:
            self._reach(following, state)
            self._reach(following + decode(self.analysis.flash, following).size, state)
        elif name == "illegal":
            raise self._fail(address, "holds something that is no instruction")
        else:
            self._reach(following, self._effect(address, one, state))

    # Calls and jumps

    def _call(self, address: int, target: int, following: int, state: State) -> None:
        size = self.analysis.facts.return_address_bytes
        if target == following:  # `rcall .`: room for a small frame
            self._reach(following, replace(state, depth=state.depth - size))
            return
        self.calls[target] = max(self.calls.get(target, 0), -state.depth)
        self.lowest = min(self.lowest, state.depth)
        registers = list(state.registers)
        for number in CALL_CLOBBERED:
            registers[number] = None
        registers[1] = 0
        self._reach(following, replace(state, registers=tuple(registers), borrow=None))

    def _indirect_targets(self, address: int, state: State) -> list[int]:
        low, high = state.registers[30], state.registers[31]
        if isinstance(low, int) and isinstance(high, int):
            return [2 * (low | high << 8)]
        where = self.analysis.image.function_at(address)
        if where not in self.analysis.indirect and (pieces := self.analysis.pieces(where)):
            return pieces
        if where not in self.analysis.indirect:
            raise self._fail(
                address, "calls through a pointer, and what it may call is not known; call functions by name, or "
                f"list the callees of {where} for the stack analysis"
            )  # fmt: skip
        return self.analysis.indirect[where]

    def _indirect_jump(self, address: int, state: State) -> None:
        low, high = state.registers[30], state.registers[31]
        if isinstance(low, int) and isinstance(high, int):
            self._reach(2 * (low | high << 8), state)
            return
        if isinstance(high, int) and (places := self.analysis.threaded(high)):
            for place in places:
                self._reach(place, state)
            return
        raise self._fail(address, "jumps through a pointer that cannot be followed; compile with -fno-jump-tables")

    def _switch(self, table: int, state: State) -> None:
        """A jump to libgcc's __tablejump2__: word addresses of the cases follow it, up to the first case's code."""
        name, flash = self.analysis.image.function_at(table), self.analysis.flash
        end = len(flash)
        registers = list(state.registers)
        registers[0] = registers[30] = registers[31] = None
        while table < end:
            target = 2 * int.from_bytes(flash[table : table + 2], "little")
            if target >= len(flash) or self.analysis.image.function_at(target) != name:
                break
            if target > table:
                end = min(end, target)
            self._reach(target, replace(state, registers=tuple(registers), borrow=None))
            table += 2

    def _leave(self, address: int, state: State) -> None:
        if state.depth != 0:
            raise self._fail(address, f"returns with {-state.depth} bytes still on the stack")

    # Registers and SP

    def _effect(self, address: int, one: Instruction, state: State) -> State:
        name = one.name
        if name == "push":
            return replace(state, depth=state.depth - 1)
        if name == "pop":
            return replace(state, depth=state.depth + 1).with_register(one.d, None)
        if name == "in" and one.k in (SPL, SPH):
            return state.with_register(one.d, SpHalf(state.depth, one.k - SPL))
        if name == "out" and one.k in (SPL, SPH):
            return self._write_sp(address, one.k - SPL, state.registers[one.d], state)
        if name == "bset" and one.d == INTERRUPT_FLAG:
            self.enables = True
        return arithmetic(one, state)

    def _write_sp(self, address: int, half: int, value: Value, state: State) -> State:
        """SP changes when both its halves are written; in between no code may rely on it."""
        self.writes_sp = True
        written = {**dict(state.written), half: value}
        if len(written) < 2:
            return replace(state, written=tuple(written.items()))
        low, high = written[0], written[1]
        if isinstance(low, int) and isinstance(high, int) and (low | high << 8) == self.analysis.facts.ram_end:
            return replace(state, depth=0, written=())
        if isinstance(low, SpHalf) and isinstance(high, SpHalf) and (low.half, high.half) == (0, 1):
            offset = signed(high.offset)
            if (low.offset - offset) % 256 == 0 and offset <= 0:
                return replace(state, depth=offset, written=())
        raise self._fail(
            address, "sets the stack pointer to a value that varies (alloca or an array of variable length)"
        )


def _contiguous(image: Image) -> Iterable[bytes]:
    """The contents of flash from address 0, gaps as erased bytes."""
    at = 0
    for load, _address, content in sorted(image.segments):
        yield b"\xff" * (load - at)
        yield content
        at = load + len(content)


def cross_check(found: Bound, usage: Iterable[Path]) -> None:
    """Compares with what gcc says of its own functions (-fstack-usage files).

    Raises StackError for a frame of varying size, and for a function of which gcc counts more than the image shows: one
    of the two is wrong then, and no bound may rest on it.
    """
    for path in usage:
        for line in path.read_text(encoding="utf-8").splitlines():
            place, size, kind = line.rsplit("\t", 2)
            name = place.rsplit(":", 1)[-1]
            if "dynamic" in kind and "bounded" not in kind:
                raise StackError(f"{path}: {name} has a stack frame of varying size; give its arrays a fixed size")
            if name in found.functions and found.functions[name] < int(size):
                raise StackError(
                    f"{path}: gcc counts {size} bytes of stack for {name}, the image shows {found.functions[name]}; "
                    "build again from the start, and report this if it stays"
                )
