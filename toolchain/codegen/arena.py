"""The activation arena: one static block in which every tensor has its place for as long as it lives.

Two tensors share bytes only if they are never alive together, if a kernel says that it works in place, or if it reads
its input from the front and the output begins so far before it that it only grows over what has been read. Blocks are
placed one after the other, each at the lowest address that fits. Some order gives the smallest arena, so several are
tried: by size, by time, then all of them if they are few, else exchanges that do not make it larger. The search ends
when the arena is as small as what the hungriest step needs. The plan is proved afterwards.

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
    """A block of bytes with the first and last step (index of a layer; -1 is the input) at which it is alive.

    It may grow over the block ``source``, whose last step is its own first, if it begins ``distance`` bytes before it.
    """

    name: str
    size: int
    first: int
    last: int
    source: str = ""
    distance: int = 0

    def overlaps(self, other: Lifetime) -> bool:
        return self.first <= other.last and other.first <= self.last

    def clashes(self, at: int, other: Lifetime, other_at: int) -> bool:
        """Whether the two, at these offsets, would destroy each other."""
        apart = at + self.size <= other_at or other_at + other.size <= at
        if apart or not self.overlaps(other):
            return False
        behind = self.source == other.name and at + self.distance <= other_at
        before = other.source == self.name and other_at + other.distance <= at
        return not (behind or before)


@dataclass(frozen=True)
class Arena:
    """Where each tensor lies: ``offsets`` by the name of its layer (or ``"input"``), and the size of the block.

    ``scratch`` has the places of what kernels need for themselves, by the name of the layer.
    """

    offsets: Mapping[str, int]
    scratch: Mapping[str, int]
    size: int
    bound: int  # the greatest sum of bytes alive at one step: only growing over an input can make the plan smaller


def plan(graph: Graph, choices: Sequence[Choice]) -> Arena:
    """Place every tensor. Raises AssertionError if the proof fails, which is a defect of the planner.

    What a kernel writes over its input keeps the input's block as long as it lives itself. Where the output is the
    smaller one, a block of its own may take less.
    """
    shared, apart = _owners(graph, choices), _owners(graph, choices, shrinking=False)
    best = _planned(graph, choices, shared)
    other = _planned(graph, choices, apart) if apart != shared else best
    return other if other.size < best.size else best


def _planned(graph: Graph, choices: Sequence[Choice], owner: Mapping[str, str]) -> Arena:
    """The plan with these blocks: ``owner`` has that of each tensor."""
    held = next((choice.kernel.held(choice.site) for choice in choices if choice.site.streamed), graph.input.size)
    before, blocks = _with_room(_lifetimes(graph, owner, held), owner, choices, held)
    blocks = _growing(blocks, before, owner, choices)
    scratch = _scratch(choices)
    blocks |= {block.name: block for block in scratch.values()}
    steps = range(-1, len(graph.layers))
    placed = _search(list(blocks.values()), max(_needed(blocks, step) for step in steps))
    prove(list(blocks.values()), placed)
    bound = max(sum(b.size for b in blocks.values() if b.first <= step <= b.last) for step in steps)
    offsets = {name: placed[block] + before.get(block, 0) for name, block in owner.items()}
    places = {layer: placed[block.name] for layer, block in scratch.items()}
    return Arena(offsets, places, _extent(blocks.values(), placed), bound)


def _search(blocks: Sequence[Lifetime], least: int) -> dict[str, int]:
    """The offsets of the best order that was found."""
    best: dict[str, int] | None = None
    for order in _orders(blocks):
        offsets = _place_in_order(order)
        if best is None or _extent(blocks, offsets) < _extent(blocks, best):
            best = offsets
        if _extent(blocks, best) == least:
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
            clash = one.clashes(offsets[one.name], other, offsets[other.name])
            assert not clash, f"{one.name} and {other.name} share memory"


def _owners(graph: Graph, choices: Sequence[Choice], shrinking: bool = True) -> dict[str, str]:
    """The block of each tensor: its own, or that of the input over which its kernel may write.

    ``shrinking``: also where the output is smaller than that input.
    """
    owner = {"input": "input"}
    for choice in choices:
        layer = choice.layer
        size = choice.site.inputs[0].size
        small = layer.output.size <= size if shrinking else layer.output.size == size
        shares = choice.kernel.in_place and choice.site.dying[0] and small
        owner[layer.name] = owner[layer.inputs[0]] if shares else layer.name
    return owner


def _lifetimes(graph: Graph, owner: Mapping[str, str], held: int) -> dict[str, Lifetime]:
    """Each block from the step that writes its first tensor to the step that last reads one; ``held`` of the input."""
    last = {name: step for step, layer in enumerate(graph.layers) for name in layer.inputs}
    last[graph.layers[-1].name] = len(graph.layers)
    blocks: dict[str, Lifetime] = {"input": Lifetime("input", held, -1, last.get("input", -1))}
    for step, layer in enumerate(graph.layers):
        name, end = owner[layer.name], last[layer.name]
        if name in blocks:
            block = blocks[name]
            blocks[name] = Lifetime(name, block.size, block.first, max(block.last, end))
        else:
            blocks[name] = Lifetime(name, layer.output.size, step, end)
    return blocks


def _scratch(choices: Sequence[Choice]) -> dict[str, Lifetime]:
    """The scratch memory of each layer whose kernel asks for some."""
    found: dict[str, Lifetime] = {}
    for step, choice in enumerate(choices):
        if size := choice.kernel.scratch(choice.site):
            first = -1 if choice.site.streamed else step  # sums are there from the first piece of the input on
            name = choice.layer.name
            found[name] = Lifetime(f"{name}, scratch", size, first, step)
    return found


def _with_room(
    blocks: Mapping[str, Lifetime], owner: Mapping[str, str], choices: Sequence[Choice], held: int
) -> tuple[dict[str, int], dict[str, Lifetime]]:
    """How far into its block a tensor begins, and the blocks with the room that kernels need around their input."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for choice in choices:
        block = owner[choice.layer.inputs[0]]
        front, back = choice.kernel.room(choice.site)
        before[block] = max(before.get(block, 0), front)
        size = choice.site.inputs[0].size
        after[block] = max(after.get(block, 0), (min(size, held) if block == "input" else size) + back)
    return before, {
        name: replace(block, size=before.get(name, 0) + max(block.size, after.get(name, 0)))
        for name, block in blocks.items()
    }


