"""``units: fit``: the greatest width with which a network fits its budgets, found before anything is trained.
``widths: fit``: the greatest multiple of all widths but the last.

The plan holds the number as if the manifest had said it, so that every stage, and every build of the same manifest, has
the same network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from toolchain.errors import LayerError
from toolchain.manifest import extends, network, reader
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, KeyPath
from toolchain.manifest.draft import Draft
from toolchain.manifest.plan import Plan
from toolchain.memory.estimate import estimate, within

MOST = 1 << 16
PARTS = 64
"""Multiples of all widths are found in steps of 1/64."""


def widest(plan: Plan, draft: Draft, path: Path) -> Plan:
    """The plan with what the draft leaves open filled in. Raises ManifestError if not even the least of it fits."""
    if draft.open_widths:
        layer, option = draft.open_widths[0]
        here: KeyPath = ("network", layer.index, layer.kind, option)
        said = f"`{option}: {network.FIT}`: not even a width of 1 fits"

        def made(width: int) -> Plan:
            return with_width(plan, layer.name, option, width)

        note = "take a larger budget, or a smaller network around this layer"
    elif draft.get(network.MULTIPLE) == network.FIT:
        here = (network.MULTIPLE,)
        said = f"`{network.MULTIPLE}: {network.FIT}`: not even 1/{PARTS} of the widths fits"

        def made(width: int) -> Plan:
            return with_multiple(plan, width / PARTS)

        note = "take a larger budget, or fewer layers"
    else:
        return plan
    try:
        low = _greatest(lambda width: fits(made(width)))
    except LayerError as error:  # a layer that goes with the widths as they are written, and no others
        raise _refusal(draft, path, here, f"the widths do not go with any multiple: {error}", note) from error
    if not low:
        granted = " and the time granted" if "time" in plan.memory else ""
        raise _refusal(draft, path, here, f"{said} into the chip's memory{granted}", note)
    return made(low)


def _greatest(good: Callable[[int], bool]) -> int:
    """The greatest number up to MOST that is good, if all smaller ones are; 0 if 1 is not."""
    low, high = 0, 1  # low is good (or nothing), high is to be tried
    while high <= MOST and good(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return low


def _refusal(draft: Draft, path: Path, here: KeyPath, message: str, note: str) -> InvalidManifest:
    place = extends.place_of(draft.top, here, value=True)
    return InvalidManifest(reader.displayed(path), [Diagnostic(message, place, (note,), here)])


def with_multiple(plan: Plan, multiple: float) -> Plan:
    """The plan with all widths but that of the answer multiplied."""
    entries = plan.training["network"]
    last = network.answering(entries)
    scaled = [entry if i == last else network.multiplied(entry, multiple) for i, entry in enumerate(entries)]
    return replace(plan, training={**plan.training, "network": scaled})


def with_width(plan: Plan, name: str, option: str, width: int) -> Plan:
    """The plan with another width of one layer."""
    entries = [{**entry, option: width} if entry["name"] == name else entry for entry in plan.training["network"]]
    return replace(plan, training={**plan.training, "network": entries})


def fits(plan: Plan) -> bool:
    """Whether the estimated image stays within all budgets: program memory, data memory, time."""
    needed = estimate(plan)
    return all(within(getattr(needed, key), plan, key) for key in plan.memory)
