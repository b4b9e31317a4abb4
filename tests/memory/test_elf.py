"""Sizes of sections and owners, held against avr-size, avr-nm and the source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.simulator.machines import build
from toolchain.errors import GoldcrestError, ToolError
from toolchain.memory import chip, memory_stage
from toolchain.memory.compiler import companion
from toolchain.memory.elf import Image

SOURCE = """
#include <stdint.h>
#include <avr/pgmspace.h>
const uint8_t gc_w_0_dense_1_weights[1000] PROGMEM = {1, 2, 3};
const uint8_t gc_w_0_dense_1_bias[30] PROGMEM = {1};
const uint8_t gc_w_1_dense_2_weights[77] = {4, 5};
uint8_t gc_arena[300];
uint8_t started = 9, zero[11];
volatile uint8_t sink;
__attribute__((noinline)) void gc_k_dense(const uint8_t *w, const uint8_t *v) { sink = pgm_read_byte(w) + v[sink]; }
static __attribute__((noinline)) void gc_layer_0_dense_1(void) { gc_k_dense(gc_w_0_dense_1_weights, gc_arena); }
static __attribute__((noinline)) void gc_layer_1_dense_2(void)
{
    gc_k_dense(gc_w_0_dense_1_bias, gc_w_1_dense_2_weights);
}
uint8_t *gc_input(void) { return gc_arena; }
uint8_t gc_infer(void) { gc_layer_0_dense_1(); gc_layer_1_dense_2(); return sink; }
int main(void) { gc_input()[0] = zero[started]; return gc_infer(); }
"""


@pytest.fixture(scope="module", params=["atmega4809", "atmega328p"])
def built(request: pytest.FixtureRequest) -> tuple[Path, str]:
    return build(SOURCE, request.param, "-Os"), request.param


def sections(path: Path) -> dict[str, int]:
    out = subprocess.run([companion("size"), "-A", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines() if line.startswith(".")]
    return {row[0]: int(row[1]) for row in rows}


def symbols(path: Path) -> dict[str, int]:
    out = subprocess.run([companion("nm"), "-S", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[3]: int(row[1], 16) for row in rows if len(row) == 4}


def test_program_and_data_are_the_sections(built: tuple[Path, str]) -> None:
    path, _mcu = built
    size, image = sections(path), Image(path)
    assert image.program.used == size[".text"] + size[".data"] + size.get(".rodata", 0)
    assert image.ram == size[".data"] + size[".bss"]


def test_owners_add_up(built: tuple[Path, str]) -> None:
    path, _mcu = built
    image, sized = Image(path), symbols(path)
    program = image.program
    assert program.weights == 1000 + 30 + 77
    kernels = sum(size for name, size in sized.items() if name.startswith(("gc_k_", "gc_layer_")) or name == "gc_infer")
    assert program.kernels == kernels > 0
    assert program.weights + program.kernels + program.application == program.used
    assert image.activations == 300
    assert image.largest(1)[0].name == "gc_w_0_dense_1_weights"


def test_symbols_neither_overlap_nor_leave_code_without_a_name(built: tuple[Path, str]) -> None:
    path, _mcu = built
    image = Image(path)
    text = next(section for section in image.sections if section.name == ".text")
    at = text.address
    for symbol in sorted((s for s in image.symbols if s.section == ".text"), key=lambda s: s.address):
        assert symbol.address >= at
        at = symbol.address + symbol.size
    assert at <= text.address + text.size


def test_memory_json(built: tuple[Path, str]) -> None:
    path, mcu = built
    report = memory_stage.measure(path, mcu)
    program, data = report["program"], report["data"]
    assert program["used"] == program["weights"] + program["kernels"] + program["application"]
    assert data["used"] == data["static"] + data["activations"] + data["stack"]
    assert data["static"] + data["activations"] == Image(path).ram
    assert report["weights"] == [{"name": "dense_1", "bytes": 1030}, {"name": "dense_2", "bytes": 77}]
    assert report["compiler"] == "avr-gcc 7.3.0"


def constants(count: int) -> str:
    """A program with so many times 30,000 bytes of constants."""
    names = [f"gc_w_{index}_weights" for index in range(count)]
    given = "".join(f"const uint8_t {name}[30000] PROGMEM = {{1, 2, 3}};\n" for name in names)
    read = " + ".join(f"pgm_read_byte({name} + sink)" for name in names)
    return f"#include <avr/pgmspace.h>\n{given}volatile uint8_t sink;\nint main(void) {{ return {read}; }}\n"


def test_constants_that_the_chip_cannot_read() -> None:
    assert memory_stage.measure(build(constants(2), "atmega1284p", "-Os"), "atmega1284p")["program"]["weights"] == 60000
    with pytest.raises(GoldcrestError, match=r"constants end at byte 90,\d+ of flash.* from the first 65,536 only"):
        memory_stage.measure(build(constants(3), "atmega1284p", "-Os"), "atmega1284p")


@pytest.mark.parametrize(
    ("mcu", "flash", "ram", "start", "core"),
    [
        ("atmega4809", 48, 6144, 0x2800, "avrxt"),
        ("atmega1608", 16, 2048, 0x3800, "avrxt"),
        ("avr128db64", 128, 16384, 0x4000, "avrxt"),
        ("attiny1614", 16, 2048, 0x3800, "avrxt"),
        ("atmega328p", 32, 2048, 0x100, "avr"),
        ("atmega1284p", 128, 16384, 0x100, "avr"),
        ("atmega2560", 256, 8192, 0x200, "avr"),
    ],
)
def test_chips(mcu: str, flash: int, ram: int, start: int, core: str) -> None:
    """Sizes from the data sheets' first pages."""
    facts = chip.facts(mcu)
    assert (facts.flash_size, facts.ram_size, facts.ram_start, facts.core) == (flash * 1024, ram, start, core)
    assert facts.return_address_bytes == (3 if mcu == "atmega2560" else 2)


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setattr(chip, "CACHE", tmp_path / "build/chips")
    chip.facts.cache_clear()
    assert chip.facts("atmega4809").flash_size == 48 * 1024


def test_unknown_chip() -> None:
    with pytest.raises(ToolError, match="does not know the chip 'atmega4810'"):
        chip.facts("atmega4810")


def test_another_core() -> None:
    with pytest.raises(ToolError, match="no timing table"):
        chip.facts("atxmega128a1")


@pytest.mark.parametrize(("content", "reason"), [(b"", "not an ELF file"), (b"\x7fELFxxxx", "not an ELF file")])
def test_torn_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "firmware.elf"
    path.write_bytes(content)
    with pytest.raises(GoldcrestError, match=reason):
        Image(path)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(GoldcrestError, match="cannot be read"):
        Image(tmp_path / "nothing.elf")
    with pytest.raises(GoldcrestError, match="not for AVR"):
        Image(Path("/bin/sh").resolve())
