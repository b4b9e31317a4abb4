"""What a manifest will need, before anything is trained: flash, SRAM and time, from its plan alone.

Pure Python (no numpy), a few milliseconds: it runs while the build graph is read. What cannot be counted comes from
``calibration``; tests/budget compares estimates with real builds.

Two questions, two answers: ``estimate`` says what a build will probably show; ``refuse`` says no only to what cannot
fit whatever the code generator does, so it counts the weights and the least of everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.board.chips import CHIPS
from toolchain.errors import LayerError, ToolError
from toolchain.layers import registry
from toolchain.layers.convolution_geometry import as_image, pads, pair, row_distance
from toolchain.manifest.units import CLOCK, show
from toolchain.memory import budgets, calibration, chip, exchange, stream
from toolchain.memory.calibration import Cost

if TYPE_CHECKING:
    from toolchain.layers.base import Shape
    from toolchain.manifest import Diagnostic, Plan

WIDTHS = ("units", "filters")  # options by which a layer is made narrower
MARGIN = 0.005  # of an estimate: what a suggestion leaves free
TIME_MARGIN = 0.01  # the same of the longest inference
WIDE_MARGIN = 0.03  # where other kernels come into play, of which less is known


@dataclass(frozen=True)
class Wishes:
    """What of a plan decides about kernels and sizes, beside the network itself."""

    coding: str  # of weights
    scheme: str
    prefer: str
    latency: str
    pruning: Mapping[str, Any]  # empty: none
    streamed: bool = False  # the input is taken in pieces

    def kept(self, layer: str) -> float:
        """The share of a layer's weights that pruning leaves."""
        return 1.0 if layer in self.pruning.get("keep", ()) else 1.0 - float(self.pruning.get("final", 0.0))


def wishes(plan: Plan) -> Wishes:
    """The plan's."""
    quantization, generation = plan.quantization["quantization"], plan.generation
    return Wishes(
        coding=quantization.get("weights", "int8"),
        scheme=quantization.get("scheme", "power_of_two"),
        prefer=generation["prefer"],
        latency=generation["latency"],
        pruning=plan.training.get("pruning") or {},
        streamed=generation.get("input") == "streamed",
    )


@dataclass(frozen=True)
class LayerNeed:
    """One layer: parameters and products counted, flash in bytes (weights, biases, tables), values of its output."""

    name: str
    kind: str
    parameters: int
    flash: int
    code: int
    products: int
    outputs: int
    cycles: int
    cycles_max: int
    kernel: Cost


@dataclass(frozen=True)
class Estimate:
    """Bytes and cycles; ``weights``, ``kernels`` and ``application`` add up to ``program``, likewise for ``data``.

    ``cycles`` are those of a typical inference, ``cycles_max`` of the longest, which takes ``time`` microseconds.
    """

    parameters: int
    weights: int
    kernels: int
    application: int
    activations: int
    static: int
    stack: int
    cycles: int
    milliseconds: float
    cycles_max: int
    time: int
    layers: tuple[LayerNeed, ...]

    @property
    def program(self) -> int:
        return self.weights + self.kernels + self.application

    @property
    def data(self) -> int:
        return self.activations + self.static + self.stack


def estimate(plan: Plan) -> Estimate:
    """What building the plan will probably show."""
    return _estimate(plan, plan.training["network"], wishes(plan))


