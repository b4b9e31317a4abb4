"""Networks built and run outside of the build graph: three ways, for the exactness tests and for the benchmarks.

The numpy reference, the C on this machine and the AVR code in the simulator see the same codes. The AVR image is bare:
start-up code and an empty ``main``; the simulator calls the network itself.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from toolchain.board import chips
from toolchain.codegen.network import generate
from toolchain.errors import ToolError
from toolchain.files import staged
from toolchain.ir.graph import Graph
from toolchain.kernels.base import Target
from toolchain.memory import chip
from toolchain.memory.compiler import avr_gcc, companion
from toolchain.simulator.core import Batch, Core

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "firmware" / "kernels"
INCLUDE = (ROOT / "firmware" / "runtime", KERNELS)
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LIBRARIES = Path("build/workbench")


@dataclass(frozen=True)
class Bench:
    """A network whose sources lie in ``folder``."""

    graph: Graph
    folder: Path
    mcu: str = "atmega4809"
    optimize: str = "s"
    definitions: tuple[str, ...] = ()  # for the AVR build: ("GC_PORTABLE",) takes the C twins of assembly kernels

    def host(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Output bytes uint8 (n, output bytes) and classes uint8 (n,) of the C on this machine, with sanitizers on.

        Raises ToolError with the sanitizer's report.
        """
        program = self.folder / "host"
        if not program.exists():
            archive = _library("host", (*WARNINGS, "-O1", "-g", *SANITIZERS))
            sources = [self.folder / "network.c", ROOT / "firmware/app/host_main.c"]
            _run(
                [
                    _host_compiler(),
                    *WARNINGS,
                    "-O1",
                    "-g",
                    *SANITIZERS,
                    *self._include(),
                    *sources,
                    archive,
                    "-o",
                    program,
                ]
            )
        done = subprocess.run([program], input=codes.tobytes(), capture_output=True, check=False)
        if done.returncode:
            raise ToolError(f"{program} failed:\n{done.stderr.decode(errors='replace')[:4000]}")
        rows = np.frombuffer(done.stdout, np.uint8).reshape(len(codes), -1)
        return rows[:, :-1], rows[:, -1]

    def avr(self, codes: np.ndarray) -> Batch:
        """The AVR code in the simulator: output bytes, classes, and the cycles of each inference."""
        return self.core().infer_many(codes, self.graph.output.size)

    def core(self) -> Core:
        """A simulated chip with the bare image."""
        return Core(self.image(), self.mcu)

    def image(self) -> Path:
        """The bare AVR image, linked once."""
        image = self.folder / "bare.elf"
        if not image.exists():
            flags = (
                *WARNINGS, f"-mmcu={self.mcu}", f"-O{self.optimize}", "-ffunction-sections", "-fdata-sections",
                *(f"-D{name}" for name in self.definitions),
            )  # fmt: skip
            main = self.folder / "bare.c"
            main.write_text(
                '#include "network.h"\nint main(void)\n{\n    gc_input();\n    gc_infer();\n    gc_output();\n'
                "#ifdef GC_INPUT_PIECE\n    gc_begin();\n    gc_feed();\n#endif\n}\n"
            )
            sources = [self.folder / "network.c", self.folder / "network.S", main]
            limits = ("-Wl,--gc-sections", "-mrelax", "-Wl,--defsym=__TEXT_REGION_LENGTH__=0x100000")
            _run([avr_gcc(), *flags, *limits, *self._include(), *sources, _library("avr", flags), "-o", image])
        return image

    def _include(self) -> list[str]:
        return [f"-I{folder}" for folder in (self.folder, *INCLUDE)]


def bench(
    graph: Graph,
    folder: Path,
    prefer: str = "speed",
    latency: str = "data_dependent",
    forced: str | None = None,
    streamed: bool = False,
    **options: str,
) -> Bench:
    """Generate the sources of an integer graph into ``folder`` (made anew) and return the bench to run them on.

    ``forced`` names a kernel that is taken wherever it fits; ``streamed``: see ``Target``; ``options`` are
    fields of ``Bench``.
    """
    built = Bench(graph, folder, **options)  # type: ignore[arg-type]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target = Target(chips.chip(built.mcu).core, prefer, latency, chip.facts(built.mcu).flash_size, streamed)
    sources = generate(graph, target, forced)
    for name, text in sources.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return built


def _library(machine: str, flags: Sequence[str]) -> Path:
    """All kernels as an archive, compiled once for each state of their sources and each set of flags."""
    sources = sorted([*KERNELS.glob("*.c"), *(KERNELS.glob("*.S") if machine == "avr" else ())])
    headers = sorted([*KERNELS.glob("*.h"), *(ROOT / "firmware/runtime").glob("*.h")])
    compiler = _host_compiler() if machine == "host" else avr_gcc()
    key = hashlib.sha256("\0".join([machine, str(compiler), *flags]).encode())
    for path in (*sources, *headers):
        key.update(path.name.encode() + path.read_bytes())
    archive = LIBRARIES / f"kernels-{machine}-{key.hexdigest()[:16]}.a"
    if not archive.exists():
        archiver = "ar" if machine == "host" else companion("ar")
        with staged(archive) as temporary:
            objects = []
            for source in sources:
                objects.append(temporary.parent / f"{source.name}.o")
                include = [f"-I{folder}" for folder in INCLUDE]
                _run([compiler, *flags, *include, "-c", source, "-o", objects[-1]])
            _run([archiver, "rcsD", temporary, *objects])
            for item in objects:
                item.unlink()
    return archive


@cache
def _host_compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        raise ToolError("a C compiler for this machine is needed; install gcc (apt-get install gcc)")
    return found


def _run(command: Sequence[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(str(word) for word in command)}\n{done.stderr[:8000]}")
