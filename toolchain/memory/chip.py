"""Memory sizes of a chip, as its compiler knows them: no table by hand.

The preprocessor prints every macro of ``<avr/io.h>`` for the chip; the few that describe memory are kept in a small
file under ``build/chips`` so that the compiler is asked once per chip and compiler.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from toolchain.errors import GoldcrestError, ToolError
from toolchain.files import atomic
from toolchain.memory.compiler import avr_gcc

CACHE = Path("build/chips")
FIELDS_VERSION = 2

XMEGA_CORES = ("102", "103", "104", "105", "106", "107")


@dataclass(frozen=True)
class Facts:
    """Sizes and addresses in bytes; data addresses as the CPU sees them."""

    mcu: str
    core: str  # "avrxt" or "avr" (classic): the timing table
    flash_size: int
    ram_start: int
    ram_size: int
    io_size: int  # registers, I/O and memory-mapped EEPROM: everything below it is no SRAM
    mapped_start: int  # where flash shows in data space; with mapped_size 0: nowhere
    mapped_size: int
    vectors_size: int
    signature: tuple[int, int, int]

    @property
    def ram_end(self) -> int:
        """The last byte of SRAM, where the stack starts."""
        return self.ram_start + self.ram_size - 1

    @property
    def return_address_bytes(self) -> int:
        """What a call pushes: two bytes, or three on chips with more than 128 KiB of flash."""
        return 3 if self.flash_size > 0x20000 else 2


@cache
def facts(mcu: str) -> Facts:
    """The chip's memories. Raises ToolError if the compiler does not know the chip or its core has no timing table."""
    compiler = avr_gcc()
    stat = compiler.stat()
    identity = f"{FIELDS_VERSION} {compiler} {stat.st_size} {stat.st_mtime_ns}"
    path = CACHE / f"{mcu}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Facts(**{**stored, "signature": tuple(stored["signature"])})
    except (OSError, ValueError, TypeError, KeyError):
        pass
    found = _from_macros(mcu, _macros(mcu, compiler))
    # Kept to save time only: where nothing can be written the list of models and `check` work all the same.
    with suppress(GoldcrestError), atomic(path, "w") as file:
        json.dump(asdict(found), file)
    return found


def _macros(mcu: str, compiler: Path) -> dict[str, str]:
    command = [str(compiler), f"-mmcu={mcu}", "-E", "-dM", "-x", "c", "-"]
    done = subprocess.run(command, input="#include <avr/io.h>\n", capture_output=True, text=True, check=False)
    macros = dict(re.findall(r"^#define (\w+) (.+)$", done.stdout, re.MULTILINE))
    if done.returncode or "RAMEND" not in macros:
        reason = (done.stderr.strip() or "no memory sizes in <avr/io.h>").splitlines()[0]
        raise ToolError(f"{compiler.name} does not know the chip {mcu!r} ({reason}); see target.mcu in the manifest")
    return macros


def _from_macros(mcu: str, macros: dict[str, str]) -> Facts:
    modern = macros["__AVR_ARCH__"] in XMEGA_CORES
    if macros["__AVR_ARCH__"] == "100" or mcu.startswith("atxmega"):
        raise ToolError(f"{mcu} has another core than AVRxt and classic AVR, for which no timing table exists")

    def value(name: str) -> int:
        return _evaluate(name, macros)

    ram_start = value("RAMSTART")
    # XRAMEND and RAMEND are equal where no external memory is; RAMEND is what crt0 loads into SP.
    return Facts(
        mcu=mcu,
        core="avrxt" if modern else "avr",
        flash_size=value("FLASHEND") + 1,
        ram_start=ram_start,
        ram_size=value("RAMEND") + 1 - ram_start,
        io_size=max(0x1400, value("MAPPED_EEPROM_END") + 1) if modern else ram_start,
        mapped_start=value("MAPPED_PROGMEM_START") if modern else 0,
        mapped_size=value("MAPPED_PROGMEM_SIZE") if modern else 0,
        vectors_size=value("_VECTORS_SIZE"),
        signature=(value("SIGNATURE_0"), value("SIGNATURE_1"), value("SIGNATURE_2")),
    )


def _evaluate(name: str, macros: dict[str, str]) -> int:
    """The number behind a macro: these are sums, differences and products of literals and other macros."""

    def operand(token: str) -> int:
        return int(token.rstrip("uUlL"), 0) if token[0].isdigit() else _evaluate(token, macros)

    total, sign, product = 0, 1, 1
    for token in re.findall(r"0[xX][0-9a-fA-F]+[uUlL]*|\w+|[-+*]", macros[name].replace("(", " ").replace(")", " ")):
        if token in "+-":
            total, sign, product = total + sign * product, 1 if token == "+" else -1, 1
        elif token != "*":
            product *= operand(token)
    return total + sign * product
