"""What a manifest will need, before anything is trained: flash, SRAM and time, from its plan alone.

Pure Python (no numpy), a few milliseconds: it runs while the build graph is read. What cannot be counted comes from
``calibration``; tests/budget compares estimates with real builds. What cannot fit at all is for ``refusal`` to say, and
what would fit instead for ``suggestions``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.datasets import registry as datasets
from toolchain.errors import LayerError, ToolError
from toolchain.layers import registry
from toolchain.layers.convolution_geometry import as_image, pads, pair, row_distance, windows
from toolchain.memory import calibration, chip, exchange, pooled, stream
from toolchain.memory.calibration import Cost
from toolchain.training.options import PRUNED

if TYPE_CHECKING:
    from toolchain.layers.base import Shape
    from toolchain.manifest import Plan

MARGIN = 0.005  # of an estimate: what is left free where a width is chosen by it
TIME_MARGIN = 0.01  # the same of the longest inference


@dataclass(frozen=True)
class Wishes:
    """What of a plan decides about kernels and sizes, beside the network itself."""

    coding: str  # of weights
    scheme: str
    prefer: str
    latency: str
    pruning: Mapping[str, Any]  # empty: none
    streamed: bool = False  # the input is taken in pieces
    background: bool = True  # most values of a sample are 0

    def kept(self, entry: Mapping[str, Any]) -> float:
        """The share of the weights of a layer of the plan that pruning leaves."""
        spared = entry["kind"] not in PRUNED or entry["name"] in self.pruning.get("keep", ())
        return 1.0 if spared else 1.0 - float(self.pruning.get("final", 0.0))


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
        background=datasets.describe(plan.dataset).typical == 0,
    )


@dataclass(frozen=True)
class LayerNeed:
    """One layer: parameters and products counted, flash in bytes (weights, biases, tables), values of its output.

    ``held`` of these are in memory: fewer, where the layer does the pooling behind it.
    """

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
    held: int = 0


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
    return of_network(plan, plan.training["network"], wishes(plan))


def within(needed: int, plan: Plan, key: str) -> bool:
    """Whether a budget holds by estimate, with a margin for what the estimate may be wrong."""
    return needed * (1 + (TIME_MARGIN if key == "time" else MARGIN)) <= plan.memory[key]


def of_network(plan: Plan, network: Sequence[Mapping[str, Any]], wanted: Wishes) -> Estimate:
    """The same with other layers, or for other wishes. Raises LayerError if the layers do not go together."""
    shapes = shapes_of(plan, network)
    fused = pooled.poolings(network, shapes)
    held = {**shapes, **{name: shapes[pooling] for name, pooling in fused.items()}}
    layers = _chosen(network, shapes, _without_list(network, wanted), chip_flash(plan))
    layers = [replace(layer, held=math.prod(held[layer.name])) for layer in layers]
    layers = [_done_before(layer) if layer.name in fused.values() else layer for layer in layers]
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
        activations=_alive(network, held, wanted) + room,
        static=calibration.STATIC + (calibration.STREAM_STATIC if wanted.streamed else 0),
        stack=max((layer.kernel.stack for layer in layers if layer.cycles), default=calibration.LEAST_STACK),
        cycles=cycles,
        milliseconds=1000 * cycles / clock,
        cycles_max=longest,
        time=math.ceil(longest * 10**6 / clock),
        layers=tuple(layers),
    )


def _without_list(network: Sequence[Mapping[str, Any]], wanted: Wishes) -> Wishes:
    """No kernel takes the input in pieces and has single weights as a list: zeros of that layer save nothing."""
    if not wanted.streamed or wanted.pruning.get("structure", "weights") != "weights":
        return wanted
    keep = [*wanted.pruning.get("keep", ()), stream.reader(network)[0]["name"]]
    return replace(wanted, pruning={**wanted.pruning, "keep": keep})


def _done_before(layer: LayerNeed) -> LayerNeed:
    """A pooling that is done by the convolution before it."""
    return replace(layer, flash=0, code=0, cycles=0, cycles_max=0, kernel=calibration.ADDRESS)


def _in_pieces(layer: LayerNeed, shapes: Mapping[str, Shape]) -> LayerNeed:
    """A dense layer that takes the input in pieces: each is a layer of its own, and begins and adds its sums."""
    pieces = stream.count(math.prod(shapes["input"]))
    return replace(
        layer,
        flash=layer.flash + pieces * calibration.PIECE_BYTES,
        code=layer.code + calibration.STREAM_BYTES,
        cycles=layer.cycles + pieces * (calibration.PIECE_CYCLES + calibration.SUM_CYCLES * layer.outputs),
    )


def chip_flash(plan: Plan) -> int:
    """Bytes of the chip's flash, or of the program budget where no compiler can be asked."""
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


