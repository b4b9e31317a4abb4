"""An AVR ELF file: what lies where, and how much of it belongs to weights, kernels and application.

avr-gcc puts data space at 0x800000 in the file (``DATA_BASE``); flash starts at 0. Flash that a chip maps into data
space (.rodata of the ATmega4809) has the address at which the CPU reads it, without that base, and a load address.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from toolchain.errors import GoldcrestError

DATA_BASE = 0x800000
DATA_END = 0x810000  # EEPROM, fuses, lock bits and signatures follow: they are not in flash
WEIGHTS = ("gc_w_",)
KERNELS = ("gc_k_", "gc_layer_")
INFER = "gc_infer"
ARENA = "gc_arena"
CODE = ".text"


@dataclass(frozen=True)
class Section:
    """An allocated section; ``address`` as in the file (data space from 0x800000), sizes in bytes."""

    name: str
    address: int
    size: int
    load_address: int
    writable: bool
    stored: bool  # it has contents in the file (not .bss)

    @property
    def in_flash(self) -> bool:
        return self.stored and self.load_address < DATA_BASE and self.address < DATA_END

    @property
    def in_ram(self) -> bool:
        return self.writable and DATA_BASE <= self.address < DATA_END


@dataclass(frozen=True)
class Symbol:
    """A named piece of memory; ``address`` as in the file, ``size`` up to the next symbol where the file gives none."""

    name: str
    address: int
    size: int
    function: bool
    section: str


@dataclass(frozen=True)
class Program:
    """Flash in bytes; the three parts add up to ``used``."""

    used: int
    weights: int
    kernels: int
    application: int


class Image:
    """What the memory report and the simulator read of an ELF file. Raises GoldcrestError if it is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._read(ELFFile(file))
        except OSError as error:
            raise GoldcrestError(f"{path}: cannot be read ({error.strerror}); build it first") from error
        except ELFError as error:
            raise GoldcrestError(f"{path}: not an ELF file ({error}); delete it and build again") from error

    def _read(self, elf: ELFFile) -> None:
        if elf["e_machine"] != "EM_AVR":
            raise GoldcrestError(f"{self.path}: an ELF file for {elf['e_machine']}, not for AVR")
        comment = elf.get_section_by_name(".comment")
        version = comment.data().split(b"\0")[0].decode(errors="replace").rpartition(" ")[2] if comment else ""
        self.compiler = f"avr-gcc {version}".strip()
        #: (load address, data address or None, bytes) of everything that is stored in flash
        self.segments: list[tuple[int, int | None, bytes]] = []
        programs = [p for p in elf.iter_segments() if p["p_type"] == "PT_LOAD" and p["p_filesz"]]
        for program in programs:
            load, address = program["p_paddr"], program["p_vaddr"]
            if load < DATA_BASE and address < DATA_END:
                self.segments.append((load, address - DATA_BASE if address >= DATA_BASE else None, program.data()))
        self.sections: list[Section] = []
        names: dict[int, str] = {}
        for number, section in enumerate(elf.iter_sections()):
            if not section["sh_flags"] & 2 or not section["sh_size"]:  # SHF_ALLOC
                continue
            names[number] = section.name
            load = section["sh_addr"]
            for program in programs:
                if 0 <= section["sh_offset"] - program["p_offset"] < program["p_filesz"]:
                    load = program["p_paddr"] + section["sh_offset"] - program["p_offset"]
            self.sections.append(
                Section(
                    section.name,
                    section["sh_addr"],
                    section["sh_size"],
                    load,
                    bool(section["sh_flags"] & 1),
                    section["sh_type"] != "SHT_NOBITS",
                )
            )
        table = elf.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            raise GoldcrestError(f"{self.path}: has no symbol table; link without -s")
        raw = [
            s
            for s in table.iter_symbols()
            if s["st_shndx"] in names and s.name and s["st_info"]["type"] != "STT_SECTION"
        ]
        #: Names for addresses, sizes as in the file; labels inside functions included.
        self.addresses: dict[str, int] = {s.name: s["st_value"] for s in raw}
        self.symbols = self._sized(raw, names)

    def _sized(self, raw: list[Any], names: dict[int, str]) -> list[Symbol]:
        """One symbol an address, none inside another. One without a size (assembly) reaches to the next."""
        ends = {section.name: section.address + section.size for section in self.sections}
        best: dict[tuple[str, int], tuple[int, str, bool]] = {}
        for symbol in raw:
            section, name, size = names[symbol["st_shndx"]], symbol.name, symbol["st_size"]
            if size or name.startswith("gc_") or (section == CODE and not name.startswith(".")):
                found = (size, name, section == CODE and symbol["st_info"]["type"] != "STT_OBJECT")
                # Of several names for one address the sized one speaks, and then the one least like a linker's mark.
                best[section, symbol["st_value"]] = max(
                    found,
                    best.get((section, symbol["st_value"]), found),
                    key=lambda f: (f[0], not f[1].startswith("_")),
                )
        result: list[Symbol] = []
        order = sorted(best)
        for (section, address), follower in zip(order, [*order[1:], ("", 0)], strict=True):
            size, name, function = best[section, address]
            if result and result[-1].section == section and address < result[-1].address + result[-1].size:
                continue
            size = size or (follower[1] if follower[0] == section else ends[section]) - address
            if size > 0:
                result.append(Symbol(name, address, size, function, section))
        return result

    @cached_property
    def program(self) -> Program:
        """Flash by owner: what is neither weights nor kernels (start-up code, padding) is application."""
        used = sum(section.size for section in self.sections if section.in_flash)
        flash = {section.name for section in self.sections if section.in_flash}
        pieces = [symbol for symbol in self.symbols if symbol.section in flash]
        weights = sum(symbol.size for symbol in pieces if symbol.name.startswith(WEIGHTS))
        kernels = sum(s.size for s in pieces if s.name.startswith(KERNELS) or s.name.split(".")[0] == INFER)
        return Program(used, weights, kernels, used - weights - kernels)

    @property
    def ram(self) -> int:
        """Bytes of .data, .bss and .noinit."""
        return sum(section.size for section in self.sections if section.in_ram)

    @property
    def activations(self) -> int:
        """Bytes of the activation arena."""
        return sum(symbol.size for symbol in self.symbols if symbol.name.split(".")[0] == ARENA)

    def largest(self, count: int = 5) -> list[Symbol]:
        """The symbols that take most flash, largest first."""
        flash = {section.name for section in self.sections if section.in_flash}
        return sorted((s for s in self.symbols if s.section in flash), key=lambda s: (-s.size, s.name))[:count]

    @cached_property
    def functions(self) -> list[Symbol]:
        """Code, in order of address."""
        return sorted((s for s in self.symbols if s.function), key=lambda s: s.address)

    @cached_property
    def _starts(self) -> list[int]:
        return [symbol.address for symbol in self.functions]

    def function_at(self, address: int) -> str:
        """The name of the function that holds a byte address of flash, or the address itself."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self.functions[index].address + self.functions[index].size:
            return self.functions[index].name
        return f"0x{address:04x}"

    def section_at(self, address: int) -> str | None:
        """The name of the section that holds an address of the file."""
        return next((s.name for s in self.sections if s.address <= address < s.address + s.size), None)

    def address(self, name: str) -> int:
        """A symbol's address as in the file. Raises GoldcrestError if the image has no such symbol."""
        if name not in self.addresses:
            raise GoldcrestError(f"{self.path}: has no symbol {name!r}")
        return self.addresses[name]
