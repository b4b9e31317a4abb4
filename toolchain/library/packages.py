"""The files beside the sources: what Arduino, PlatformIO, CMake and MPLAB X want, and the README with its figures."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.library.interface import answers, raw_type, units
from toolchain.library.measure import Figures

VERSION = "1.0"
COPYRIGHT = "SPDX-License-Identifier: Apache-2.0"


@dataclass(frozen=True)
class Package:
    """What the packagings say: the network, its prefix, a sentence about it, one sample and its class."""

    graph: Graph
    prefix: str
    description: str
    figures: tuple[Figures, ...]
    clock_hz: int
    sample: np.ndarray  # raw, the input's shape
    answer: int
    nnom: bool  # there is a folder nnom/

    @property
    def version(self) -> str:
        """Another network is another version; the same network always the same."""
        return f"{VERSION}.{store.fingerprint(self.graph) % 100000}"

    @property
    def summary(self) -> str:
        return self.description or f"The neural network {self.graph.name}"


def files(package: Package, sources: Sequence[str]) -> dict[str, str]:
    """Every file beside ``src``, by its path inside the library."""
    name = package.prefix
    return {
        "README.md": readme(package),
        "library.properties": arduino(package),
        "keywords.txt": keywords(package),
        "library.json": platformio(package),
        "CMakeLists.txt": cmake(package, sources),
        f"examples/{name}_sample/{name}_sample.ino": sketch(package),
    }


def arduino(package: Package) -> str:
    """``library.properties`` (Arduino library specification, revision 1.5: sources in ``src``)."""
    name = package.prefix
    return (
        f"name={name}\nversion={package.version}\nauthor=Goldcrest\nmaintainer=Goldcrest\n"
        f"sentence={_line(package.summary)}\n"
        f"paragraph=A quantized neural network in C and AVR assembly, without allocation and without other libraries.\n"
        f"category=Data Processing\nurl=\narchitectures=*\nincludes={name}.h\n"
    )


def keywords(package: Package) -> str:
    names = ("predict", "score", "codes", "set", "infer", "input", "output")
    return "".join(f"{package.prefix}_{name}\tKEYWORD2\n" for name in names)


def platformio(package: Package) -> str:
    """``library.json``; the headers and sources lie where PlatformIO looks of itself (``src``)."""
    content = {
        "name": package.prefix,
        "version": package.version,
        "description": _line(package.summary),
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{package.prefix}.h",
        "build": {"srcDir": "src", "includeDir": "src"},
    }
    return json.dumps(content, indent=2) + "\n"


def cmake(package: Package, sources: Sequence[str]) -> str:
    """A static library, for avr-gcc and for this machine."""
    c = "\n".join(f"    src/{name}" for name in sources if name.endswith(".c"))
    assembly = "\n".join(f"    src/{name}" for name in sources if name.endswith(".S"))
    libraries = f"target_link_libraries({package.prefix} PUBLIC m)\n" if package.graph.encoding.quantize else ""
    asm = f"""
# On AVR hand-written assembly takes the place of the C of the same name; elsewhere it is empty.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "avr" OR CMAKE_C_COMPILER MATCHES "avr-gcc")
  enable_language(ASM)
  target_sources({package.prefix} PRIVATE
{textwrap.indent(assembly, "  ")}
  )
endif()
""" if assembly else ""  # fmt: skip
    return f"""# {COPYRIGHT}
cmake_minimum_required(VERSION 3.13)
project({package.prefix} C)

add_library({package.prefix} STATIC
{c}
)
target_include_directories({package.prefix} PUBLIC src{" nnom" if package.nnom else ""})
target_compile_options({package.prefix} PRIVATE -std=gnu11 -ffunction-sections -fdata-sections)
{libraries}{asm}"""


def sketch(package: Package) -> str:
    """The example: one sample of the test data, recognized and printed."""
    name, graph = package.prefix, package.graph
    raw = raw_type(graph)
    values = package.sample.reshape(-1)
    numbers = ", ".join(f"{float(np.float32(v))!r}" if raw == "float" else str(int(v)) for v in values)
    array = textwrap.fill(numbers, 112, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    read = "pgm_read_float" if raw == "float" else "pgm_read_byte"
    expected = "" if graph.decision == "none" else f" // the network says {package.answer}"
    shown = (
        f"    {name}_infer();\n" if graph.decision == "none"
        else f'    Serial.print("class ");\n    Serial.println({name}_infer());{expected}\n'
    )  # fmt: skip
    return f"""// One sample of the test data through the network {graph.name}.
