"""Where the time of an inference goes: cycles by layer, and in each layer by the function that spends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolchain.memory.elf import INFER
from toolchain.simulator import latency
from toolchain.simulator.core import Core

CALL = f"call of {INFER}"
OUTSIDE = ("gc_input", "gc_begin")  # of no inference


def profile(core: Core, description: Mapping[str, Any], codes: np.ndarray) -> list[dict[str, Any]]:
    """``[{name, kind, kernel, macs, cycles, functions: [{name, cycles}]}]`` for one input, as latency.json splits it.

    A function's cycles are its own, without what it calls. The way into the first layer counts to it, and the way out
    of ``gc_infer`` to the last. ``description`` is network.json, ``codes`` one encoded sample.
    """
    names = latency.functions(description)
    for name in names:
        core.set_breakpoint(name)
    core.start_profile()
    fed, _stack = core.give(codes.tobytes())
    taken = {name: cycles for name, cycles in core.profile().items() if fed and name not in OUTSIDE}
    before = core.profile()  # what was counted before: nothing, unless somebody else has profiled this core
    spent: dict[str, dict[str, int]] = {}
    current = ""
    core.enter("gc_infer")
    for name in latency.reached(core, names):
        if current:
            before = _close(core, before, spent, current)
        current = name
    _close(core, before, spent, current)
    first = spent[names[0]]
    outside = fed + core.result().cycles - sum(sum(own.values()) for own in (taken, *spent.values()))
    for name, cycles in taken.items():
        first[name] = first.get(name, 0) + cycles
    first[CALL] = first.get(CALL, 0) + outside  # the simulator's own call of it, which latency.json counts
    for name in names:
        core.set_breakpoint(name, False)
    layers = []
    for layer in description["layers"]:
        own = spent.get(layer["function"], {})
        functions = sorted(own.items(), key=lambda item: (-item[1], item[0]))
        layers.append(
            {
                **{key: layer[key] for key in ("name", "kind", "macs")},
                "kernel": layer["kernel"],
                "cycles": sum(own.values()),
                "functions": [{"name": name, "cycles": cycles} for name, cycles in functions],
            }
        )
    return layers


def _close(core: Core, before: dict[str, int], spent: dict[str, dict[str, int]], layer: str) -> dict[str, int]:
    """Credit the layer with what was counted since ``before``; returns the counts of now."""
    now = core.profile()
    spent[layer] = {name: cycles - before.get(name, 0) for name, cycles in now.items() if cycles > before.get(name, 0)}
    return now
