"""How long an inference takes: for one input layer by layer, for many on average, and for the worst possible one.

The worst case. ``gc_infer`` calls one function a layer, and no function's time depends on how the ones before it got
their results, only on the values they left. So the maximum over all inputs is at most

    glue + sum over layers of (the layer's own maximum over all values its input could hold)

and that sum is what is reported. A layer's own maximum is measured, not computed: its branches on data are of few kinds
(a zero is skipped, a sum is clamped at either end, a value beats the best so far), and for each kind there are inputs
that send every repetition the long way at once: no zeros anywhere, or zeros and values in every short rhythm; biases
replaced in flash by numbers that push every sum over one end of its clamp; values that ascend, so that each beats those
before it. The layer is called with all of these; the slowest counts. Which way the gates of a recurrent layer go
follows from its state, which no input sets at once: there each gate is taken to go the dearest way where it went the
cheapest. Such a combination may belong to no real input: the figure errs upward, never downward.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

import numpy as np

from toolchain.ir.graph import Graph, Tensor
from toolchain.layers.recurrent import IntegerRecurrent
from toolchain.memory.elf import ARENA, Image
from toolchain.simulator.core import BREAKPOINT, Batch, CallResult, Core

Progress = Callable[[str, float], None]
PART = 20  # samples of a thread before it takes the next ones
PROCESSORS = os.cpu_count() or 1
PATCH = 1 << 22
"""What replaces biases: far beyond any clamp, and small enough that 24-bit sums do not wrap around."""
SLACK = {"softmax_c": 24}
"""Cycles for each value that may not have been seen: a quotient has 8 bits, and libgcc's division takes 3 more for each
that is 1."""

WAYS = {"scaling_c": 2, "concatenate_c": 2, "multiply_c": 4}
"""Cycles between the shortest and the longest way of one value: a clamp, or the signs of libgcc's product. Which way a
value goes follows from its own constants too, so that no input need send all of them the same way."""

TURNS = (-32768, -32767, -257, -1, 0, 1, 257, 32767)
"""Arguments that take every way through the function of a gate."""
CLAMPS = 12
"""Cycles between the ways through the clamps of a gate, or of a unit's memory and state: two, each at most 6."""


@dataclass(frozen=True)
class Worst:
    """``cycles``: no inference takes longer; ``spreads``: by how much the time of a layer may vary, by its name."""

    cycles: int
    spreads: dict[str, int]


@dataclass(frozen=True)
class Trace:
    """One inference: cycles of each layer function by name (they add up to the call's), and the arena before each."""

    call: CallResult
    cycles: dict[str, int]
    arenas: dict[str, bytes]
    fed: int  # cycles in which the input was taken in pieces; the first layer's and the call's have them in


def functions(description: Mapping[str, Any]) -> list[str]:
    """The layer functions in the order of execution, from network.json."""
    return [layer["function"] for layer in description["layers"] if layer["function"]]


def reached(core: Core, names: Sequence[str]) -> Iterator[str]:
    """Runs the call that was entered to its end; yields each layer function as it is reached, at its breakpoint.

    By their order and not by their names: of layers that are alike to the byte gcc makes one function.
    """
    places = [core.image.address(name) for name in names]
    ran: list[int] = []
    while core.resume() == BREAKPOINT:
        ran.append(core.pc)
        if ran != places[: len(ran)]:
            break
        yield names[len(ran) - 1]
    if ran != places:
        raise RuntimeError(
            f"gc_infer ran {[core.image.function_at(place) for place in ran]}, network.json says {names}"
        )


def trace(core: Core, description: Mapping[str, Any], codes: np.ndarray) -> Trace:
    """Runs one inference on input ``codes`` (uint8 or int8), stopping at each layer.

    A layer's cycles run from its first instruction to that of the next one; the way into the first layer counts to it,
    and the way out of ``gc_infer`` to the last.
    """
    names = functions(description)
    fed, fed_stack = core.give(codes.tobytes())
    for name in names:
        core.set_breakpoint(name)
    arena_bytes = description["arena"]["bytes"]
    began = core.cycles
    starts: list[int] = []
    arenas: dict[str, bytes] = {}
    core.enter("gc_infer")
    for name in reached(core, names):
        starts.append(core.cycles)
        arenas[name] = core.read(ARENA, arena_bytes)
    call = core.result()
    for name in names:
        core.set_breakpoint(name, False)
    edges = [began, *starts[1:], began + call.cycles]
    cycles = {name: edges[n + 1] - edges[n] for n, name in enumerate(names)}
    cycles[names[0]] += fed
    call = replace(call, cycles=call.cycles + fed, stack=max(call.stack, fed_stack))
    return Trace(call, cycles, arenas, fed)


