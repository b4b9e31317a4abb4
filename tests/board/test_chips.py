"""The table of chips against the compiler, and what the firmware costs on each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.board.tiny_chip import ROOT, image
from toolchain.board import chips
from toolchain.errors import BoardError
from toolchain.memory.chip import facts
from toolchain.memory.compiler import avr_gcc, companion

CLOCKS = {"megaavr0": 20_000_000, "classic": 16_000_000}
NETWORK = ("gc_infer", "gc_input", "gc_output", "gc_arena")


@pytest.mark.parametrize("mcu", sorted(chips.CHIPS))
def test_the_compiler_agrees_about_the_chip(mcu: str) -> None:
    known = facts(mcu)
    assert known.signature == chips.CHIPS[mcu].signature
    assert known.core == chips.CHIPS[mcu].core


@pytest.mark.parametrize("mcu", sorted(chips.CHIPS))
@pytest.mark.parametrize("optimize", ["s", "3"])
def test_the_link_costs_at_most_900_bytes_and_64_of_ram(tmp_path: Path, mcu: str, optimize: str) -> None:
    """And the application with vectors and start-up code at most 1,500, whatever the network is compiled with."""
    if facts(mcu).ram_size < 900:
        pytest.skip("the test's input does not fit")
    elf = image(tmp_path, mcu, CLOCKS[chips.CHIPS[mcu].family], optimize=optimize)
    own = {name for name, _, _ in symbols(tmp_path / "link.c.o")}
    linked = symbols(elf)
    flash = sum(size for name, kind, size in linked if name in own and kind in "tTrR")
    ram = sum(size for name, kind, size in linked if name in own and kind in "bBdD")
    if chips.CHIPS[mcu].core == "avrxt":
        assert flash <= 900
    assert ram <= 64
    sections = subprocess.run([companion("size"), "-A", elf], capture_output=True, text=True, check=True).stdout
    sizes = {line.split()[0]: int(line.split()[1]) for line in sections.splitlines()[2:] if line.startswith(".")}
    network = sum(size for name, kind, size in linked if name in NETWORK and kind in "tT")
    whole = sizes[".text"] + sizes.get(".data", 0) + sizes.get(".rodata", 0) - network
    assert whole <= (1_500 if facts(mcu).flash_size <= 0x10000 else 1_600)  # larger chips have more vectors


def symbols(path: Path) -> list[tuple[str, str, int]]:
    """Name, kind as ``nm`` writes it, and size of every symbol that has one."""
    text = subprocess.run([companion("nm"), "-S", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in text.splitlines()]
    return [(row[3], row[2], int(row[1], 16)) for row in rows if len(row) == 4]


def test_sources_exist_and_unknown_chips_get_a_suggestion() -> None:
    assert all((ROOT / name).is_file() for name in chips.sources("ATmega4809"))
    with pytest.raises(BoardError, match="did you mean atmega4809"):
        chips.chip("atmega4890")


def test_the_table_is_light_to_import() -> None:
    code = "import sys, toolchain.board.chips; print(sum(name in sys.modules for name in ('numpy', 'serial', 'rich')))"
    done = subprocess.run(["python3", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize(("uart", "direction"), [(0, 0x0401), (1, 0x0441), (2, 0x04A1), (3, 0x0421)])
def test_every_usart_drives_its_own_pin(tmp_path: Path, uart: int, direction: int) -> None:
    """PA0, PC0, PF0 and PB0 by the data sheet: the register PORTx.DIRSET must get a 1, no other port's."""
    flags = ["-mmcu=atmega4809", "-DF_CPU=20000000UL", f"-DGC_USART={uart}", "-Os", "-S", "-o", "-"]
    source = ROOT / "firmware/ports/megaavr0.c"
    done = subprocess.run([str(avr_gcc()), *flags, source], capture_output=True, text=True, check=True)
    places = [line.split()[1].partition(",")[0] for line in done.stdout.splitlines() if line.startswith("\tsts ")]
    stores = {int(place, 0) for place in places if place.isdigit()}
    assert [address for address in stores if address & 0x1F == 1 and 0x0400 <= address < 0x04C0] == [direction]
