"""The packagings: what Arduino and PlatformIO would do with them, done here with avr-gcc alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.library import building
from toolchain.graph import compilers
from toolchain.ir.graph import Graph
from toolchain.library.naming import prefix
from toolchain.memory.compiler import avr_gcc
from toolchain.memory.elf import Image
from toolchain.simulator.core import Core

CORE = Path(__file__).parent / "arduino"
CPP = ("-std=gnu++11", "-Os", "-Wall", "-Wextra", "-fno-exceptions", "-fno-threadsafe-statics", "-ffunction-sections")
GRAPHS = {
    "bytes": lambda: building.dense("digits-2"),
    "floats": lambda: building.measured("sensor"),
    "convolution": lambda: building.convolutional("picture"),
    "regression": lambda: building.dense("level", outputs=3, decision="none"),
}


def properties(library: Path) -> dict[str, str]:
    lines = (library / "library.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("mcu", building.CHIPS)
def test_the_arduino_example_prints_the_network_s_answer(name: str, mcu: str, tmp_path: Path) -> None:
    graph = GRAPHS[name]()
    library = building.write(graph, tmp_path / "libraries" / prefix(graph.name))
    image = arduino(library, mcu, tmp_path / "build")
    core = Core(image, mcu)
    core.run("main", 1_000_000)
    core.call("main")
    printed = core.read("printed", 512).split(b"\0")[0].decode().splitlines()
    assert printed == expected(graph)


def expected(graph: Graph) -> list[str]:
    raw = building.samples(graph, 10, seed=5)[:1]
    output = graph.run(graph.encode(raw).astype(np.int64))
    first = [] if graph.decision == "none" else [f"class {graph.classify(output)[0]}"]
    hundredths = [int(100 * value + (0.5 if value >= 0 else -0.5)) for value in graph.output.real(output).reshape(-1)]
    return [*first, *(f"{'-' if h < 0 else ''}{abs(h) // 100}.{abs(h) % 100:02}" for h in hundredths)]


def arduino(library: Path, mcu: str, build: Path) -> Image:
    """As the Arduino IDE builds an example: everything under ``src``, the sketch as C++, ``src`` to include from."""
    said = properties(library)
    assert said["architectures"] == "*" and (library / "src" / said["includes"]).exists()
    parts = building.objects(library, building.avr(mcu), build)
    (sketch,) = (library / "examples").glob("*/*.ino")
    assert sketch.stem == sketch.parent.name
    source = build / f"{sketch.name}.cpp"
    source.write_text(f"#include <Arduino.h>\n{sketch.read_text(encoding='utf-8')}", encoding="utf-8")
    image = build / "sketch.elf"
    command = [avr_gcc().with_name("avr-g++"), f"-mmcu={mcu}", *CPP, f"-I{CORE}", f"-I{library / 'src'}"]
    limits = ["-Wl,--gc-sections", *compilers.UNLIMITED]
    building.run([*command, source, CORE / "core.cpp", *parts, *limits, "-lm", "-o", image])
    return Image(image)


def test_arduino_s_properties_name_what_is_there(tmp_path: Path) -> None:
    library = building.write(building.dense("digits-2"), tmp_path / "digits_2")
    said = properties(library)
    for key in ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "architectures"):
        assert said[key], key
    assert said["name"] == "digits_2" and said["version"].count(".") == 2


def test_platformio_finds_two_models_in_lib(tmp_path: Path) -> None:
    """PlatformIO's rules: each folder of ``lib`` with a library.json, its ``srcDir`` compiled, its headers found."""
    graphs = [building.dense("digits-2"), building.measured("sensor")]
    include, parts = [], []
    for graph in graphs:
        library = building.write(graph, tmp_path / "lib" / prefix(graph.name))
        said = json.loads((library / "library.json").read_text(encoding="utf-8"))
        assert said["name"] == prefix(graph.name)
        assert (library / said["build"]["includeDir"] / said["headers"]).exists()
        include.append(library / said["build"]["includeDir"])
        parts += building.objects(library, building.avr("atmega4809"), tmp_path / "build" / said["name"])
    main = (
        '#include "digits_2.h"\n#include "sensor.h"\nuint8_t one[20];\nfloat other[5];\nvolatile uint8_t result[2];\n'
        "int main(void) { result[0] = digits_2_predict(one); result[1] = sensor_predict(other); }\n"
    )
    image = building.linked("atmega4809", main, parts, tmp_path / "image", include)
    core = Core(image, "atmega4809")
    values = [building.samples(graph, 1, seed=3) for graph in graphs]
    core.write("one", values[0].tobytes())
    core.write("other", values[1].tobytes())
    core.call("main")
    pairs = zip(graphs, values, strict=True)
    answers = [graph.classify(graph.run(graph.encode(raw).astype(np.int64)))[0] for graph, raw in pairs]
    assert list(core.read("result", 2)) == answers