def worst(
    core: Core, graph: Graph, description: Mapping[str, Any], sample: Trace, progress: Progress | None = None
) -> Worst:
    """An upper bound of the cycles of any inference, see above; ``sample`` is the trace of any one.

    Where ``latency: constant`` was asked for, every layer is given every kind of input, so that ``spreads`` tells which
    ones do not keep to it; else those that are said to take constant time are given a few.
    """
    described = [layer for layer in description["layers"] if layer["function"]]
    total = sample.call.cycles
    spreads = {}
    for index, layer in enumerate(described):
        if progress:
            progress(layer["name"], index / len(described))
        name = layer["function"]
        core.write(ARENA, sample.arenas[name])
        # The sample's own call, measured alone: what its inference took beyond these is glue, alike for all inputs.
        alone = core.call(name).cycles + (sample.fed if index == 0 else 0)
        few = layer["constant_time"] and description["latency"] != "constant"
        fastest, slowest = _range(core, graph, layer, sample.arenas[name], core.streamed and index == 0, few)
        spreads[layer["name"]] = slowest - fastest
        total += slowest - alone
    return Worst(total, spreads)


def _range(core: Core, graph: Graph, layer: Mapping[str, Any], arena: bytes, fed: bool, few: bool) -> tuple[int, int]:
    """Between which numbers of cycles a layer takes; ``few`` inputs are enough to see that it is always the same."""
    tensors = _inputs(graph, layer)
    base = core.data_address(ARENA)
    places = [base + entry["offset"] for entry in layer["inputs"]]

    def cycles(values: Sequence[bytes]) -> int:
        core.write(ARENA, arena)
        if fed:
            fed_cycles, _stack = core.give(b"".join(values))
            return fed_cycles + core.call(layer["function"]).cycles
        for place, codes in zip(places, values, strict=True):
            core.write(place, codes)
        return core.call(layer["function"]).cycles

    stimuli = _levels(tensors) if few else chain(_levels(tensors), _orders(tensors), _gaps(tensors))
    taken = [cycles(values) for values in stimuli]
    for patches in _bias_patches(core, layer["biases"]):
        saved = [(name, core.read_flash(name, len(content))) for name, content in patches]
        for name, content in patches:
            core.write_flash(name, content)
        levels = list(_levels(tensors))
        taken += [cycles(values) for values in (levels[-1:] if few else [*levels, *_orders(tensors)])]
        for name, content in saved:
            core.write_flash(name, content)
    slack = SLACK.get(layer["kernel"], 0) * tensors[0].size
    shortest, longest = min(taken) - slack, max(taken) + slack + _of_gates(core, graph, layer)
    ways = 0  # so it stays where noise makes no difference either: nothing is clamped, inputs are only copied
    if layer["kernel"] in WAYS and shortest < longest:
        ways = WAYS[layer["kernel"]] * layer["output"]["bytes"]
    return min(shortest, longest - ways), max(longest, shortest + ways)


def _of_gates(core: Core, graph: Graph, layer: Mapping[str, Any]) -> int:
    """What a recurrent layer may take beyond any measured call: in every gate the dearest way, not the cheapest."""
    operator = next((own.operator for own in graph.layers if own.name == layer["name"]), None)
    if not isinstance(operator, IntegerRecurrent):
        return 0
    ways = [core.call("gc_k_tanh", [argument & 0xFFFF]).cycles for argument in TURNS]
    (steps, _features), gates, units = _inputs(graph, layer)[0].shape, operator.input_bias.size, operator.units
    functions = gates + (units if operator.cell == "lstm" else 0)  # an LSTM's memory has a tanh of its own
    return steps * (functions * (max(ways) - min(ways)) + (gates + units) * CLAMPS)


