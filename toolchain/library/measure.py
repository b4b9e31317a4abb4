"""What a library takes of a chip: compiled into a bare program, measured in its ELF file and in the simulator.

Flash and RAM are the difference between two images: one that calls ``predict``, and the same without. Both are built as
most build systems build (``-Os``, a section a function, unused ones left out), without link-time optimization.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.errors import GoldcrestError, ToolError
from toolchain.graph import compilers
from toolchain.ir.graph import Graph
from toolchain.library.closure import symbols
from toolchain.library.interface import raw_type
from toolchain.library.sources import compiled
from toolchain.memory import chip, near_flash
from toolchain.memory.compiler import avr_gcc
from toolchain.memory.elf import Image
from toolchain.memory.stack import Analysis
from toolchain.simulator.core import BREAKPOINT, Core, TooLarge

FLAGS = ("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class Figures:
    """Bytes and cycles on one chip. ``own`` is the part of ``flash`` under the library's prefix; the rest is the
    compiler's own run-time library, which a program has once however many models it holds. ``cycles`` is the mean of
    ``predict`` over ``samples`` samples, None if the image is too large to be simulated."""

    mcu: str
    flash: int
    own: int
    ram: int
    stack: int
    cycles: float | None
    samples: int
    fits: bool
    compiler: str


def measure(texts: Mapping[str, str], graph: Graph, prefix: str, mcu: str, raw: np.ndarray) -> Figures:
    """Build and run the library whose sources are ``texts`` on raw samples (n, *input shape).

    Raises GoldcrestError if its answers are not those of the integer reference.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        objects = _objects(folder, mcu, compiled(list(texts)))
        call = f"result = {prefix}_predict(sample); answer = {prefix}_output();"
        image = Image(_linked(folder, mcu, graph, prefix, call, objects))
        empty = Image(_linked(folder, mcu, graph, prefix, "result = (uint8_t)sample[0]; answer = 0;", objects))
        facts = chip.facts(mcu)
        near_flash.check(image, facts)
        analysis = Analysis(image, facts, _indirect(image, prefix))
        stack = facts.return_address_bytes + analysis.deepest(image.address(f"{prefix}_predict"))[0]
        flash, ram = image.program.used - empty.program.used, image.ram - empty.ram
        fits = image.program.used <= facts.flash_size and ram + stack <= facts.ram_size
        try:
            cycles: float | None = _run(Core(image, mcu), graph, prefix, raw)
        except TooLarge:
            cycles = None
        own = own_bytes(image, objects)
        return Figures(mcu, flash, own, ram, stack, cycles, len(raw), fits, image.compiler)


def own_bytes(image: Image, objects: list[Path]) -> int:
    """Flash of everything that these objects define, constants and functions."""
    names = {name for path in objects for name, here, _local in symbols(path) if here}
    return sum(symbol.size for symbol in image.largest(len(image.symbols)) if symbol.name in names)


def _indirect(image: Image, prefix: str) -> dict[str, list[str]]:
    """What a kernel calls through a pointer: ``<prefix>_k_x`` calls only functions ``<prefix>_k_x_…`` so."""
    kernels = [symbol.name for symbol in image.functions if symbol.name.startswith(f"{prefix}_k_")]
    pieces = {name: [other for other in kernels if other.startswith(f"{name}_")] for name in kernels}
    return {name: found for name, found in pieces.items() if found}


def _objects(folder: Path, mcu: str, names: list[str]) -> list[Path]:
    made = []
    for name in names:
        made.append(folder / f"{name}.o")
        _call([f"-mmcu={mcu}", *FLAGS, "-c", folder / name, "-o", made[-1]])
    return made


def _linked(folder: Path, mcu: str, graph: Graph, prefix: str, statement: str, objects: list[Path]) -> Path:
    main = folder / "bare.c"
    lines = (
        f'#include "{prefix}.h"',
        f"{raw_type(graph)} sample[{graph.input.size}];",
        "volatile uint8_t result;",
        "const uint8_t *volatile answer;",
        # A function of its own, so that the call costs the same wherever it stands in a program.
        f"__attribute__((noinline)) void use(void) {{ {statement} }}",
        "int main(void) { use(); }",
    )
    main.write_text("\n".join(lines) + "\n", encoding="utf-8")
    image = folder / "bare.elf"
    limits = ["-Wl,--gc-sections", *compilers.UNLIMITED]
    _call([f"-mmcu={mcu}", *FLAGS, main, *objects, *limits, "-lm", "-o", image])
    return image


def _call(words: list[object]) -> None:
    command = [str(word) for word in (avr_gcc(), *words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"the library does not compile: {' '.join(command)}\n{done.stderr[:4000]}")


def _run(core: Core, graph: Graph, prefix: str, raw: np.ndarray) -> float:
    """The mean cycles of ``predict``, call to return."""
    infer, total = f"{prefix}_infer", 0
    place = core.call(f"{prefix}_input").value
    values = raw.reshape(len(raw), -1).astype("<f4" if graph.encoding.quantize else np.uint8)
    core.set_breakpoint(infer)
    for number, row in enumerate(values):
        core.write("sample", row.tobytes())
        core.enter(f"{prefix}_predict", [core.data_address("sample")])
        assert core.resume() == BREAKPOINT
        codes = core.read(place, graph.input.size)
        core.resume()
        result = core.result()
        output = core.read(core.call(f"{prefix}_output").value, graph.output.size)
        _compare(graph, raw[number], codes, output, result.byte)
        total += result.cycles
    return total / len(values)


def _compare(graph: Graph, raw: np.ndarray, codes: bytes, output: bytes, answer: int) -> None:
    taken = np.frombuffer(codes, graph.input.dtype).astype(np.int64)
    exact = graph.encode(raw[None]).reshape(-1).astype(np.int64)
    expected = graph.run(taken.reshape(1, *graph.input.shape)).reshape(1, -1)
    # avr-gcc's double has 32 bits: floats may become the neighbouring code (see interface._quantizing).
    near = np.abs(taken - exact).max(initial=0) <= (1 if graph.encoding.quantize else 0)
    if not near or bytes((expected[0] & 0xFF).astype(np.uint8)) != output or graph.classify(expected)[0] != answer:
        raise GoldcrestError(
            "the library's answers differ from the integer reference's; this is a defect of the compiler, please "
            "report it with the manifest"
        )