//
// {COPYRIGHT}
#include <{name}.h>

const {raw} sample[{name.upper()}_INPUTS] PROGMEM = {{
{array}}};

void setup() {{
    Serial.begin(9600);
}}

void loop() {{
    for (uint16_t i = 0; i < {name.upper()}_INPUTS; i++)
        {name}_set(i, {read}(&sample[i]));
{shown}    for (uint16_t i = 0; i < {name.upper()}_OUTPUTS; i++)
        Serial.println({name}_score(i));
    delay(1000);
}}
"""


def readme(package: Package) -> str:
    name, graph = package.prefix, package.graph
    raw = raw_type(graph)
    answer = f"{name}_predict(input);" if graph.decision == "none" else f"uint8_t answer = {name}_predict(input);"
    adapter = _nnom(name) if package.nnom else ""
    return f"""# {name}

{package.summary}

A neural network as C and AVR assembly. It needs no other library and no operating system, allocates nothing and has no
visible name that does not begin with `{name}_`; several such libraries link into one program.

```c
#include "{name}.h"

static {raw} input[{name.upper()}_INPUTS];

{answer}
float score = {name}_score(0);
```

{_wrapped(" ".join([*units(graph), *answers(graph, name)]))}

{_wrapped(_scores(package))}

## What it takes

{_table(package)}
{_wrapped(_measured(package))}

## How to build it

- **Arduino**: put this folder into `libraries` (or install it as a ZIP), then open
  File, Examples, {name}, {name}_sample.
- **PlatformIO**: put this folder into the project's `lib`.
- **CMake**: `add_subdirectory({name})` and `target_link_libraries(program {name})`.
- **MPLAB X** (XC8 2.x or avr-gcc): add everything in `src` to the project's source files, `src` to the include
  directories, and set the C standard to gnu99 or later, "function sections", "data sections" and "remove unused
  sections". No file's stem occurs twice, so objects do not collide.
- **Anything else**: compile `src/*.c`, on AVR also `src/*.S`, with `-Isrc -std=gnu11`, and link with `-lm`. C++
  programs include the same header.

{adapter}Licence: Apache-2.0. Written by Goldcrest; network {graph.name}, hash {store.fingerprint(graph):08x}.
"""


def _nnom(name: str) -> str:
    return f"""## In place of NNoM

A program written for NNoM (`#include "nnom.h"`, `#include "weights.h"`, `nnom_model_create()`, `model_run()`) compiles
unchanged with `nnom` among its include directories in the place of NNoM's own; `nnom/weights.h` says what goes into
`nnom_input_data`. The network behind it is `{name}`.

"""


def _table(package: Package) -> str:
    lines = [
        "| chip | flash | own | RAM | stack | cycles | time |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in package.figures:
        if one.cycles is None:
            cycles = time = "–"
        else:
            cycles, time = f"{one.cycles:,.0f}", f"{1000 * one.cycles / package.clock_hz:.2f} ms"
            time += f" at {package.clock_hz / 1e6:g} MHz"
        note = "" if one.fits else " (does not fit)"
        lines.append(
            f"| {one.mcu}{note} | {one.flash:,} | {one.own:,} | {one.ram:,} | {one.stack:,} | {cycles} | {time} |"
        )
    return "\n".join(lines) + "\n"


def _scores(package: Package) -> str:
    name, output = package.prefix, package.graph.output
    return (
        f"`{name}_score(i)` is the network's output in real units, `{name}_codes()[i]` the same as an integer: "
        f"score = {output.scale!r} · (code − {int(output.zero_point)}). A program that is short of RAM writes its "
        f"input straight into the network with `{name}_set(i, value)` and calls `{name}_infer()`."
    )


def _measured(package: Package) -> str:
    name, first = package.prefix, package.figures[0]
    return (
        f"Flash, RAM and stack in bytes, measured in the linked program ({first.compiler}, `-Os -ffunction-sections "
        "-fdata-sections -Wl,--gc-sections`, no link-time optimization). *Flash* is what a program grows by that calls "
        f"`{name}_predict`: *own* of it lies under this library's prefix, the rest is the call itself and the "
        "compiler's run-time library, which a program with several networks has once. *RAM* is static; the caller's "
        f"input array is not part of it. *Stack* is the worst case from the call of `{name}_predict` downward. *Time* "
        f"is `{name}_predict` on average over {first.samples} samples of the test data, simulated cycle by cycle; the "
        "answers were the integer reference's on each of them."
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def _line(text: str) -> str:
    return " ".join(text.split())
