"""The network for other people's programs: a folder of C sources, and the formats of other runtimes."""

from __future__ import annotations

from typing import Any

from manifest import section_file
from shared import ROOT, add_methods, known_as, notes, option
from stages import stage

from toolchain.graph import compilers
from toolchain.memory.compiler import avr_gcc

COPIED = ("firmware/runtime/*.h", "firmware/kernels/*", "firmware/nnom/*.h", "LICENSE")


def generate(env: Any) -> None:
    add_methods(env, Library=library, Exported=exported)


def exists(env: Any) -> bool:
    return True


def library(env: Any, plan: Any, network: Any, data: Any) -> Any:
    """The folder ``library``; its README.md comes last and stands for all of it."""
    values = plan.values
    clock = values.compilation["clock_hz"]
    section = {"description": values.description, **values.generation, "clock_hz": clock}
    label = f"what {values.path} says of the library"
    inputs = {
        "plan": section_file(env, plan.folder / "plan" / "library.json", label, section),
        "network": network,
        "dataset": data,
    }
    copied = [str(path.relative_to(ROOT)) for pattern in COPIED for path in sorted(ROOT.glob(pattern))]
    nodes = stage(env, "library", f"{plan.folder}/library/README.md", inputs, reads=copied)
    env.Depends(nodes, known_as("the version of avr-gcc", compilers.version(avr_gcc(), notes)))
    env.Clean(nodes, f"{plan.folder}/library")
    return env.NoCache(nodes)  # the cache keeps files, and this is a folder


_exports: list[Any] = []


def exported(env: Any, plan: Any, network: Any, data: Any) -> None:
    """``export=nnom``: ``nnom/weights.h`` for projects that link NNoM itself; it takes the default target's place."""
    if option("export"):
        inputs = {"network": network, "dataset": data}
        _exports.extend(stage(env, "export", f"{plan.folder}/{option('export')}/weights.h", inputs))
        env.Default(None)
        env.Default(*_exports)
