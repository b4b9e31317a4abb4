"""How a network is cut into the blocks of quantization-aware training.

Light to import: manifests are checked with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.errors import LayerError
from toolchain.layers.base import Shape

CODINGS = ("int8", "int4", "ternary", "binary")
WEIGHTED = ("dense", "convolution", "depthwise_convolution")
AVERAGES = ("average_pooling", "average_pooling_1d", "global_average_pooling", "global_average_pooling_1d")
EXACT = (  # kinds that keep or move codes: what they do to reals they do to codes
    *("flatten", "reshape", "dropout", "max_pooling", "max_pooling_1d"),
    *("global_max_pooling", "global_max_pooling_1d", "activation"),
)
ABSORBED = ("relu", "relu6", "linear")
ENDS = ("softmax", "sigmoid")

Entry = Mapping[str, Any]


class BlockError(LayerError):
    """A layer that quantization-aware training does not know; ``layer`` is its name."""

    def __init__(self, layer: str, message: str) -> None:
        super().__init__(message)
        self.layer = layer


@dataclass(frozen=True)
class Block:
    """A layer with what is computed in one go with it. ``name`` is what later layers read: its last part's name."""

    entry: Entry
    normalization: Entry | None = None
    activation: Entry | None = None

    @property
    def inputs(self) -> Sequence[str]:
        inputs: Sequence[str] = self.entry["inputs"]
        return inputs

    @property
    def name(self) -> str:
        last: str = (self.activation or self.normalization or self.entry)["name"]
        return last

    @property
    def function(self) -> str:
        return self.activation["function"] if self.activation else "linear"


def blocks(network: Sequence[Entry]) -> list[Block]:
    """The blocks of a network, in its order.

    Raises BlockError for what quantization-aware training does not know.
    """
    readers: dict[str, list[Entry]] = {}
    for entry in network:
        for name in entry["inputs"]:
            readers.setdefault(name, []).append(entry)

    def only_reader(entry: Entry) -> Entry | None:
        found = readers.get(entry["name"], [])
        return found[0] if len(found) == 1 else None

    result: list[Block] = []
    taken: set[str] = set()
    for entry in network:
        if entry["name"] in taken:
            continue
        _check(entry, entry is network[-1])
        if entry["kind"] not in WEIGHTED:
            result.append(Block(entry))
            continue
        normalization = activation = None
        follower = only_reader(entry)
        if follower and follower["kind"] == "batch_normalization":
            normalization, follower = follower, only_reader(follower)
        if follower and follower["kind"] == "activation" and follower["function"] in ABSORBED:
            activation = follower
        taken |= {part["name"] for part in (normalization, activation) if part}
        result.append(Block(entry, normalization, activation))
    return result


def _check(entry: Entry, last: bool) -> None:
    kind, name = entry["kind"], entry["name"]
    if kind == "batch_normalization":
        raise BlockError(name, f"`{name}` does not stand right after a layer with weights; move it there")
    if kind not in (*WEIGHTED, *AVERAGES, *EXACT):
        known = ", ".join((*WEIGHTED, *AVERAGES, *EXACT, "batch_normalization"))
        raise BlockError(name, f"{kind} cannot be trained with its integers; known are {known}")
    if kind in AVERAGES and entry.get("padding", "valid") != "valid":
        raise BlockError(name, "average pooling with padding cannot be trained with its integers; use `padding: valid`")
    if kind == "activation" and entry["function"] not in (*ABSORBED, *(ENDS if last else ())):
        known = " or ".join(ABSORBED[:2])
        raise BlockError(
            name, f"{entry['function']} cannot be trained with its integers here; use {known} between layers"
        )


def pool_size(entry: Entry, source: Shape) -> Shape:
    """The window of an average pooling layer."""
    size = entry.get("size")
    if size is None:
        return source[:-1]
    if isinstance(size, int):
        return (size,) * (len(source) - 1)
    return tuple(size)
