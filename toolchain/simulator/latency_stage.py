"""Stage ``latency``: cycles of an inference on the chip, from its image, into latency.json.

cycles       the first test sample, split into layers that add up to it
cycles_mean  the first 1,000 test samples (ms is this one at the chip's clock); where every kernel takes constant time
             and 200 samples bear it out, those stand for all
cycles_worst the longest of these samples
cycles_max   no input takes longer; see ``latency`` for how it is found

spread       of a layer, where ``target.latency: constant`` does not hold: by how many cycles its time varies at most

Also here the chip's answers on the first samples are held against the integer reference, byte by byte.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.report import status
from toolchain.simulator import latency
from toolchain.simulator.core import Core, TooLarge
from toolchain.stages import add_files, read_json, write_json

SAMPLES = 1000
COMPARED = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "elf", "network", "description", "dataset", plan="plan/compilation.json", output="latency.json")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    description = read_json(args.description)
    graph = store.load(args.network)
    with np.load(args.dataset) as data:
        codes = graph.encode(data["x_test"][:SAMPLES])
    try:
        core = Core(args.elf, plan["mcu"])
    except TooLarge as reason:
        report = unmeasured(str(reason), description, plan)
    else:
        report = measure(core, graph, description, codes, plan["clock_hz"])
    write_json(args.output, report)
    if report["cycles"] is None:
        status.done("too large to be run")
        return
    status.done(f"{report['ms']:.2f} ms, at most {1000 * report['cycles_max'] / plan['clock_hz']:.2f} ms")


def unmeasured(reason: str, description: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """The content of latency.json for an image that no chip of its kind can run: the budget will refuse it."""
    return {
        "schema": 1, "mcu": plan["mcu"], "core": None, "clock_hz": plan["clock_hz"],
        "cycles": None, "cycles_mean": None, "cycles_worst": None, "cycles_max": None, "ms": None,
        "samples": 0, "compared": 0, "stack": None, "reason": reason,
        "layers": [
            {**{key: layer[key] for key in ("name", "kind", "macs")}, "cycles": None} for layer in description["layers"]
        ],
    }  # fmt: skip


def measure(core: Core, graph: Graph, description: dict[str, Any], codes: np.ndarray, clock_hz: int) -> dict[str, Any]:
    """The content of latency.json. ``codes`` are encoded test samples (n, *input shape).

    Raises GoldcrestError if the chip's answers are not the reference's.
    """
    status.update("first sample")
    first = latency.trace(core, description, codes[0])
    cycles, outputs = latency.many(core.image, core.facts.mcu, codes[:COMPARED], graph.output.size, status.update)
    _compare(core, graph, codes[:COMPARED], outputs)
    constant = all(layer["constant_time"] for layer in description["layers"] if layer["function"])
    if len(codes) > COMPARED and (not constant or len(set(cycles)) > 1):
        more, _ = latency.many(core.image, core.facts.mcu, codes[COMPARED:], graph.output.size, status.update)
        cycles = np.concatenate([cycles, more])
    longest = latency.worst(
        core, graph, description, first, lambda name, done: status.update(f"worst case of {name}", done)
    )
    spreads = longest.spreads if description["latency"] == "constant" else {}
    average = float(cycles.astype(np.float64).mean())
    return {
        "schema": 1,
        "mcu": core.facts.mcu,
        "core": core.facts.core,
        "clock_hz": clock_hz,
        "cycles": first.call.cycles,
        "cycles_mean": round(average, 1),
        "cycles_worst": int(cycles.max()),
        "cycles_max": max(longest.cycles, int(cycles.max()), first.call.cycles),
        "ms": round(1000 * average / clock_hz, 4),
        "samples": len(cycles),
        "compared": len(codes[:COMPARED]),
        "stack": first.call.stack,
        "layers": [
            {
                "name": layer["name"],
                "kind": layer["kind"],
                "macs": layer["macs"],
                "cycles": first.cycles.get(layer["function"], 0),
                **({"spread": spreads[layer["name"]]} if spreads.get(layer["name"]) else {}),
            }
            for layer in description["layers"]
        ],
    }


def _compare(core: Core, graph: Graph, codes: np.ndarray, outputs: np.ndarray) -> None:
    expected = (graph.run(codes.astype(np.int64)).reshape(len(codes), -1) & 0xFF).astype(np.uint8)
    wrong = np.flatnonzero((expected != outputs).any(axis=1))
    if len(wrong):
        raise GoldcrestError(
            f"{core.image.path}: the simulated chip and the integer reference differ on {len(wrong)} of {len(codes)} "
            f"test samples, first on sample {wrong[0]}; this is a defect of the compiler, please report it "
            "with the manifest"
        )
