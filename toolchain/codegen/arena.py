"""The activation arena: one static block in which every tensor has its place for as long as it lives.

Two tensors share bytes only if they are never alive together, or if a kernel says that it works in place. Blocks are
placed one after the other, each at the lowest address that fits. Some order gives the smallest arena, so several are
tried: by size, by time, then all of them if they are few, else exchanges that do not make it larger. The search ends
when the arena is as small as the bytes that are alive at once. The plan is proved afterwards.

Source: Y. Pisarchyk and J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020 (greedy by size).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from toolchain.codegen.selection import Choice
from toolchain.ir.graph import Graph

FEW = 6
"""Up to this many blocks every order is tried (720)."""
ATTEMPTS = 2000


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
    before, blocks = _with_room(_lifetimes(graph, owner), owner, choices)
    steps = range(-1, len(graph.layers))
    bound = max(sum(b.size for b in blocks.values() if b.first <= step <= b.last) for step in steps)
    placed = _search(list(blocks.values()), bound)
    prove(list(blocks.values()), placed)
    offsets = {name: placed[block] + before.get(block, 0) for name, block in owner.items()}
    return Arena(offsets, _extent(blocks.values(), placed), bound)


def _search(blocks: Sequence[Lifetime], bound: int) -> dict[str, int]:
    """The offsets of the best order that was found."""
    best: dict[str, int] | None = None
    for order in _orders(blocks):
        offsets = _place_in_order(order)
        if best is None or _extent(blocks, offsets) < _extent(blocks, best):
            best = offsets
        if _extent(blocks, best) == bound:
            break
    assert best is not None
    return best


def _orders(blocks: Sequence[Lifetime]) -> Iterator[Sequence[Lifetime]]:
    """Orders worth trying, the most promising first; the same ones for the same blocks."""
    by_size = sorted(blocks, key=lambda item: (-item.size, item.first))
    yield by_size
    yield sorted(blocks, key=lambda item: (item.first, -item.size))
    if len(blocks) <= FEW:
        yield from itertools.permutations(blocks)
        return
    order, extent = by_size, _extent(blocks, _place_in_order(by_size))
    chance = random.Random(0)
    for _attempt in range(ATTEMPTS):
        one, other = chance.sample(range(len(order)), 2)
        changed = list(order)
        changed[one], changed[other] = changed[other], changed[one]
        yield changed
        new = _extent(blocks, _place_in_order(changed))
        if new <= extent:
            order, extent = changed, new


def _place_in_order(order: Iterable[Lifetime]) -> dict[str, int]:
    placed: list[tuple[Lifetime, int]] = []
    for block in order:
        placed.append((block, _lowest(block, placed)))
    return {block.name: offset for block, offset in placed}


def _extent(blocks: Iterable[Lifetime], offsets: Mapping[str, int]) -> int:
    return max(offsets[block.name] + block.size for block in blocks)


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


def _with_room(
    blocks: Mapping[str, Lifetime], owner: Mapping[str, str], choices: Sequence[Choice]
) -> tuple[dict[str, int], dict[str, Lifetime]]:
    """How far into its block a tensor begins, and the blocks with the room that kernels need around their input."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for choice in choices:
        block = owner[choice.layer.inputs[0]]
        front, back = choice.kernel.room(choice.site)
        before[block] = max(before.get(block, 0), front)
        after[block] = max(after.get(block, 0), choice.site.inputs[0].size + back)
    return before, {
        name: replace(block, size=before.get(name, 0) + max(block.size, after.get(name, 0)))
        for name, block in blocks.items()
    }


def _lowest(block: Lifetime, placed: Sequence[tuple[Lifetime, int]]) -> int:
    """The lowest offset at which ``block`` meets nothing that is alive together with it."""
    offset = 0
    for other, start in sorted(placed, key=lambda item: item[1]):
        if block.overlaps(other) and start < offset + block.size and offset < start + other.size:
            offset = start + other.size
    return offset