def _estimate(plan: Plan, network: Sequence[Mapping[str, Any]], wanted: Wishes) -> Estimate:
    shapes = _shapes(plan, network)
    layers = _chosen(network, shapes, wanted, _chip_flash(plan))
    if wanted.streamed:
        taking = stream.reader(network)[0]["name"]
        layers = [_in_pieces(layer, shapes) if layer.name == taking else layer for layer in layers]
    kernels = {layer.kernel.kernel: layer.kernel for layer in layers}.values()
    cycles = sum(layer.cycles for layer in layers)
    longest, clock = sum(layer.cycles_max for layer in layers), plan.compilation["clock_hz"]
    room = sum(layer.kernel.room * (1 + layer.products // max(1, layer.outputs) // 510) for layer in layers)
    room += round(max(layer.kernel.scratch * layer.products / max(1, layer.outputs) for layer in layers))
    return Estimate(
        parameters=sum(layer.parameters for layer in layers),
        weights=sum(layer.flash for layer in layers),
        kernels=_flash(layers) - sum(layer.flash for layer in layers),
        application=calibration.APPLICATION + max(kernel.library for kernel in kernels),
        activations=_alive(network, shapes, wanted) + room,
        static=calibration.STATIC + (calibration.STREAM_STATIC if wanted.streamed else 0),
        stack=max((layer.kernel.stack for layer in layers if layer.cycles), default=calibration.LEAST_STACK),
        cycles=cycles,
        milliseconds=1000 * cycles / clock,
        cycles_max=longest,
        time=math.ceil(longest * 10**6 / clock),
        layers=tuple(layers),
    )


def _in_pieces(layer: LayerNeed, shapes: Mapping[str, Shape]) -> LayerNeed:
    """A dense layer that takes the input in pieces: each is a layer of its own, and begins and adds its sums."""
    pieces = stream.count(math.prod(shapes["input"]))
    return replace(
        layer,
        flash=layer.flash + pieces * calibration.PIECE_BYTES,
        code=layer.code + calibration.STREAM_BYTES,
        cycles=layer.cycles + pieces * (calibration.PIECE_CYCLES + calibration.SUM_CYCLES * layer.outputs),
    )


def _chip_flash(plan: Plan) -> int:
    try:
        return chip.facts(plan.compilation["mcu"]).flash_size
    except ToolError:  # no compiler to ask: the stage that needs it will say so
        return int(plan.memory["program"])


def _chosen(
    network: Sequence[Mapping[str, Any]], shapes: Mapping[str, Shape], wanted: Wishes, flash: int
) -> list[LayerNeed]:
    """The layers with the kernels that the code generator will probably pick (``codegen.selection``).

    It takes those that are wished for; where the chip is too small for them it goes over to smaller ones, those first
    that cost the fewest cycles a byte saved.
    """
    layers = [_need(entry, shapes, wanted) for entry in network]
    smaller = [
        [_need(entry, shapes, replace(wanted, prefer=prefer)) for prefer in ("balanced", "dense", "size")]
        for entry in network
    ]
    return exchange.fitted(layers, lambda index, _layer: smaller[index], _flash, lambda layer: layer.cycles, flash)


def _flash(layers: Sequence[LayerNeed]) -> int:
    """Bytes of the network: what each layer has for itself, and every shared kernel once."""
    shared = {layer.kernel.kernel: layer.kernel.code for layer in layers}
    return sum(layer.flash + layer.code for layer in layers) + sum(shared.values()) + calibration.DECISION


def _shapes(plan: Plan, network: Sequence[Mapping[str, Any]]) -> dict[str, Shape]:
    """Every layer's output shape. Raises LayerError if the layers do not go together."""
    shapes: dict[str, Shape] = {"input": tuple(plan.training["input"]["shape"])}
    for entry in network:
        kind = registry.kinds()[entry["kind"]]
        shapes[entry["name"]] = kind.output_shape(entry, [shapes[name] for name in entry["inputs"]])
    return shapes


def _need(entry: Mapping[str, Any], shapes: Mapping[str, Shape], wanted: Wishes) -> LayerNeed:
    wanted = replace(wanted, coding=entry.get("weights", wanted.coding))
    kind = registry.kinds()[entry["kind"]]
    sources = [shapes[name] for name in entry["inputs"]]
    weights, biases = kind.weights(entry, sources), kind.biases(entry, sources)
    products, outputs = kind.products(entry, sources), math.prod(shapes[entry["name"]])
    cost = calibration.narrowed(calibration.cost(entry, weights, wanted.prefer), wanted.coding)
    kept = wanted.kept(entry["name"]) if weights else 1.0
    # Single weights that are left need to say where they stand: a byte more each. Whole units and rows do not.
    listed_bytes = 2 * kept if wanted.pruning.get("structure", "weights") == "weights" else kept
    stored = min(calibration.packed(cost, wanted.coding, weights, outputs), weights * listed_bytes)
    each = cost.output_bytes + (calibration.SCALE if wanted.scheme == "affine" and cost.output_bytes else 0)
    inputs = sum(map(math.prod, sources))
    multiplied = products * 2 * kept if listed_bytes < 1 else float(products)
    skipping = cost.skips and kept == 1 and wanted.latency == "data_dependent"
    longest = calibration.longest(cost, multiplied, inputs, outputs, skipping)
    if skipping:
        multiplied *= calibration.SHARE_OF_INPUT if "input" in entry["inputs"] else calibration.SHARE_OF_HIDDEN
    cycles = cost.call + cost.product * multiplied + cost.input * inputs + cost.output * outputs
    # Straight-line code holds its weights itself: they are code then, and no table.
    table = 0 if cost.weight else math.ceil(stored) + each * biases
    return LayerNeed(
        entry["name"],
        entry["kind"],
        weights + biases,
        table + (0 if cost.weight else cost.layer),
        round(cost.weight * weights) + cost.function + (cost.layer if cost.weight else 0),
        products,
        outputs,
        round(cycles),
        round(longest),
        cost,
    )


def _alive(network: Sequence[Mapping[str, Any]], shapes: Mapping[str, Shape], wanted: Wishes) -> int:
    """The most bytes alive at one step, for layers that work in place, or grow over their input, where they can."""
    last = {name: step for step, entry in enumerate(network) for name in entry["inputs"]}
    last[network[-1]["name"]] = len(network)
    alive = {"input": math.prod(shapes["input"])}
    views = stream.views(network) if wanted.streamed else set()
    if wanted.streamed:  # a piece, and the sums of the first layer
        sums = stream.SUM_BYTES * math.prod(shapes[stream.reader(network)[0]["name"]])
        alive = {"input": min(stream.PIECE, alive["input"]) + sums}
    most = sum(alive.values())
    for step, entry in enumerate(network):
        size = 0 if entry["name"] in views else math.prod(shapes[entry["name"]])
        source = entry["inputs"][0]
        in_place = entry["kind"] in ("activation", *calibration.FOLDED) or "pool" in entry["kind"]
        if in_place and last[source] == step:
            alive[entry["name"]] = max(size, alive.pop(source, size))
            most = max(most, sum(alive.values()))
        else:
            both = size + alive[source]
            if entry["kind"] == "convolution" and last[source] == step:
                both = _grown(entry, shapes[source], shapes[entry["name"]])
            most = max(most, sum(alive.values()) - alive[source] + both)
            alive[entry["name"]] = size
        alive = {name: count for name, count in alive.items() if last.get(name, -1) > step}
    return most


def _grown(entry: Mapping[str, Any], shape: Shape, output: Shape) -> int:
    """Bytes of a convolution's input and output together, the one growing over rows of the other that are read."""
    kernel, stride = pair(entry["kernel"]), pair(entry["stride"])
    top = pads(as_image(shape), kernel, stride, pair(entry["dilation"]), entry["padding"])[0]
    return max(math.prod(output), row_distance(shape, output, stride[0], top) + math.prod(shape))


# Refusing


def refuse(plan: Plan) -> Diagnostic | None:
    """The error for a plan whose weights, activations or products alone exceed a budget; None if it has a chance."""
    needed = estimate(plan)
    program = _least_flash(plan) + calibration.LEAST_OVERHEAD
    if "firmware" in plan.compilation:  # the user's own program: it may be next to nothing
        program -= calibration.APPLICATION
    if program > plan.memory["program"]:
        return _diagnostic(plan, "program", needed.program, largest(needed), fits(plan, "program"))
    views = stream.views(plan.training["network"]) if wishes(plan).streamed else set()
    data = max(layer.outputs for layer in needed.layers if layer.name not in views)
    data = max(data, _held(plan)) + calibration.LEAST_STACK
    if data > plan.memory["data"]:
        return _diagnostic(plan, "data", needed.data, largest_data(plan), fits(plan, "data"))
    if "time" in plan.memory and _least_time(plan) > plan.memory["time"]:
        slowest = budgets.slowest((layer.name, layer.cycles_max) for layer in needed.layers)
        return _diagnostic(plan, "time", needed.time, slowest, fits(plan, "time"))
    return None


def _held(plan: Plan) -> int:
    """Bytes of the input that are in memory at a time."""
    size = math.prod(plan.training["input"]["shape"])
    return min(size, stream.PIECE) if wishes(plan).streamed else size


def _least_time(plan: Plan) -> float:
    """The fewest microseconds that the products can take. Of padding none are made."""
    shapes, wanted = _shapes(plan, plan.training["network"]), wishes(plan)
    cycles = 0.0
    for entry in plan.training["network"]:
        kind, sources = registry.kinds()[entry["kind"]], [shapes[name] for name in entry["inputs"]]
        unpadded = {**entry, "padding": "valid"} if "padding" in entry else entry
        with suppress(LayerError):  # windows larger than what they move over
            least = calibration.LEAST_PRODUCT[entry.get("weights", wanted.coding)]
            cycles += kind.products(unpadded, sources) * least * wanted.kept(entry["name"])
    return cycles * 10**6 / plan.compilation["clock_hz"]


def _least_flash(plan: Plan) -> int:
    """The fewest bytes that weights and biases can take: pruned ones may be left out altogether."""
    network, shapes, wanted = plan.training["network"], _shapes(plan, plan.training["network"]), wishes(plan)
    total = 0
    for entry in network:
        kind, sources = registry.kinds()[entry["kind"]], [shapes[name] for name in entry["inputs"]]
        bits, kept = calibration.WEIGHT_BITS[entry.get("weights", wanted.coding)], wanted.kept(entry["name"])
        total += math.floor(kind.weights(entry, sources) * bits / 8 * kept)
        total += 2 * kind.biases(entry, sources) if kept == 1 else 0
    return total


def _diagnostic(plan: Plan, key: str, needed: int, biggest: str, fitting: str) -> Diagnostic:
    from toolchain import manifest

    key_path, budget = budgets.PLACES[key], plan.memory[key]
    # An estimate may fall below the budget where only the proven least exceeds it; the message never contradicts
    # itself.
    message = budgets.message(key, max(needed, budget + 1), budget, "about ")
    notes = (f"{budgets.MOST[key]}: {biggest}", f"fits: {fitting}")
    return manifest.Diagnostic(message, manifest.place(plan.path, key_path), notes, key_path)


def largest(needed: Estimate) -> str:
    """What takes the flash, largest first: ``dense_1 weights 50,176 · kernels 912 · application 750``."""
    parts = [(f"{layer.name} weights", layer.flash) for layer in needed.layers if layer.flash]
    parts += [("kernels", needed.kernels), ("application", needed.application)]
    return listed(parts)


def largest_data(plan: Plan) -> str:
    """What takes the SRAM, largest first."""
    needed = estimate(plan)
    parts = [
        (f"{layer.name} output", layer.outputs)
        for layer in needed.layers
        if layer.kind not in ("activation", *calibration.FOLDED)
    ]
    parts += [("input", _held(plan)), ("stack", needed.stack)]
    return listed(parts)


def listed(parts: Sequence[tuple[str, int]], count: int = 3) -> str:
    """The largest parts on one line."""
    order = sorted(parts, key=lambda part: -part[1])
    return " · ".join(f"{name} {size:,}" for name, size in order[:count] if size)


# What would fit


def fits(plan: Plan, key: str, used: int | None = None) -> str:
    """What to change so that the budget ``key`` (program, data or time) holds, in a few words.

    ``used`` is what a real build took: then estimates are corrected by what they were wrong.
    """
    instead = _faster_chip if key == "time" else _larger_chip
    if plan.imported:  # its layers are not the manifest's to change
        return instead(plan, key, used or 0)
    estimated = getattr(estimate(plan), key)
    correction = 0 if used is None else used - estimated
    found = [*_streamed(plan, key, correction)]
    found += [text for _rank, text in sorted(_narrower(plan, key, correction))[:1]]
    if key != "data":
        found += _other_kernels(plan, key)
    if key == "program":
        found += _other_codings(plan, correction)
    if found:
        return ", or ".join(found[:2])
    return instead(plan, key, used if used is not None else estimated)


def _faster_chip(plan: Plan, _key: str, needed: int) -> str:
    smaller, least = "a network with fewer layers", plan.compilation["clock_hz"] * needed / plan.memory["time"]
    clocks = (clock for fuse in CHIPS[plan.compilation["mcu"]].fuses for clock in fuse.values if clock >= least)
    fastest = min(clocks, default=None)
    return smaller if fastest is None else f"target.clock: {show(fastest, CLOCK)}, or {smaller}"


def _larger_chip(plan: Plan, key: str, needed: int) -> str:
    kib = next((size for size in (1, 2, 4, 6, 8, 16, 32, 48, 64, 128, 256) if size * 1024 >= needed), None)
    smaller = "a network with fewer layers"
    if key == "data" and 2 * math.prod(plan.training["input"]["shape"]) > plan.memory[key]:
        smaller = "a smaller input (dataset.preprocess: [{downsample: 2}])"
    if kib is None:  # no AVR has as much
        return smaller
    return f"a chip with {kib} KiB of {key} memory, or {smaller}"


def within(needed: int, plan: Plan, key: str) -> bool:
    """Whether a budget holds by estimate, with a margin for what the estimate may be wrong."""
    return needed * (1 + (TIME_MARGIN if key == "time" else MARGIN)) <= plan.memory[key]


def _streamed(plan: Plan, key: str, correction: int) -> Iterator[str]:
    """The input in pieces, where the first layer can take it so."""
    network, wanted = plan.training["network"], wishes(plan)
    if key != "data" or wanted.streamed or stream.obstacle(network, wanted.coding)[1]:
        return
    needed = _estimate(plan, network, replace(wanted, streamed=True)).data + correction
    if within(needed, plan, key):
        yield f"target.input: streamed (about {needed:,} B)"


def _narrower(plan: Plan, key: str, correction: int) -> Iterator[tuple[float, str]]:
    """For each layer that can be made narrower: how much of it would be lost, and the greatest width that fits."""
    network = plan.training["network"]
    final = next((e["name"] for e in reversed(network) if any(w in e for w in WIDTHS)), "")  # its width is the classes'
    candidates = [(i, e, w) for i, e in enumerate(network) for w in WIDTHS if w in e and e["name"] != final]
    for index, entry, option in candidates:
        low, high = 0, entry[option]  # low fits (or is nothing), high does not
        while high - low > 1:
            middle = (low + high) // 2
            trial = [*network[:index], {**entry, option: middle}, *network[index + 1 :]]
            try:
                needed = getattr(_estimate(plan, trial, wishes(plan)), key) + correction
            except LayerError:
                high = middle
                continue
            low, high = (middle, high) if within(needed, plan, key) else (low, middle)
        if low:
            only = len(candidates) == 1
            name = option if only else f"{entry['name']} {option}"
            yield 1 - low / entry[option], f"{name} ≤ {low}"


def _other_kernels(plan: Plan, key: str) -> Iterator[str]:
    """The wish for smaller kernels, where the network's weights leave room for them; of time, for faster ones."""
    order = ("speed", "balanced", "size") if key == "program" else ("size", "balanced", "speed")
    for prefer in order[order.index(plan.generation["prefer"]) + 1 :]:
        needed = getattr(_estimate(plan, plan.training["network"], replace(wishes(plan), prefer=prefer)), key)
        if needed * (1 + WIDE_MARGIN) <= plan.memory[key]:
            yield f"target.prefer: {prefer} (about {budgets.amount(key, needed)} {budgets.unit(key)})"
            return


def _other_codings(plan: Plan, correction: int) -> Iterator[str]:
    """Codings with fewer bits a weight that manifests know and that would fit."""
    from toolchain.manifest import schema

    quantization = schema.sections()["properties"]["quantization"]["properties"]
    current, bits = wishes(plan).coding, calibration.WEIGHT_BITS
    for coding in quantization["weights"].get("enum", ()):
        if bits.get(coding, 8) < bits[current]:
            needed = _estimate(plan, plan.training["network"], replace(wishes(plan), coding=coding)).program
            needed += correction
            if within(needed, plan, "program"):
                yield f"quantization.weights: {coding} ({needed:,} B)"
