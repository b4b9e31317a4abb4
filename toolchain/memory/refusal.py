"""What cannot fit whatever the code generator does: refused while the build graph is read, before any training.

The estimate says what a build will probably show; no is said only by what is certain, so this counts the weights and
the least of everything else.
"""

from __future__ import annotations

import math

from toolchain.layers import registry
from toolchain.manifest import Diagnostic, Plan, place
from toolchain.memory import budgets, calibration, near_flash, stream
from toolchain.memory.estimate import Estimate, chip_flash, counts, estimate, shapes_of, wishes
from toolchain.memory.suggestions import fits


def refuse(plan: Plan) -> Diagnostic | None:
    """The error for a plan whose weights, activations or products alone exceed a budget; None if it has a chance."""
    needed = estimate(plan)
    program = _least_flash(plan) + calibration.LEAST_OVERHEAD
    if "firmware" in plan.compilation:  # the user's own program: it may be next to nothing
        program -= calibration.APPLICATION
    if program > plan.memory["program"]:
        return _diagnostic(plan, "program", needed.program, _largest(needed), fits(plan, "program"))
    constants = _least_flash(plan, constants=True)
    if chip_flash(plan) > near_flash.REACH < constants:
        return _unreadable(plan, constants, needed)
    views = stream.views(plan.training["network"]) if wishes(plan).streamed else set()
    data = max(layer.held for layer in needed.layers if layer.name not in views)
    data = max(data, _held(plan)) + calibration.LEAST_STACK
    if data > plan.memory["data"]:
        return _diagnostic(plan, "data", needed.data, _largest_data(plan), fits(plan, "data"))
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
    shapes, wanted = shapes_of(plan, plan.training["network"]), wishes(plan)
    cycles = 0.0
    for entry in plan.training["network"]:
        products = counts(entry, [shapes[name] for name in entry["inputs"]]).least_products
        cycles += products * calibration.LEAST_PRODUCT[entry.get("weights", wanted.coding)] * wanted.kept(entry)
    return cycles * 10**6 / plan.compilation["clock_hz"]


def _least_flash(plan: Plan, constants: bool = False) -> int:
    """The fewest bytes that weights and biases can take: pruned ones may be left out altogether.

    ``constants``: without layers whose weights may be in instructions instead.
    """
    network, shapes, wanted = plan.training["network"], shapes_of(plan, plan.training["network"]), wishes(plan)
    total = 0
    for entry in network:
        if constants and registry.kinds()[entry["kind"]].trades_flash:
            continue
        counted = counts(entry, [shapes[name] for name in entry["inputs"]])
        bits, kept = calibration.WEIGHT_BITS[entry.get("weights", wanted.coding)], wanted.kept(entry)
        total += math.floor(counted.weights * bits / 8 * kept)
        total += 2 * counted.biases if kept == 1 else 0
    return total


def _diagnostic(plan: Plan, key: str, needed: int, biggest: str, fitting: str) -> Diagnostic:
    key_path, budget = budgets.PLACES[key], plan.memory[key]
    # An estimate may fall below the budget where only the proven least exceeds it; the message never contradicts
    # itself.
    message = budgets.message(key, max(needed, budget + 1), budget, "about ")
    notes = (f"{budgets.MOST[key]}: {biggest}", f"fits: {fitting}")
    return Diagnostic(message, place(plan.path, key_path), notes, key_path)


def _unreadable(plan: Plan, constants: int, needed: Estimate) -> Diagnostic:
    key_path, mcu = ("target", "mcu"), plan.compilation["mcu"]
    message = (
        f"weights: at least {constants:,} B needed, "
        f"and the {mcu} reads constants from the first {near_flash.REACH:,} B of its flash"
    )
    notes = (f"{budgets.MOST['program']}: {_largest(needed)}", "narrower layers, or smaller weights (int4), would fit")
    return Diagnostic(message, place(plan.path, key_path), notes, key_path)


def _largest(needed: Estimate) -> str:
    """What takes the flash, largest first: ``dense_1 weights 50,176 · kernels 912 · application 750``."""
    parts = [(f"{layer.name} weights", layer.flash) for layer in needed.layers if layer.flash]
    parts += [("kernels", needed.kernels), ("application", needed.application)]
    return budgets.listed(parts)


def _largest_data(plan: Plan) -> str:
    """What takes the SRAM, largest first."""
    needed = estimate(plan)
    parts = [
        (f"{layer.name} output", layer.held)
        for layer in needed.layers
        if layer.kind not in ("activation", *calibration.FOLDED)
    ]
    parts += [("input", _held(plan)), ("stack", needed.stack)]
    return budgets.listed(parts)
