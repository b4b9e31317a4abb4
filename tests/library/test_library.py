"""A library by itself: its answers on the host and in the simulator, its names, its bytes, its promises."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.library import building
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph
from toolchain.library import library_stage
from toolchain.library.closure import symbols
from toolchain.library.interface import raw_type
from toolchain.library.naming import prefix
from toolchain.memory.compiler import avr_gcc
from toolchain.memory.elf import Image
from toolchain.simulator.core import Core

GRAPHS = {
    "bytes": lambda: building.dense("digits-2"),
    "bytes_affine": lambda: building.dense("digits_affine", scheme="affine"),
    "two_classes": lambda: building.dense("yes_no", outputs=1, decision="threshold"),
    "regression": lambda: building.dense("level", outputs=3, decision="none"),
    "floats": lambda: building.measured("sensor"),
    "floats_affine": lambda: building.measured("sensor_affine", scheme="affine"),
    "convolution": lambda: building.convolutional("picture"),
}

MAIN = """
#include <stdio.h>
#include "{name}.h"

static {raw} sample[{big}_INPUTS];

int main(void)
{{
    while (fread(sample, sizeof sample, 1, stdin) == 1) {{
        uint8_t answer = {name}_predict(sample);
        fwrite(&answer, 1, 1, stdout);
        fwrite({name}_codes(), 1, {big}_OUTPUTS, stdout);
        for (uint16_t i = 0; i < {big}_OUTPUTS; i++) {{
            float score = {name}_score(i);
            fwrite(&score, sizeof score, 1, stdout);
        }}
    }}
    return 0;
}}
"""


@pytest.fixture(params=GRAPHS)
def graph(request: pytest.FixtureRequest) -> Graph:
    return GRAPHS[request.param]()  # type: ignore[no-any-return]


def test_predict_on_the_host_is_the_integer_reference(graph: Graph, tmp_path: Path) -> None:
    name = prefix(graph.name)
    library = building.write(graph, tmp_path / "library")
    main = tmp_path / "main.c"
    main.write_text(MAIN.format(name=name, big=name.upper(), raw=raw_type(graph)))
    parts = building.objects(library, building.host(), tmp_path / "objects")
    program = tmp_path / "program"
    building.run([*building.host(), f"-I{library / 'src'}", main, *parts, "-lm", "-o", program])
    raw = building.samples(graph, 200, seed=9)
    count = graph.output.size
    rows = np.frombuffer(building.run([program], raw.tobytes()), np.uint8).reshape(len(raw), -1)
    expected = graph.run(graph.encode(raw).astype(np.int64)).reshape(len(raw), count)
    np.testing.assert_array_equal(rows[:, 0], graph.classify(expected))
    np.testing.assert_array_equal(rows[:, 1 : count + 1], (expected & 0xFF).astype(np.uint8))
    scores = np.ascontiguousarray(rows[:, count + 1 :]).view(np.float32)
    np.testing.assert_allclose(scores, graph.output.real(expected), rtol=1e-6)


def test_only_the_prefix_is_visible(graph: Graph, tmp_path: Path) -> None:
    library = building.write(graph, tmp_path / "library")
    for command in (building.avr("atmega328p"), building.host()):
        parts = building.objects(library, command, tmp_path / f"objects-{len(command)}")
        names = {name for path in parts for name, here, local in symbols(path) if here and not local}
        # What the compiler and its sanitizers add begins with two underscores.
        assert names and all(n.startswith((prefix(graph.name) + "_", "__")) for n in names)


def test_the_same_network_gives_the_same_bytes(graph: Graph) -> None:
    assert building.made(graph) == building.content(graph)


def test_everything_is_licensed_and_nothing_is_ours(graph: Graph) -> None:
    for name, text in building.content(graph).items():
        if name.startswith("src/") or name.endswith((".ino", "CMakeLists.txt")):
            assert "SPDX-License-Identifier: Apache-2.0" in text, name
            assert not re.search(r"\bgc_", text), name
            assert not re.search(r"[ \t]$", text, re.MULTILINE), name


def test_no_stem_occurs_twice(graph: Graph) -> None:
    sources = [Path(name) for name in building.content(graph) if name.endswith((".c", ".S"))]
    assert len({path.stem for path in sources}) == len(sources)


def test_an_input_in_pieces_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "library.json"
    plan.write_text(json.dumps({"input": "streamed"}), encoding="utf-8")
    with pytest.raises(GoldcrestError, match=r"takes the whole input at once; write `target.input: whole`"):
        library_stage.run(argparse.Namespace(plan=plan))


@pytest.mark.parametrize("name", ["math", "Math", "stdint", "string", "time", "Arduino"])
def test_no_header_takes_the_place_of_the_systems(name: str, tmp_path: Path) -> None:
    """`math.h` in a folder of headers is what <math.h> finds; some file systems take Math.h for the same."""
    assert prefix(name) == f"m_{name}"
    if name != "math":
        return
    graph = building.measured("math")  # floats, whose rounding takes <math.h>
    library = building.write(graph, tmp_path / "library")
    building.objects(library, building.host(), tmp_path / "objects")
    main = tmp_path / "main.c"
    main.write_text(
        '#include <math.h>\n#include "m_math.h"\ndouble use(double x) { return sqrt(x) + m_math_score(0); }\n'
    )
    building.run([*building.host(), f"-I{library / 'src'}", "-c", main, "-o", tmp_path / "main.o"])


def test_no_header_inside_is_the_face_of_another_model(tmp_path: Path) -> None:
    """A program with the models digits and digits_dense8 has both folders in its path, in whatever order."""
    graphs = [building.dense("digits"), building.dense("digits_dense8"), building.dense("digits_core")]
    folders = [building.write(graph, tmp_path / graph.name) / "src" for graph in graphs]
    calls = " + ".join(f"{graph.name}_predict(x)" for graph in graphs)
    main = tmp_path / "main.c"
    main.write_text(
        "".join(f'#include "{graph.name}.h"\n' for graph in graphs)
        + f"static uint8_t x[20];\nint main(void) {{ return {calls} > 15; }}\n"
    )
    parts = [part for graph in graphs for part in building.objects(
        tmp_path / graph.name, building.host(), tmp_path / "objects" / graph.name
    )]  # fmt: skip
    for order in (folders, folders[::-1]):
        include = [f"-I{folder}" for folder in order]
        building.run([*building.host(), *include, main, *parts, "-lm", "-o", tmp_path / "program"])


def test_a_description_may_hold_what_ends_a_comment() -> None:
    """The library is compiled while it is made, so that it would not be made at all."""
    text = "Signs /* and */ of comments,\non two lines // \\"
    files = building.made(building.dense("digits-2"), description=text)
    assert "\n * Signs / * and * / of comments, on two lines // \\\n" in files["src/digits_2.h"]
    assert "sentence=Signs /* and */ of comments, on two lines // \\\n" in files["library.properties"]


def test_only_kernels_that_are_needed() -> None:
    sources = {name for name in building.content(building.dense("digits-2")) if name.startswith("src/")}
    assert "src/digits_2_dense8.c" in sources and "src/digits_2_argmax_avr.S" in sources
    assert not any("convolution" in name or "lookup" in name or "lstm" in name for name in sources)


@pytest.mark.parametrize("mcu", building.CHIPS)
def test_two_models_in_one_image_take_what_the_readmes_promise(mcu: str, tmp_path: Path) -> None:
    graphs = [building.dense("digits-2"), building.convolutional("picture"), building.measured("sensor")]
    parts, include, promised = [], [], []
    declared = "volatile uint8_t result;\nconst uint8_t *volatile answer;\n"
    full, empty, calls = "", "", ""
    for graph in graphs:
        name = prefix(graph.name)
        library = building.write(graph, tmp_path / name)
        parts += building.objects(library, building.avr(mcu), tmp_path / name / "objects")
        include.append(library / "src")
        declared = f'#include "{name}.h"\n{declared}{raw_type(graph)} {name}_sample[{graph.input.size}];\n'
        head, calls = f"__attribute__((noinline)) void use_{name}(void)", calls + f"use_{name}(); "
        full += f"{head} {{ result = {name}_predict({name}_sample); answer = {name}_output(); }}\n"
        empty += f"{head} {{ result = (uint8_t){name}_sample[0]; answer = 0; }}\n"
        row = next(line for line in (library / "README.md").read_text().splitlines() if line.startswith(f"| {mcu} "))
        promised.append([int(cell.replace(",", "")) for cell in row.split("|")[2:6]])
    main = f"int main(void) {{ {calls}}}\n"
    with_them = building.linked(mcu, declared + full + main, parts, tmp_path / "full", include)
    without = building.linked(mcu, declared + empty + main, parts, tmp_path / "empty", include)
    flash, own, ram, _stack = (sum(column) for column in zip(*promised, strict=True))
    assert with_them.ram - without.ram == ram
    names = {name for path in parts for name, here, _local in symbols(path) if here}
    found = sum(symbol.size for symbol in with_them.largest(len(with_them.symbols)) if symbol.name in names)
    assert found == own
    grown = with_them.program.used - without.program.used
    assert own <= grown <= flash


def test_link_time_optimization_changes_no_answer(tmp_path: Path) -> None:
    """Arduino compiles so; assembly and constants in flash must survive it."""
    graph = building.dense("digits-2")
    library = building.write(graph, tmp_path / "library")
    command = [*building.avr("atmega328p"), "-flto", "-fno-fat-lto-objects"]
    parts = building.objects(library, command, tmp_path / "objects")
    main = tmp_path / "main.c"
    main.write_text(
        '#include "digits_2.h"\nuint8_t sample[20];\nvolatile uint8_t result;\n'
        "int main(void) { result = digits_2_predict(sample); }\n"
    )
    image = tmp_path / "image.elf"
    building.run([*command, f"-I{library / 'src'}", main, *parts, "-Wl,--gc-sections", "-o", image])
    core = Core(image, "atmega328p")
    raw = building.samples(graph, 30, seed=6)
    found = []
    for sample in raw:
        core.write("sample", sample.tobytes())
        core.call("main")
        found.append(core.read("result", 1)[0])
    assert found == list(graph.classify(graph.run(graph.encode(raw).astype(np.int64))))


@pytest.mark.parametrize("machine", ["host", "avr"])
def test_cmake_builds_it(machine: str, tmp_path: Path) -> None:
    if not building.has("cmake"):
        pytest.skip("cmake is not installed")
    graph = building.dense("digits-2")
    building.write(graph, tmp_path / "digits_2")
    (tmp_path / "main.c").write_text(
        '#include "digits_2.h"\nint main(void) { static uint8_t x[20]; return digits_2_predict(x) > 5; }\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nadd_subdirectory(digits_2)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user digits_2)\n"
    )
    compiler, chip = avr_gcc(), "-mmcu=atmega4809"
    cross = [
        "-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_SYSTEM_PROCESSOR=avr", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_C_FLAGS={chip}",
        f"-DCMAKE_ASM_COMPILER={compiler}", f"-DCMAKE_ASM_FLAGS={chip}",
    ]  # fmt: skip
    building.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", *(cross if machine == "avr" else [])])
    building.run(["cmake", "--build", tmp_path / "build"])
    if machine == "host":
        building.run([tmp_path / "build" / "user"])
    else:
        (program,) = (tmp_path / "build").glob("user*")
        assert "digits_2_k_dense8" in Image(program).addresses
