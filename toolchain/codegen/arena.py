"""The activation arena: one static block in which every tensor has its place for as long as it lives.

Two tensors may share bytes only if they are never alive together, or if a kernel says that it works in place. The plan
is made by greedy placement in order of decreasing size, lowest fitting address first, and proved afterwards.

Source: Y. Pisarchyk and J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020 (greedy by size).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolchain.codegen.selection import Choice
from toolchain.ir.graph import Graph


@dataclass(frozen=True)
class Lifetime:
    """A block of bytes with the first and last step (index of a layer; -1 is the input) at which it is alive."""

    name: str
    size: int
    first: int
    last: int

    def overlaps(self, other: Lifetime) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """Where each tensor lies: ``offsets`` by the name of its layer (or ``"input"``), and the size of the block."""

    offsets: Mapping[str, int]
    size: int
    bound: int  # the greatest sum of bytes alive at one step: no plan is smaller


def plan(graph: Graph, choices: Sequence[Choice]) -> Arena:
    """Place every tensor. Raises AssertionError if the proof fails, which is a defect of the planner."""
    owner = _owners(graph, choices)
    blocks = _lifetimes(graph, owner)
    placed: dict[str, int] = {}
    for block in sorted(blocks.values(), key=lambda item: (-item.size, item.first)):
        placed[block.name] = _lowest(block, [(blocks[name], offset) for name, offset in placed.items()])
    size = max(placed[name] + block.size for name, block in blocks.items())
    prove(list(blocks.values()), placed)
    steps = range(-1, len(graph.layers))
    bound = max(sum(b.size for b in blocks.values() if b.first <= step <= b.last) for step in steps)
    return Arena({name: placed[block] for name, block in owner.items()}, size, bound)


def prove(blocks: Sequence[Lifetime], offsets: Mapping[str, int]) -> None:
    """Check that no two blocks that are alive together share a byte."""
    for index, one in enumerate(blocks):
        for other in blocks[index + 1 :]:
            apart = (
                offsets[one.name] + one.size <= offsets[other.name]
                or offsets[other.name] + other.size <= offsets[one.name]
            )
            assert apart or not one.overlaps(other), f"{one.name} and {other.name} share memory"


def _owners(graph: Graph, choices: Sequence[Choice]) -> dict[str, str]:
    """The block of each tensor: its own, or that of the input over which its kernel may write."""
    owner = {"input": "input"}
    for choice in choices:
        layer = choice.layer
        shares = choice.kernel.in_place and choice.site.dying[0] and layer.output.size <= choice.site.inputs[0].size
        owner[layer.name] = owner[layer.inputs[0]] if shares else layer.name
    return owner


def _lifetimes(graph: Graph, owner: Mapping[str, str]) -> dict[str, Lifetime]:
    """Each block from the step that writes its first tensor to the step that last reads one."""
    last = {name: step for step, layer in enumerate(graph.layers) for name in layer.inputs}
    last[graph.layers[-1].name] = len(graph.layers)
    blocks: dict[str, Lifetime] = {"input": Lifetime("input", graph.input.size, -1, last.get("input", -1))}
    for step, layer in enumerate(graph.layers):
        name, end = owner[layer.name], last[layer.name]
        if name in blocks:
            block = blocks[name]
            blocks[name] = Lifetime(name, block.size, block.first, max(block.last, end))
        else:
            blocks[name] = Lifetime(name, layer.output.size, step, end)
    return blocks


def _lowest(block: Lifetime, placed: Sequence[tuple[Lifetime, int]]) -> int:
    """The lowest offset at which ``block`` meets nothing that is alive together with it."""
    offset = 0
    for other, start in sorted(placed, key=lambda item: item[1]):
        if block.overlaps(other) and start < offset + block.size and offset < start + other.size:
            offset = start + other.size
    return offset