def _growing(
    blocks: Mapping[str, Lifetime], before: Mapping[str, int], owner: Mapping[str, str], choices: Sequence[Choice]
) -> dict[str, Lifetime]:
    """The blocks, with the input that each may grow over while its kernel reads it."""
    found = dict(blocks)
    for step, choice in enumerate(choices):
        source, target = owner[choice.layer.inputs[0]], owner[choice.layer.name]
        distance = choice.kernel.distance(choice.site)
        plain = not before.get(source) and not before.get(target)
        alone = plain and blocks[source].last == step == blocks[target].first
        if distance is not None and source != target and alone:
            found[target] = replace(found[target], source=source, distance=distance)
    return found


def _needed(blocks: Mapping[str, Lifetime], step: int) -> int:
    """The bytes that this step needs at least."""
    alive = {name: block for name, block in blocks.items() if block.first <= step <= block.last}
    total = sum(block.size for block in alive.values())
    for block in alive.values():
        if block.source in alive and block.first == step:
            source = alive[block.source].size
            total -= block.size + source - min(block.size + source, max(block.size, block.distance + source))
    return total


def _lowest(block: Lifetime, placed: Sequence[tuple[Lifetime, int]]) -> int:
    """The lowest offset at which ``block`` meets nothing that is alive together with it."""
    candidates = {0}
    for other, start in placed:
        candidates.add(start + other.size)
        if other.source == block.name:
            candidates.add(start + other.distance)
    fitting = (
        offset
        for offset in sorted(candidates)
        if not any(block.clashes(offset, other, start) for other, start in placed)
    )
    return next(fitting)
