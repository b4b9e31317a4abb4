"""What a manifest alone shows of an input that comes a piece at a time (``target.input: streamed``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.board.protocol import CHUNK

PIECE = CHUNK
"""Bytes: what one frame of the serial link brings."""
SUM_BYTES = 3
"""Bytes of SRAM that each output of the first layer takes from the first piece on."""
PASSING = ("flatten", "reshape", "dropout", "gaussian_noise")
"""Kinds that leave the values, and their order in memory, as they are."""


def count(inputs: int) -> int:
    """How many pieces an input of so many values has."""
    return math.ceil(inputs / PIECE)


def reader(network: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
    """The layer that takes the input, and why it cannot take it in pieces ("" if it can)."""
    name = "input"
    while True:
        readers = [entry for entry in network if name in entry["inputs"]]
        first = readers[0]
        if len(readers) > 1:
            return first, f"{readers[1]['name']} reads it too"
        if first["kind"] not in PASSING or first is network[-1]:
            return first, "" if first["kind"] == "dense" else f"{first['kind']} layers cannot take it in pieces"
        name = first["name"]


def views(network: Sequence[Mapping[str, Any]]) -> set[str]:
    """The layers between the input and its reader: other shapes of what is never in memory as a whole."""
    by_name = {entry["name"]: entry for entry in network}
    name, found = reader(network)[0]["inputs"][0], set()
    while name != "input":
        found.add(name)
        name = by_name[name]["inputs"][0]
    return found


def obstacle(network: Sequence[Mapping[str, Any]], coding: str) -> tuple[Mapping[str, Any], str]:
    """The same, with what ``reader`` does not look at: ``coding`` of weights where the layer has none of its own."""
    layer, reason = reader(network)
    coding = layer.get("weights") or coding
    if not reason and coding != "int8":
        reason = f"layers of {coding} weights cannot take it in pieces"
    return layer, reason
