"""Random networks of every layer kind: drawn from the layers' own options, built by Keras, read back and quantized.

Kinds that were used least are drawn first, so that a few hundred networks cover every kind; ``Coverage`` counts them.
Weights of fewer bits, pruned ones and those at the ends of int8 come from ``random_weights``. Some networks take their
input a piece at a time; so that enough of them can, and in several pieces, some are drawn to begin with a dense layer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.exact.random_weights import recoded, weight_forms
from toolchain import passes
from toolchain.codegen.selection import select
from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir import from_keras
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.kernels.base import Target
from toolchain.layers.base import Shape
from toolchain.layers.registry import kinds
from toolchain.memory.stream import PIECE
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES
from toolchain.training.network import build, h5_bytes
from toolchain.training.session import Session

MOST_VALUES, MOST_WEIGHTS, MOST_LAYERS = 400, 2500, 6
SAMPLES = 6
FORCED = 0.5  # of the networks: one kernel is not picked by its cost
RECODED = 0.6  # of the networks: their weights are changed after they were quantized
STREAMED = 0.1  # of the networks, at least: the input comes in several pieces
STREAMED_IF_POSSIBLE = 0.5  # of those that happen to allow it
LONGEST = 5 * PIECE  # values of an input that is to come in pieces


class Coverage(Counter[str]):
    """How many networks of a run hold each kind of layer, activation, form of weights, scheme and kernel.

    ``input streamed`` counts those that take their input a piece at a time, ``input in several pieces`` those of them
    that are given more than one.
    """

    @property
    def lacks_streamed(self) -> bool:
        """Whether too few of the networks so far have an input in several pieces, and the next should be one."""
        networks = sum(self[f"scheme {name}"] for name in SCHEMES)
        return self["input in several pieces"] < STREAMED * (networks + 1)


@dataclass(frozen=True)
class Network:
    """A random network: the integer graph, input codes (n, *shape), and how the code is to be generated."""

    description: str
    graph: Graph
    codes: np.ndarray
    prefer: str
    latency: str
    optimize: str
    forced: str | None  # a kernel that is taken wherever it computes the layer
    streamed: bool  # the input comes a piece at a time


def draw(rng: np.random.Generator, session: Session, folder: Path, coverage: Coverage) -> Network:
    """The next network. Networks that are refused with a clear error are drawn again; the refusals are counted."""
    while True:
        wanted = coverage.lacks_streamed
        shape, layers = _topology(rng, coverage, wanted)
        scheme = str(rng.choice(sorted(SCHEMES)))
        try:
            graph, raw = _quantized(rng, session, folder, shape, layers, scheme)
            if rng.random() < RECODED:
                graph = recoded(rng, graph, coverage)
        except GoldcrestError as error:
            coverage[f"refused: {str(error).split(': ')[-1][:60]}"] += 1
            continue
        coverage.update({f"layer {layer['kind']}" for layer in layers})
        coverage.update({f"function {layer['function']}" for layer in layers if layer["kind"] == "activation"})
        coverage.update({f"weights {name}" for layer in graph.layers for name in weight_forms(layer)})
        coverage.update({f"layers {len(graph.layers)}", f"scheme {scheme}"})
        text = f"{scheme} {shape} " + " → ".join(f"{layer['name']}{_brief(layer)}" for layer in layers)
        text += "".join(
            f", {layer.name}: {' '.join(forms)}" for layer in graph.layers if (forms := weight_forms(layer))
        )
        prefer = str(rng.choice(["speed", "size", "balanced"]))
        latency = str(rng.choice(["constant", "data_dependent"]))
        optimize = str(rng.choice(["s", "2", "3"], p=[0.6, 0.2, 0.2]))
        target = Target("avrxt", prefer, latency, streamed=True)
        if not (_possible(graph, target) and (wanted or rng.random() < STREAMED_IF_POSSIBLE)):
            target = replace(target, streamed=False)
        if target.streamed:
            coverage.update(["input streamed", *["input in several pieces"] * (graph.input.size > PIECE)])
        forced = _rarest_kernel(graph, target, coverage) if rng.random() < FORCED else None
        return Network(text, graph, graph.encode(raw), prefer, latency, optimize, forced, target.streamed)


def _possible(graph: Graph, target: Target) -> bool:
    try:
        select(graph, target)
    except GoldcrestError:
        return False
    return True


def _rarest_kernel(graph: Graph, target: Target, coverage: Coverage) -> str | None:
    """The kernel that was called least of all that can compute some layer of the graph."""
    choices = select(graph, target)
    names = sorted({name for choice in choices for name in choice.candidates})
    return min(names, key=lambda name: coverage[f"kernel {name}"], default=None)


def _topology(
    rng: np.random.Generator, coverage: Coverage, streamed: bool = False
) -> tuple[Shape, list[dict[str, Any]]]:
    """A shape and layers in the plan's form, all of which lead to the last one.

    The first is of the rarest kind; if the network is to be ``streamed``, a dense layer (behind flatten) of an input
    that is often longer than a piece.
    """
    if streamed:
        shape = _long_shape(rng)
        begin = ["dense"] if len(shape) == 1 else ["flatten", "dense"]
    else:
        shape, rarest = _rarest_first(rng, coverage)
        begin = [rarest]
    shapes: dict[str, Shape] = {"input": shape}
    layers: list[dict[str, Any]] = []
    for index in range(max(len(begin), int(rng.integers(1, MOST_LAYERS + 1)))):
        layer = _layer(rng, shapes, layers, coverage, begin[index : index + 1])
        if layer is not None:
            layers.append(layer)
    if not layers:
        return _topology(rng, coverage, streamed)
    needed = {layers[-1]["name"]}
    for layer in reversed(layers):
        if layer["name"] in needed:
            needed.update(layer["inputs"])
    return shape, [layer for layer in layers if layer["name"] in needed]


def _rarest_first(rng: np.random.Generator, coverage: Coverage) -> tuple[Shape, str]:
    """The kind of layer that was used least, and an input that it probably takes."""
    single = [name for name in sorted(kinds()) if kinds()[name].inputs[0] == 1]
    rarest = min(single, key=lambda name: (coverage[f"layer {name}"], rng.random()))
    for _ in range(20):
        shape = _shape(rng)
        if _layer(rng, {"input": shape}, [], coverage, [rarest]) is not None:
            break
    return shape, rarest


def _long_shape(rng: np.random.Generator) -> Shape:
    """Of three inputs two are longer than a piece."""
    if rng.random() < 1 / 3:
        return _shape(rng)
    size = int(rng.integers(PIECE + 1, LONGEST + 1))
    height = int(rng.integers(1, 17))
    return (size,) if rng.random() < 0.5 else (height, -(-size // height), 1)


def _shape(rng: np.random.Generator) -> Shape:
    rank = rng.integers(1, 4)
    if rank == 1:
        return (int(rng.integers(1, 41)),)
    if rank == 2:
        return (int(rng.integers(1, 13)), int(rng.integers(1, 5)))
    return (int(rng.integers(1, 11)), int(rng.integers(1, 11)), int(rng.integers(1, 4)))


def _layer(
    rng: np.random.Generator,
    shapes: dict[str, Shape],
    layers: list[dict[str, Any]],
    coverage: Coverage,
    wanted: Sequence[str] | None = None,
) -> dict[str, Any] | None:
    """A layer that fits behind the newest one (or behind several), and notes its shape; None if none was found."""
    names = list(wanted) if wanted else sorted(kinds(), key=lambda name: (coverage[f"layer {name}"] // 4, rng.random()))
    newest = layers[-1]["name"] if layers else "input"
    for name in names[: max(8, len(names) // 2)]:
        kind = kinds()[name]
        for _attempt in range(4):
            inputs = [newest]
            if kind.inputs[1] > 1:
                others = [other for other in shapes if other != newest]
                if len(others) < kind.inputs[0] - 1:
                    break
                same = [other for other in others if shapes[other] == shapes[newest]] or others
                inputs += [str(rng.choice(same)) for _ in range(max(1, kind.inputs[0] - 1))]
            options = {option.name: _value(rng, option.schema, option.name) for option in kind.options}
            operands = [shapes[source] for source in inputs]
            try:
                output = kind.output_shape(options, operands)
                weights = kind.weights(options, operands)
            except LayerError:
                continue
            if not output or min(output) < 1 or math.prod(output) > MOST_VALUES or weights > MOST_WEIGHTS:
                continue
            layer = {"kind": name, "name": f"{name}_{len(layers) + 1}", "inputs": inputs, **options}
            shapes[layer["name"]] = tuple(output)
            return layer
    return None


def _value(rng: np.random.Generator, schema: Mapping[str, Any], name: str) -> Any:
    """A value that a JSON Schema allows, small enough to be built in a moment."""
    if "enum" in schema:
        return schema["enum"][rng.integers(len(schema["enum"]))]
    if "anyOf" in schema or "oneOf" in schema:
        branches = schema.get("anyOf") or schema["oneOf"]
        return _value(rng, branches[rng.integers(len(branches))], name)
    types = schema.get("type")
    chosen = str(rng.choice(types)) if isinstance(types, list) else types
    if chosen == "boolean":
        return bool(rng.integers(2))
    if chosen == "null":
        return None
    if chosen == "integer":
        low = int(schema.get("minimum", 0))
        return int(
            rng.integers(low, min(int(schema.get("maximum", low + 4)), low + (10 if name == "units" else 4)) + 1)
        )
    if chosen == "number":
        least = float(schema.get("minimum", schema.get("exclusiveMinimum", 0.0)))
        most = float(schema.get("maximum", schema.get("exclusiveMaximum", least + 1.0)))
        return round(float(rng.uniform(least + 0.01 * (most - least), most - 0.01 * (most - least))), 3)
    if chosen == "array":
        count = int(rng.integers(schema.get("minItems", 1), schema.get("maxItems", 3) + 1))
        return [_value(rng, schema["items"], name) for _ in range(count)]
    if "default" in schema:
        return schema["default"]
    raise NotImplementedError(f"the generator does not know how to draw {name}: {dict(schema)}")


def _quantized(
    rng: np.random.Generator,
    session: Session,
    folder: Path,
    shape: Shape,
    layers: list[dict[str, Any]],
    scheme: str,
) -> tuple[Graph, np.ndarray]:
    model = build(shape, layers, session, seed=int(rng.integers(1 << 30)))
    model.set_weights(
        [_weights(rng, old.shape, name.name) for old, name in zip(model.get_weights(), model.weights, strict=True)]
    )
    path = folder / "model.h5"
    path.write_bytes(h5_bytes(model))
    offset, divide = float(rng.choice([0, -127, -100])), float(rng.choice([1, 8, 255, 30]))
    raw_bytes = bool(rng.random() < 0.7)
    encoding = Encoding(np.array([offset]), np.array([divide]), quantize=not raw_bytes)
    graph = from_keras.read(path, encoding, Tensor(shape))
    decision = "argmax" if 1 < graph.output.size <= 255 else "threshold" if graph.output.size == 1 else "none"
    graph = passes.run(passes.FLOAT_PASSES, replace(graph, decision=str(rng.choice(["none", decision]))))
    raw = rng.integers(0, 256, (SAMPLES, *shape))
    raw[0], raw[1] = 0, 255
    raw = np.where(rng.random(raw.shape) < 0.4, 0, raw).astype(np.uint8 if raw_bytes else np.float32)
    return quantize(graph, SCHEMES[scheme](), raw, 0.5), raw


def _weights(rng: np.random.Generator, shape: Shape, name: str) -> np.ndarray:
    values = rng.normal(0, float(rng.choice([0.05, 0.3, 1.0])), shape)
    if "variance" in name:
        return (np.abs(values) + 0.05).astype(np.float32)
    if len(shape) > 1 and rng.random() < 0.3:
        values[rng.random(shape[0]) < 0.4] = 0  # dead input rows
    if len(shape) > 1 and rng.random() < 0.2:
        values[..., rng.random(shape[-1]) < 0.4] = 0  # units without a weight
    return values.astype(np.float32)


def _brief(layer: Mapping[str, Any]) -> str:
    options = {key: value for key, value in layer.items() if key not in ("kind", "name", "inputs")}
    return f"({', '.join(f'{key}={value}' for key, value in options.items())})"
