"""Which kernels a network needs: those that its code names, those that these name, and so on.

Asked of the compiler, not of the text: kernels make names with macros. Each file is compiled twice, as the chip sees it
and as other machines do (``GC_PORTABLE``), because the library is for both.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from toolchain.errors import ToolError
from toolchain.memory.compiler import avr_gcc

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "firmware" / "runtime", ROOT / "firmware" / "kernels")
WAYS = ((), ("-DGC_PORTABLE",))
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """The external names that an object defines, and those that it needs from others."""

    defined: frozenset[str]
    needed: frozenset[str]


def needed(sources: Sequence[Path], mcu: str) -> list[Path]:
    """The kernel files that these sources of a network need, sorted; the sources' headers lie beside them."""
    kernels = sorted(path for path in FOLDERS[1].iterdir() if path.suffix in (".c", ".S"))
    found: set[Path] = set()
    for way, flags in enumerate(WAYS):
        own = _names(sources, mcu, flags, sources[0].parent)
        library = _kernel_names(mcu, way)
        open_names = {name for each in own.values() for name in each.needed}
        taken: set[Path] = set()
        while more := {path for path in kernels if path not in taken and library[path].defined & open_names}:
            taken |= more
            open_names |= {name for path in more for name in library[path].needed}
        found |= taken
    return sorted(found)


def headers(sources: Sequence[Path]) -> list[Path]:
    """The headers of kernels and runtime that these files include, those that they include in turn, and so on."""
    found: set[Path] = set()
    waiting = list(sources)
    while waiting:
        for name in INCLUDE.findall(waiting.pop().read_text(encoding="utf-8")):
            for folder in FOLDERS:
                path = folder / name
                if path.exists() and path not in found:
                    found.add(path)
                    waiting.append(path)
    return sorted(found)


@cache
def _kernel_names(mcu: str, way: int) -> dict[Path, Names]:
    kernels = sorted(path for path in FOLDERS[1].iterdir() if path.suffix in (".c", ".S"))
    return _names(kernels, mcu, WAYS[way], FOLDERS[1])


def _names(sources: Sequence[Path], mcu: str, flags: Sequence[str], beside: Path) -> dict[Path, Names]:
    include = [f"-I{path.resolve()}" for path in (beside, *FOLDERS)]
    command = [str(avr_gcc()), f"-mmcu={mcu}", "-Os", "-std=gnu11", "-w", *flags, *include, "-c"]
    found: dict[Path, Names] = {}
    for suffix in (".c", ".S"):  # apart: x.c and x.S both become x.o
        group = [path for path in sources if path.suffix == suffix]
        if not group:
            continue
        with tempfile.TemporaryDirectory() as folder:
            given = [*command, *(str(path.resolve()) for path in group)]
            done = subprocess.run(given, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ToolError(f"the network's sources do not compile for {mcu}:\n{done.stderr[:4000]}")
            found |= {path: _of_object(Path(folder) / f"{path.stem}.o") for path in group}
    return found


def _of_object(path: Path) -> Names:
    external = [(name, here) for name, here, local in symbols(path) if not local]
    return Names(
        frozenset(name for name, here in external if here), frozenset(name for name, here in external if not here)
    )


def symbols(path: Path) -> list[tuple[str, bool, bool]]:
    """Every name in an object file: whether it is defined here, and whether it is local."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            return []  # an empty file: assembly on a machine that is no AVR
        return [
            (s.name, s["st_shndx"] != "SHN_UNDEF", s["st_info"]["bind"] == "STB_LOCAL")
            for s in table.iter_symbols()
            if s.name
        ]
