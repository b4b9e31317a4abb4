"""Dense layers with few nonzero weights: a list of positions and weights for each output (``gc_dense8_sparse.S``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from toolchain.kernels import dense8_cost as costs
from toolchain.kernels.base import Cost, Site
from toolchain.kernels.dense8 import BYTE, Dense8, Run, blocks, channel_constants, integer_dense, scaled

ENTRY_BYTES = 2


class Dense8Sparse(Dense8):
    """Only nonzero weights are stored and multiplied. Constant time; unsigned inputs."""

    name = "dense8_sparse"
    function = "gc_k_dense8_as_sparse"
    prepare = "none"
    rows = "sparse"
    least = -128

    def piece(self, site: Site, width: int) -> str:
        return "sparse"

    def runs(self, site: Site) -> list[Run]:
        return []

    def passes(self, site: Site) -> int:
        """Rounds of lists an output: more than one only if some output has over 255 entries of a sign."""
        return max([1, *(len(lists) for both in _lists(site) for lists in both)])

    def streams(self, site: Site) -> Iterator[tuple[int, np.ndarray]]:
        operator, lists, rounds = integer_dense(site), _lists(site), self.passes(site)
        constants = channel_constants(operator)
        for block in blocks(operator):
            stream = b"".join(_stream(lists[output], rounds) for output in range(block.start, block.stop))
            yield block.stop - block.start, np.frombuffer(stream + constants[block].tobytes(), np.uint8)

    def cost(self, site: Site) -> Cost:
        operator = integer_dense(site)
        outputs = operator.weights.shape[1]
        widths = [block.stop - block.start for block in blocks(operator)]
        parts = len(set(widths))
        entries = sum(len(part) for both in _lists(site) for lists in both for part in lists) // ENTRY_BYTES
        lists = 2 * outputs * self.passes(site)
        multiplied = scaled(operator.requantization)
        cycles = round(
            costs.driver_cycles(len(widths), parts, self.rows)
            + costs.finish_cycles(operator.requantization, outputs, multiplied)
            + 16.5 * entries
            + 13.25 * lists
            + 10 * outputs
        )
        flash = ENTRY_BYTES * entries + lists + outputs * (6 if multiplied else 3) + 17 + 6 * parts + 1 + costs.STUB
        shared = costs.common_pieces(self.prepare, multiplied, self.rows)
        return Cost(cycles, cycles, flash, sum(shared.values()), pieces=tuple(shared.items()))


def _stream(lists: tuple[list[bytes], list[bytes]], rounds: int) -> bytes:
    """The lists of one output, positive and negative in turn, with their lengths; empty where there are no more."""
    parts = (entries[number] if number < len(entries) else b"" for number in range(rounds) for entries in lists)
    return b"".join(bytes((len(part) // ENTRY_BYTES,)) + part for part in parts)


def _lists(site: Site) -> list[tuple[list[bytes], list[bytes]]]:
    """For each output its lists of positive and of negative weights, see ``_entries``."""
    weights = integer_dense(site).weights.astype(np.int64)
    return [(_entries(np.maximum(column, 0)), _entries(np.maximum(-column, 0))) for column in weights.T]


def _entries(magnitudes: np.ndarray) -> list[bytes]:
    """The nonzero magnitudes as lists of at most 255 entries, each a distance and a magnitude of one byte.

    The first distance of a list counts from the beginning; one over 255 takes entries of magnitude 0.
    """
    lists: list[bytearray] = []
    position = 0
    for index in map(int, np.flatnonzero(magnitudes)):
        steps = max(index - position - 1, 0) // BYTE
        if not lists or len(lists[-1]) + ENTRY_BYTES * (steps + 1) > ENTRY_BYTES * BYTE:
            lists.append(bytearray())
            position = 0
        while index - position > BYTE:
            lists[-1] += bytes((BYTE, 0))
            position += BYTE
        lists[-1] += bytes((index - position, int(magnitudes[index])))
        position = index
    return [bytes(entries) for entries in lists]


KERNELS = (Dense8Sparse(),)