def shapes_of(plan: Plan, network: Sequence[Mapping[str, Any]]) -> dict[str, Shape]:
    """Every layer's output shape. Raises LayerError if the layers do not go together.

    Those of an imported network say it themselves (``importing.words``).
    """
    shapes: dict[str, Shape] = {"input": tuple(plan.training["input"]["shape"])}
    for entry in network:
        kind, sources = registry.kinds()[entry["kind"]], [shapes[name] for name in entry["inputs"]]
        shapes[entry["name"]] = tuple(entry["output"]) if "output" in entry else kind.output_shape(entry, sources)
    return shapes


@dataclass(frozen=True)
class Counts:
    """What a layer has: weights, biases, products of one inference, and the least of these, those without padding."""

    weights: int
    biases: int
    products: int
    least_products: int


def counts(entry: Mapping[str, Any], sources: Sequence[Shape]) -> Counts:
    """Those of a layer of the plan whose inputs have these shapes. An imported one says them itself."""
    if "counts" in entry:
        return Counts(**entry["counts"])
    kind = registry.kinds()[entry["kind"]]
    products = least = kind.products(entry, sources)
    if "padding" in entry:
        try:
            least = kind.products({**entry, "padding": "valid"}, sources)
        except LayerError:  # windows larger than what they move over
            least = 0
    return Counts(kind.weights(entry, sources), kind.biases(entry, sources), products, least)


def _need(entry: Mapping[str, Any], shapes: Mapping[str, Shape], wanted: Wishes) -> LayerNeed:
    wanted = replace(wanted, coding=entry.get("weights", wanted.coding))
    sources = [shapes[name] for name in entry["inputs"]]
    counted, outputs = counts(entry, sources), math.prod(shapes[entry["name"]])
    weights, biases, products = counted.weights, counted.biases, counted.products
    cost = calibration.narrowed(calibration.cost(entry, weights, wanted.prefer), wanted.coding)
    kept = wanted.kept(entry)
    # Single weights that are left need to say where they stand: a byte more each. Whole units and rows do not.
    listed_bytes = 2 * kept if wanted.pruning.get("structure", "weights") == "weights" else kept
    stored = min(calibration.packed(cost, wanted.coding, weights, outputs), weights * listed_bytes)
    each = cost.output_bytes + (calibration.SCALE if wanted.scheme == "affine" and cost.output_bytes else 0)
    inputs = sum(map(math.prod, sources))
    multiplied = products * 2 * kept if listed_bytes < 1 else float(products)
    skipping = cost.skips and kept == 1 and wanted.latency == "data_dependent"
    longest = calibration.longest(cost, multiplied, inputs, outputs, skipping)
    if skipping and "input" not in entry["inputs"]:
        multiplied *= calibration.SHARE_OF_HIDDEN
    elif skipping and wanted.background:
        multiplied *= calibration.SHARE_OF_INPUT
    cycles = cost.call + cost.product * multiplied + cost.input * inputs + cost.output * outputs
    if cost.sum:  # of a recurrent layer: a sum over an input's channels and the state, for every gate in every step
        sums = cost.sum * products / (sources[0][-1] + entry["units"])
        cycles, longest = cycles + sums, longest + sums
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
        in_place = entry["kind"] in ("activation", *calibration.FOLDED, *calibration.MERGES) or "pool" in entry["kind"]
        if in_place and last[source] == step:
            alive[entry["name"]] = max(size, alive.pop(source, size))
            most = max(most, sum(alive.values()))
        else:
            both = size + alive[source]
            if entry["kind"] in ("convolution", "depthwise_convolution") and last[source] == step:
                both = _grown(entry, shapes[source], shapes[entry["name"]])
            most = max(most, sum(alive.values()) - alive[source] + both)
            alive[entry["name"]] = size
        alive = {name: count for name, count in alive.items() if last.get(name, -1) > step}
    return most


def _grown(entry: Mapping[str, Any], shape: Shape, output: Shape) -> int:
    """Bytes of a convolution's input and output together, the one growing over rows of the other that are read."""
    kernel, stride, dilation = (pair(entry[name]) for name in ("kernel", "stride", "dilation"))
    around = pads(as_image(shape), kernel, stride, dilation, entry["padding"])
    pool = windows(as_image(shape), kernel, stride, dilation, around)[0] // as_image(output)[0]
    return max(math.prod(output), row_distance(shape, output, stride[0] * pool, around[0]) + math.prod(shape))
