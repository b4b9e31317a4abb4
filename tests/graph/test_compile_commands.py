"""``compile_commands``: what editors are told is how the files are really compiled."""

from __future__ import annotations

import json
import subprocess

from tests.graph.project import Project


def test_each_command_makes_the_very_object(built: Project) -> None:
    run = built.scons("model=sensor_and", "compile_commands", "verbose=0")
    assert run.status == 0, run.err
    assert run.stages == []  # nothing is compiled for it
    entries = json.loads((built.root / "build/compile_commands.json").read_text(encoding="utf-8"))
    assert f"build/compile_commands.json           {len(entries)} files" in run.out
    folder = built.root / "build/sensor_and/obj"
    assert {entry["output"].rpartition("/")[2] for entry in entries} == {path.name for path in folder.glob("*.o")}
    for entry in entries:
        if entry["file"].endswith(("network.c", "gc_dense.c", "gc_dense8.S", "main.c")):
            made = (built.root / entry["output"]).read_bytes()
            (built.root / entry["output"]).unlink()
            subprocess.run(entry["command"], shell=True, cwd=built.root, check=True)
            assert (built.root / entry["output"]).read_bytes() == made


def test_it_needs_a_model(built: Project) -> None:
    assert "compile_commands needs a model" in built.scons("compile_commands").err
