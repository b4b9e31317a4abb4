"""What to change in a manifest so that a budget holds: a narrower layer, other kernels or weights, another chip.

What is said to fit was estimated with that change, and is within the budget; another chip is named where nothing is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from toolchain.board.chips import CHIPS
from toolchain.errors import LayerError
from toolchain.manifest import Plan, schema
from toolchain.manifest.units import CLOCK, show
from toolchain.memory import budgets, calibration, stream
from toolchain.memory.estimate import estimate, of_network, wishes, within

WIDTHS = ("units", "filters")  # options by which a layer is made narrower
WIDE_MARGIN = 0.03  # of an estimate: what is left free where other kernels come into play, of which less is known


def fits(plan: Plan, key: str, used: int | None = None) -> str:
    """What to change so that the budget ``key`` (program, data or time) holds, in a few words.

    ``used`` is what a real build took: then estimates are corrected by what they were wrong.
    """
    instead = _faster_chip if key == "time" else _larger_chip
    if plan.imported:  # its layers are not the manifest's to change
        return instead(plan, key, getattr(estimate(plan), key) if used is None else used)
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


def _streamed(plan: Plan, key: str, correction: int) -> Iterator[str]:
    """The input in pieces, where the first layer can take it so."""
    network, wanted = plan.training["network"], wishes(plan)
    if key != "data" or wanted.streamed or stream.obstacle(network, wanted.coding)[1]:
        return
    needed = of_network(plan, network, replace(wanted, streamed=True)).data + correction
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
                needed = getattr(of_network(plan, trial, wishes(plan)), key) + correction
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
        needed = getattr(of_network(plan, plan.training["network"], replace(wishes(plan), prefer=prefer)), key)
        if needed * (1 + WIDE_MARGIN) <= plan.memory[key]:
            yield f"target.prefer: {prefer} (about {budgets.amount(key, needed)} {budgets.unit(key)})"
            return


def _other_codings(plan: Plan, correction: int) -> Iterator[str]:
    """Codings with fewer bits a weight that manifests know and that would fit."""
    quantization = schema.sections()["properties"]["quantization"]["properties"]
    current, bits = wishes(plan).coding, calibration.WEIGHT_BITS
    for coding in quantization["weights"].get("enum", ()):
        if bits.get(coding, 8) < bits[current]:
            needed = of_network(plan, plan.training["network"], replace(wishes(plan), coding=coding)).program
            needed += correction
            if within(needed, plan, "program"):
                yield f"quantization.weights: {coding} ({needed:,} B)"
