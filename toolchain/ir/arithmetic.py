"""Integer arithmetic in numpy that is exact and fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` of integer arrays, as int64.

    Computed in float64, which is exact here: products of 8-bit codes stay below 2^16, and no network has 2^37 of them
    in a sum. numpy multiplies float matrices some fifty times faster than integer ones.
    """
    return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)


def sum_bounds(weights: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest Σ x·w over axis 0 for every x in low…high (int64, the remaining shape)."""
    exact = weights.astype(np.int64)
    at_low, at_high = exact * low, exact * high
    return np.minimum(at_low, at_high).sum(axis=0), np.maximum(at_low, at_high).sum(axis=0)
