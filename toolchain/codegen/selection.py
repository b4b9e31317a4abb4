"""Which kernel computes which layer: the cheapest that is exact, under the manifest's wishes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, Layer
from toolchain.kernels.base import Cost, Kernel, Site, Target
from toolchain.kernels.dense8 import BYTE
from toolchain.kernels.registry import kernels
from toolchain.layers.dense import IntegerDense
from toolchain.layers.flatten import View
from toolchain.memory import calibration, exchange
from toolchain.quantization.ranges import accumulator_bounds


@dataclass(frozen=True)
class Choice:
    """A layer with the kernel that was picked, and what the others would have cost."""

    site: Site
    kernel: Kernel
    candidates: dict[str, Cost]

    @property
    def layer(self) -> Layer:
        return self.site.layer

    @property
    def cost(self) -> Cost:
        return self.candidates[self.kernel.name]

    def with_kernel(self, name: str) -> Choice:
        """The same layer with another of its candidates."""
        return replace(self, kernel=kernels()[name])


def select(graph: Graph, target: Target, forced: str | None = None) -> list[Choice]:
    """A kernel for each layer. Raises GoldcrestError naming a layer that no kernel can compute.

    ``forced`` names a kernel that is taken wherever it fits, whatever it costs: tests and benchmarks compare kernels.
    """
    if target.streamed:
        streamed_layer(graph)
    choices = [_choose(graph, index, target, forced) for index in range(len(graph.layers))]
    if target.prefer == "size" and forced is None:
        choices = _smallest(choices, target)
    if forced:
        return choices

    def rivals(_index: int, choice: Choice) -> Iterator[Choice]:
        return (choice.with_kernel(name) for name in sorted(choice.candidates))

    def cycles(choice: Choice) -> int:
        return _cycles(choice.cost, target)

    choices = exchange.thrifty(choices, rivals, flash, cycles)
    if target.flash is None:
        return choices
    choices = exchange.fitted(choices, rivals, flash, cycles, target.flash)
    if target.prefer != "size" and flash(choices) > target.flash - calibration.LARGEST_APPLICATION:
        # Exchanged one by one, layers never leave code that they share; the wish for size begins elsewhere.
        choices = min(choices, select(graph, replace(target, prefer="size")), key=flash)
    return choices


def flash(choices: Sequence[Choice]) -> int:
    """The estimated flash of the network: what each layer has for itself, and every piece of shared code once."""
    shared: dict[str, int] = {}
    for choice in choices:
        shared.update(choice.cost.pieces or ((choice.kernel.name, choice.cost.shared),))
    return sum(choice.cost.flash for choice in choices) + sum(shared.values())


def _smallest(choices: list[Choice], target: Target) -> list[Choice]:
    """Exchange single kernels while that makes the network smaller: layers that share code need it once."""

    def rank(candidate: list[Choice]) -> tuple[int, int]:
        return flash(candidate), sum(_cycles(choice.cost, target) for choice in candidate)

    while True:
        changes = [
            [*choices[:index], choice.with_kernel(name), *choices[index + 1 :]]
            for index, choice in enumerate(choices)
            for name in choice.candidates
        ]
        best = min(changes, key=rank)
        if rank(best) >= rank(choices):
            return choices
        choices = best


def streamed_layer(graph: Graph) -> int:
    """The layer that takes the input a piece at a time: the only one that reads it, views of it aside.

    Raises GoldcrestError naming the layer that needs the whole input.
    """
    name = "input"
    while readers := [index for index, layer in enumerate(graph.layers) if name in layer.inputs]:
        layer = graph.layers[readers[0]]
        if len(readers) > 1:
            second = graph.layers[readers[1]].name
            raise _whole(layer, f"{second} reads it too")
        if isinstance(layer.operator, IntegerDense):
            return readers[0]
        if not isinstance(layer.operator, View):
            break
        name = layer.name
    raise _whole(layer, f"{layer.operator.kind} layers cannot take it in pieces")


def _whole(layer: Layer, reason: str) -> GoldcrestError:
    return GoldcrestError(f"layer {layer.name} needs the whole input: {reason}; write `target.input: whole`")


def site(graph: Graph, index: int, target: Target) -> Site:
    """The layer ``index`` at its place in the graph."""
    layer = graph.layers[index]
    bounds = accumulator_bounds(graph, layer)
    return Site(
        layer,
        tuple(graph.tensor(name) for name in layer.inputs),
        layer.output,
        bounds[0] if bounds else None,
        bounds[1] if bounds else None,
        tuple(not any(name in later.inputs for later in graph.layers[index + 1 :]) for name in layer.inputs),
        target,
        target.streamed and index == streamed_layer(graph),
    )


def _choose(graph: Graph, index: int, target: Target, forced: str | None) -> Choice:
    place = site(graph, index, target)
    candidates = {
        name: kernel
        for name, kernel in kernels().items()
        if kernel.in_pieces == place.streamed and (all(place.dying) or not kernel.consumes) and kernel.fits(place)
    }
    steady = {name: kernel for name, kernel in candidates.items() if kernel.constant_time}
    if target.latency == "constant" and steady:  # some kinds of layer have no such kernel: the latency stage says so
        candidates = steady
    if not candidates and place.streamed:
        raise _whole(
            place.layer,
            f"in pieces, sums have 24 bits, weights go from -127 to 127, and there are at most {BYTE} outputs",
        )
    if not candidates:
        raise GoldcrestError(f"layer {place.layer.name}: no kernel computes this {place.layer.operator.kind} layer")
    costs = {name: kernel.cost(place) for name, kernel in candidates.items()}
    best = forced if forced in costs else min(costs, key=lambda name: (*_rank(costs[name], target), name))
    return Choice(place, candidates[best], costs)


def _cycles(cost: Cost, target: Target) -> int:
    return cost.worst if target.latency == "constant" else cost.mean


def _rank(cost: Cost, target: Target) -> tuple[float, float]:
    cycles = _cycles(cost, target)
    size = cost.flash + cost.shared
    if target.prefer == "speed":
        return cycles, size
    if target.prefer == "size":
        return size, cycles
    return (cycles + 1) * (size + 1), cycles  # balanced: one percent of time is worth one percent of flash
