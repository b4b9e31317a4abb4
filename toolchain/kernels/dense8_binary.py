"""Dense layers with weights -1 and 1: threaded code, a byte a row of eight (``gc_dense8_binary.S``)."""

from __future__ import annotations

import numpy as np

from toolchain.kernels.base import Site
from toolchain.kernels.dense8 import WIDTH, Dense8, Dense8Skip, integer_dense


class _Binary(Dense8):
    rows = "binary_rows"
    least, most = -1, 1

    def fits(self, site: Site) -> bool:
        # The weights are read where the chip maps its flash into data space.
        return super().fits(site) and site.target.core == "avrxt" and bool(np.all(integer_dense(site).weights))

    def entry(self, site: Site) -> str:
        return "gc_k_dense8_as_binary"

    def piece(self, site: Site, width: int) -> str:
        return self.rows

    def packed(self, site: Site, weights: np.ndarray) -> np.ndarray:
        signs = np.zeros((len(weights), WIDTH), np.uint8)
        signs[:, : weights.shape[1]] = weights > 0
        return np.packbits(signs, axis=1).reshape(-1)


class Dense8Binary(_Binary):
    """Every input is added where its weight is 1. Constant time."""

    name = "dense8_binary"


class Dense8BinarySkip(_Binary, Dense8Skip):
    """The same for inputs other than zero only."""

    name = "dense8_binary_skip"
    rows = "binary_runs"


KERNELS = (Dense8Binary(), Dense8BinarySkip())
