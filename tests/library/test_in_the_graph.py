"""The targets ``library`` and ``export=nnom`` and the key ``firmware`` in a real build of the smallest model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.graph.project import ROOT, Project
from toolchain.manifest import load
from toolchain.memory.elf import Image
from toolchain.memory.refusal import refuse

MODEL = "sensor_and"
OWN = """
#include "network.h"
#include "blink.h"

int main(void)
{
    for (;;) {
        gc_input()[0] = PIN_ONE;
        gc_input()[1] = 1;
        PORT_OUT = gc_infer();
    }
}
"""
HEADER = """
#include <avr/io.h>
#define PORT_OUT PORTB.OUT
#define PIN_ONE (PORTA.IN & 1)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The model, trained once, with a program of the user's beside it."""
    made = Project.copied(tmp_path_factory.mktemp("library") / "project")
    (made.root / "blinker" / "headers").mkdir(parents=True)
    (made.root / "blinker" / "main.c").write_text(OWN)
    (made.root / "blinker" / "headers" / "blink.h").write_text(HEADER)
    return made


def test_library_writes_the_folder_and_is_done_with_it(project: Project) -> None:
    run = project.scons(f"model={MODEL}", "library")
    assert run.status == 0, run.out + run.err
    assert run.stages == ["dataset", "train", "quantize", "library"]
    folder = project.root / "build" / MODEL / "library"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"README.md", "LICENSE", "CMakeLists.txt", "library.properties", "library.json"} <= names
    assert {f"src/{MODEL}.h", f"src/{MODEL}_network.c", "nnom/nnom.h", "nnom/weights.h"} <= names
    assert "atmega4809" in (folder / "README.md").read_text()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert project.scons(f"model={MODEL}", "library").stages == []
    (folder / "README.md").unlink()
    assert project.scons(f"model={MODEL}", "library").stages == ["library"]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_nnom_cannot_express_fails_and_names_the_layer(project: Project) -> None:
    run = project.scons(f"model={MODEL}", "export=nnom")
    assert run.status == 2 and "NNoM cannot express this activation layer" in run.err
    assert not (project.root / "build" / MODEL / "nnom" / "weights.h").exists()
    assert "expected export=nnom" in project.scons(f"model={MODEL}", "export=tflite").err


def test_export_takes_the_place_of_the_build(project: Project) -> None:
    project.edit(f"models/{MODEL}.yaml", "  - activation: sigmoid\n", "")
    project.edit(f"models/{MODEL}.yaml", "loss: binary_crossentropy", "loss: mean_squared_error")
    run = project.scons(f"model={MODEL}", "export=nnom")
    assert run.status == 0, run.out + run.err
    assert run.stages == ["train", "quantize", "export"]
    assert '#include "nnom.h"' in (project.root / "build" / MODEL / "nnom" / "weights.h").read_text()


def test_a_program_of_the_user_s_is_built_and_budgeted(project: Project) -> None:
    manifest = project.root / "models" / f"{MODEL}.yaml"
    text = manifest.read_text()
    manifest.write_text(text + "firmware: {sources: [blinker/main.c], include: [blinker/headers]}\n")
    run = project.scons(f"model={MODEL}")
    assert run.status == 0, run.out + run.err
    image = Image(project.root / "build" / MODEL / "firmware.elf")
    names = {symbol.name for symbol in image.functions}
    assert {"main", "gc_infer", "gc_output"} <= names and not any("link" in name for name in names)
    report = json.loads((project.root / "build" / MODEL / "report.json").read_text())
    assert report["program"]["used"] == image.program.used and report["program"]["application"] < 700
    project.edit("blinker/headers/blink.h", "PORTB", "PORTC")
    assert project.scons(f"model={MODEL}").stages == ["compile", "link", "memory", "latency", "budget"]
    # What the program takes of the memory counts like everything else.
    project.edit(
        "blinker/main.c", "int main(void)\n{\n", "volatile char table[7000];\n\nint main(void)\n{\n    table[1] = 1;\n"
    )
    over = project.scons(f"model={MODEL}")
    assert over.status == 2 and "data memory: 7," in over.err and not image.path.with_suffix(".hex").exists()
    refused = project.scons(f"model={MODEL}", "evaluate")
    assert refused.status == 2 and "evaluate talks to the evaluation firmware" in refused.err


def test_files_of_a_program_may_be_called_alike_in_other_folders(project: Project) -> None:
    """led/on.c beside led_on.c: neither takes the other's place."""
    manifest, folder = project.root / "models" / f"{MODEL}.yaml", project.root / "blinker"
    sources = "blinker/main.c, blinker/led/on.c, blinker/led_on.c"
    rest = [line for line in manifest.read_text().splitlines() if not line.startswith("firmware:")]  # a test's before
    manifest.write_text("\n".join([*rest, f"firmware: {{sources: [{sources}], include: [blinker/headers]}}\n"]))
    (folder / "led").mkdir()
    for path, name in (("led/on.c", "one"), ("led_on.c", "two")):
        (folder / path).write_text(f"volatile char {name}_seen;\nvoid {name}(void) {{ {name}_seen++; }}\n")
    project.edit(
        "blinker/main.c",
        "int main(void)\n{\n",
        "void one(void);\nvoid two(void);\nint main(void)\n{\n    one();\n    two();\n",
    )
    run = project.scons(f"model={MODEL}", f"build/{MODEL}/firmware.elf")
    assert run.status == 0, run.out + run.err


def test_a_small_program_of_the_user_s_is_not_refused_for_the_size_of_ours() -> None:
    plan = load(ROOT / "models" / f"{MODEL}.yaml")
    tight = replace(plan, memory={**plan.memory, "program": 1200})
    assert refuse(tight) is not None
    own = {"sources": ["blinker/main.c"], "include": []}
    assert refuse(replace(tight, compilation={**plan.compilation, "firmware": own})) is None