def _inputs(graph: Graph, layer: Mapping[str, Any]) -> list[Tensor]:
    """The types of the tensors that a layer of network.json reads; the decision reads the graph's output."""
    for candidate in graph.layers:
        if candidate.name == layer["name"]:
            return [graph.tensor(name) for name in candidate.inputs]
    return [graph.output]


def _bias_patches(core: Core, biases: Sequence[str]) -> Iterator[list[tuple[str, bytes]]]:
    """What to write over the bias arrays: great and small numbers of every width that an entry may have."""
    sizes = {symbol.name: symbol.size for symbol in core.image.symbols}
    arrays = [(name, sizes[name]) for name in biases if name in sizes]
    if not arrays:
        return
    for width, value in product((2, 3, 4), (PATCH, -PATCH)):
        if all(size % width == 0 for _name, size in arrays):
            entry = max(-0x6000, min(0x6000, value)) if width == 2 else value
            content = entry.to_bytes(width, "little", signed=True)
            yield [(name, content * (size // width)) for name, size in arrays]


def _levels(tensors: Sequence[Tensor]) -> Iterator[list[bytes]]:
    """All values alike: no zeros, sums at either end of their range or near zero."""
    yield [_constant(tensor, tensor.high) for tensor in tensors]
    yield [_constant(tensor, tensor.low) for tensor in tensors]
    for value in (1, -1, 2):
        yield [_constant(tensor, value) for tensor in tensors]


def _orders(tensors: Sequence[Tensor]) -> Iterator[list[bytes]]:
    """Each value greater (or smaller) than those before it, over the whole tensor or within windows of pooling."""
    for window in (0, 2, 3, 4):
        for sign in (1, -1):
            yield [_ramp(tensor, window, sign) for tensor in tensors]


def _gaps(tensors: Sequence[Tensor]) -> Iterator[list[bytes]]:
    """Zeros and values in every rhythm of up to four, for kernels to which a change between them is dear; and noise."""
    for length in (2, 3, 4):
        for rhythm in product((False, True), repeat=length):
            for zero in {0, *(tensor.low for tensor in tensors)}:
                yield [
                    _codes(tensor, np.where(np.resize(rhythm, tensor.size), tensor.high, zero)) for tensor in tensors
                ]
    rng = np.random.default_rng(1)
    for _ in range(4):
        yield [_codes(tensor, rng.integers(tensor.low, tensor.high + 1, tensor.size)) for tensor in tensors]


def _constant(tensor: Tensor, value: int) -> bytes:
    return _codes(tensor, np.full(tensor.size, value))


def _ramp(tensor: Tensor, window: int, sign: int) -> bytes:
    """Values that ascend (or descend) along the tensor, or within each window of a pooling layer in scanning order."""
    position = np.arange(tensor.size)
    if window and len(tensor.shape) == 3:
        row, column, _channel = np.unravel_index(position, tensor.shape)
        position = row % window * window + column % window
    steps = tensor.high - tensor.low
    rank = position % (steps + 1) if position.max() > steps else position
    return _codes(tensor, tensor.low + rank if sign > 0 else tensor.high - rank)


def _codes(tensor: Tensor, values: np.ndarray) -> bytes:
    return (np.clip(values, tensor.low, tensor.high) & 0xFF).astype(np.uint8).tobytes()


def many(
    image: Image, mcu: str, codes: np.ndarray, output_bytes: int, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Cycles (uint64) and output bytes (uint8, (n, bytes)) of each input, on as many simulated chips as there are
    processors (the core is C, so threads do)."""
    chips = threading.local()
    finished: list[int] = []

    def run(part: np.ndarray) -> Batch:
        if not hasattr(chips, "core"):
            chips.core = Core(image, mcu)
        batch: Batch = chips.core.infer_many(part, output_bytes)
        finished.append(len(part))
        if progress:
            progress(f"{sum(finished):,} of {len(codes):,} samples", sum(finished) / len(codes))
        return batch

    parts = [codes[start : start + PART] for start in range(0, len(codes), PART)]
    with ThreadPoolExecutor(min(PROCESSORS, len(parts))) as pool:
        batches = list(pool.map(run, parts))
    return np.concatenate([batch.cycles for batch in batches]), np.concatenate([batch.outputs for batch in batches])
