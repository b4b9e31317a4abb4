"""Pictures that are never in memory: a convolution does the max pooling behind it itself (``passes.fuse_pooling``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.layers.base import Shape
from toolchain.layers.convolution_geometry import pair

CONVOLUTIONS = ("convolution", "depthwise_convolution", "separable_convolution")
BETWEEN = ("activation", "batch_normalization", "rescaling", "dropout", "gaussian_noise")
"""Kinds that may stand between the two: the convolution absorbs them, or they change places with the pooling."""


def poolings(network: Sequence[Mapping[str, Any]], shapes: Mapping[str, Shape]) -> dict[str, str]:
    """Of each layer whose output is only ever there after a max pooling, the name of that pooling."""
    by_name = {entry["name"]: entry for entry in network}
    readers: dict[str, int] = {}
    for entry in network:
        for name in entry["inputs"]:
            readers[name] = readers.get(name, 0) + 1
    found: dict[str, str] = {}
    for entry in network:
        if entry["kind"] != "max_pooling" or not _side_by_side(entry, shapes):
            continue
        chain, name = [], entry["inputs"][0]
        while name in by_name and readers[name] == 1 and by_name[name]["kind"] in BETWEEN:
            chain.append(name)
            name = by_name[name]["inputs"][0]
        if name in by_name and readers[name] == 1 and by_name[name]["kind"] in CONVOLUTIONS:
            found |= dict.fromkeys([name, *chain], entry["name"])
    return found


def _side_by_side(entry: Mapping[str, Any], shapes: Mapping[str, Shape]) -> bool:
    """Whether its windows are square, do not overlap, and lie inside of the image."""
    size, source = pair(entry["size"]), shapes[entry["inputs"][0]]
    stride = size if entry.get("stride") is None else pair(entry["stride"])
    inside = (source[0] // size[0], source[1] // size[1])
    return size == stride == size[::-1] and shapes[entry["name"]][:2] == inside
