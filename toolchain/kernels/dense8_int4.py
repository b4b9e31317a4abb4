"""Dense layers with weights of four bits, two in a byte (``firmware/kernels/gc_dense8_int4.S``)."""

from __future__ import annotations

import numpy as np

from toolchain.kernels.base import Site
from toolchain.kernels.dense8 import WIDTH, Dense8, Dense8Copy, Dense8Skip


class _Int4(Dense8):
    function = "gc_k_dense8_as_int4"
    rows = "nibbles"
    least, most = -7, 8
    extra_bits = 4

    def packed(self, site: Site, weights: np.ndarray) -> np.ndarray:
        rows, outputs = weights.shape
        nibbles = np.full((rows, outputs + outputs % 2), 8, np.int64)
        nibbles[:, :outputs] -= weights
        return (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).astype(np.uint8).reshape(-1)

    def piece(self, site: Site, width: int) -> str:
        unrolled = width + width % 2 == WIDTH and site.target.prefer != "size"
        return f"{self.rows}_{(width + 1) // 2}{'x2' if unrolled else ''}"


class Dense8Int4(_Int4):
    """Every input is multiplied; the input stays as it is. Constant time."""

    name = "dense8_int4"


class Dense8Int4Copy(_Int4, Dense8Copy):
    """The live inputs are moved together first, and their signs flipped. Constant time."""

    name = "dense8_int4_copy"


class Dense8Int4Skip(_Int4, Dense8Skip):
    """Only values other than zero are multiplied."""

    name = "dense8_int4_skip"
    rows = "nibble_runs"


KERNELS = (Dense8Int4(), Dense8Int4Copy(), Dense8Int4Skip())
