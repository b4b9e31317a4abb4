"""Real images of manifests without training: random weights through quantizer, code generator and avr-gcc."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolchain import passes
from toolchain.board import chips
from toolchain.codegen.network import generate
from toolchain.graph import compilers
from toolchain.ir import store
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.kernels.base import Target
from toolchain.layers.activation import activation
from toolchain.layers.dense import Dense
from toolchain.manifest import Plan
from toolchain.memory import chip
from toolchain.memory.compiler import avr_gcc
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES

ROOT = Path(__file__).resolve().parents[2]
INCLUDES = ("firmware/runtime", "firmware/kernels", "firmware/ports", "firmware/app")


@dataclass(frozen=True)
class Built:
    """What the stages after code generation read."""

    plan: Plan
    graph: Graph
    elf: Path
    usages: list[Path]
    network: Path  # quantized.npz
    description: Path  # network.json
    codes: np.ndarray


def samples(plan: Plan, count: int, seed: int = 0) -> np.ndarray:
    """Raw samples shaped like the input, a fifth of them not zero: as sparse as handwritten digits."""
    rng = np.random.default_rng(seed)
    shape = (count, *plan.training["input"]["shape"])
    return (rng.integers(0, 256, shape) * (rng.random(shape) < 0.2)).astype(np.uint8)


def float_graph(plan: Plan, folder: Path, seed: int = 0) -> Graph:
    """The plan's network with random weights. Dense ones are made here; for others Keras initializes a model."""
    given = plan.training["input"]
    encoding = Encoding(np.atleast_1d(np.float64(given["offset"])), np.atleast_1d(np.float64(given["divide"])), False)
    network = plan.training["network"]
    if {entry["kind"] for entry in network} <= {"dense", "activation"}:
        graph = dense_graph(plan, encoding, seed)
    else:
        graph = keras_graph(plan, encoding, folder, seed)
    decision = "argmax" if graph.output.size > 1 else "threshold"
    return passes.run(passes.FLOAT_PASSES, replace(graph, name=plan.name, decision=decision))


def dense_graph(plan: Plan, encoding: Encoding, seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    shapes = {"input": tuple(plan.training["input"]["shape"])}
    layers = []
    for entry in plan.training["network"]:
        shape = shapes[entry["inputs"][0]]
        if entry["kind"] == "dense":
            weights = rng.normal(0, 1 / np.sqrt(shape[0]), (shape[0], entry["units"])).astype(np.float32)
            operator = Dense(weights, rng.normal(0, 0.1, entry["units"]).astype(np.float32))
        else:
            operator = activation(entry["function"])
        shapes[entry["name"]] = tuple(operator.output_shape(*(shapes[name] for name in entry["inputs"])))
        layers.append(Layer(entry["name"], tuple(entry["inputs"]), operator, Tensor(shapes[entry["name"]])))
    return verify(Graph(plan.name, Tensor(shapes["input"]), encoding, tuple(layers)))


def keras_graph(plan: Plan, encoding: Encoding, folder: Path, seed: int) -> Graph:
    from toolchain.ir import from_keras
    from toolchain.training import network, session

    model = network.build(plan.training["input"]["shape"], plan.training["network"], session.start(), seed)
    path = folder / "model.h5"
    path.write_bytes(network.h5_bytes(model))
    return from_keras.read(path, encoding, Tensor(tuple(plan.training["input"]["shape"])))


def build(plan: Plan, folder: Path) -> Built:
    """The firmware of a plan, of random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = samples(plan, 200)
    graph = quantize(float_graph(plan, folder), SCHEMES[plan.quantization["quantization"]["scheme"]](), raw, 0.5)
    return image(plan, graph, raw, folder)


def image(plan: Plan, graph: Graph, raw: np.ndarray, folder: Path) -> Built:
    """The firmware of an integer network, linked without limits, as the build graph does it; ``raw`` are samples."""
    wishes = plan.generation
    flash = chip.facts(wishes["mcu"]).flash_size
    streamed = wishes.get("input") == "streamed"
    core = chips.chip(wishes["mcu"]).core
    sources = generate(graph, Target(core, wishes["prefer"], wishes["latency"], flash, streamed))
    texts = {
        "weights.h": sources.weights_h, "network.c": sources.network_c, "network.h": sources.network_h,
        "network.S": sources.assembly, "network.json": json.dumps(sources.description),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    store.save(graph, folder / "quantized.npz")
    target = plan.compilation
    flags = [
        *compilers.avr_flags(target["mcu"], target["clock_hz"], target["optimize"]),
        *(f"-D{name}={value}" for name, value in chips.defines(target["mcu"]).items()),
    ]
    kernels = [path for pattern in ("*.c", "*.S") for path in sorted((ROOT / "firmware/kernels").glob(pattern))]
    objects, usages = [], []
    application = [ROOT / name for name in chips.sources(target["mcu"])]
    for source in [*application, *kernels, folder / "network.c", folder / "network.S"]:
        made = folder / f"{source.name}.o"
        include = [f"-I{path}" for path in (folder, *(ROOT / name for name in INCLUDES))]
        run([avr_gcc(), *flags, *compilers.avr_compile_flags(), *include, "-c", source, "-o", made])
        objects.append(made)
        if source.suffix == ".c":
            usages.append(made.with_suffix(".su"))
    elf = folder / "firmware.elf"
    run([avr_gcc(), *flags, *compilers.avr_link_flags(), *objects, "-o", elf])
    return Built(plan, graph, elf, usages, folder / "quantized.npz", folder / "network.json", graph.encode(raw))


def run(command: list[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:4000]
