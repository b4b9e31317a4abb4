"""Dense layers with weights -1, 0 and 1: threaded code, three bytes a row of eight (``gc_dense8_ternary.S``)."""

from __future__ import annotations

import numpy as np

from toolchain.kernels.base import Site
from toolchain.kernels.dense8 import WIDTH, Dense8, Dense8Skip, Run, integer_dense, live_runs

GROUPS = (3, 3, 2)
"""How many outputs a byte of the stream stands for."""
PIECE_WORDS, LAST_WORDS = 3, 5
"""Words of a piece besides its additions and subtractions; the last two outputs' pieces also begin the next row."""
BEHIND_FIRST = 189
"""Where the last outputs' pieces begin: in the first group's page, behind its pieces."""


def places(group: int) -> np.ndarray:
    """For the digits of a group as a number in base 3, in which word of its page the code for them lies."""
    numbers = np.arange(3 ** GROUPS[group])
    nonzero = sum((numbers // 3**digit % 3 != 0).astype(np.int64) for digit in range(GROUPS[group]))
    if group < len(GROUPS) - 1:
        return np.concatenate([[0], np.cumsum(PIECE_WORDS + 2 * nonzero)[:-1]])
    lengths = LAST_WORDS + 2 * nonzero
    lengths[1] = 2  # it goes on into piece 0
    lengths[2] += 1  # the end of a part lies behind it
    return BEHIND_FIRST + np.concatenate([[0], np.cumsum(lengths[::-1])[:-1]])[::-1]


class _Ternary(Dense8):
    prepare = "none"
    rows = "ternary_rows"
    least, most = -1, 1

    def fits(self, site: Site) -> bool:
        # The weights are read where the chip maps its flash into data space.
        return super().fits(site) and site.target.core == "avrxt"

    def entry(self, site: Site) -> str:
        return "gc_k_dense8_as_ternary"

    def piece(self, site: Site, width: int) -> str:
        return self.rows

    def packed(self, site: Site, weights: np.ndarray) -> np.ndarray:
        rows, outputs = weights.shape
        digits = np.zeros((rows, WIDTH), np.int64)
        digits[:, :outputs] = np.where(weights < 0, 2, weights)
        columns, start = [], 0
        for group, size in enumerate(GROUPS):
            number = np.zeros(rows, np.int64)
            for output in range(start, start + size):
                number = 3 * number + digits[:, output]
            columns.append(places(group)[number])
            start += size
        return np.stack(columns, axis=1).astype(np.uint8).reshape(-1)


class Dense8Ternary(_Ternary):
    """Every input is added or subtracted where its weight is not zero. Constant time."""

    name = "dense8_ternary"


class Dense8TernarySkip(_Ternary, Dense8Skip):
    """The same for inputs other than zero only."""

    name = "dense8_ternary_skip"
    prepare = "skip"
    rows = "ternary_runs"

    def runs(self, site: Site) -> list[Run]:
        return live_runs(integer_dense(site).weights)


KERNELS = (Dense8Ternary(), Dense8TernarySkip())
