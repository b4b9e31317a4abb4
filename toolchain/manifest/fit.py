"""``units: fit``: the greatest width with which a network fits its memory budgets, found before anything is trained.

The plan holds the number as if the manifest had said it, so that every stage, and every build of the same manifest, has
the same network.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.manifest import extends, reader
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest
from toolchain.manifest.draft import Draft
from toolchain.manifest.plan import Plan

MOST = 1 << 16


def widest(plan: Plan, draft: Draft, path: Path) -> Plan:
    """The plan with the draft's open width filled in. Raises ManifestError if not even a width of 1 fits."""
    layer, option = draft.open_widths[0]
    low, high = 0, 1  # low fits (or is nothing), high is to be tried
    while high <= MOST and fits(with_width(plan, layer.name, option, high)):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(with_width(plan, layer.name, option, middle)) else (low, middle)
    if low == 0:
        here = ("network", layer.index, layer.kind, option)
        place = extends.place_of(draft.top, here, value=True)
        message = f"`{option}: fit`: not even a width of 1 fits into the chip's memory"
        note = "take a larger budget, or a smaller network around this layer"
        raise InvalidManifest(reader.displayed(path), [Diagnostic(message, place, (note,), here)])
    return with_width(plan, layer.name, option, low)


def with_width(plan: Plan, name: str, option: str, width: int) -> Plan:
    """The plan with another width of one layer."""
    network = [{**entry, option: width} if entry["name"] == name else entry for entry in plan.training["network"]]
    return replace(plan, training={**plan.training, "network": network})


def fits(plan: Plan) -> bool:
    """Whether the estimated image stays within the budgets of program and data memory."""
    from toolchain.memory.estimate import MARGIN, estimate

    needed = estimate(plan)
    program = needed.program * (1 + MARGIN) <= plan.memory["program"]
    return program and needed.data * (1 + MARGIN) <= plan.memory["data"]
