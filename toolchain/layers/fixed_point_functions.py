"""tanh and sigmoid from 16 to 16 bits, for the gates of recurrent layers: a table of tanh with straight lines between.

The argument's unit is 2^-12 (from -8 up to 8), the result's 2^-15:

    tanh(p) = sign(p) · (T[i] + (((T[i+1] - T[i]) · (a & 255) + 128) >> 8)),  a = min(|p|, 32767), i = a >> 8
    T[i] = min(round(2^15 · tanh(i / 16)), 32767)
    sigmoid(p) = (2^15 + tanh(p >> 1) + 1) >> 1

Greatest errors, over all arguments and (where |x| > 8 is cut off) all reals: tanh 13.1, sigmoid 12 units of 2^-15,
that is 0.05 units of an 8-bit state.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


@cache
def table() -> np.ndarray:
    """T, int64 (129,)."""
    exact = np.rint(2.0**15 * np.tanh(np.arange(129) / 16))
    return np.minimum(exact, 32767).astype(np.int64)


def tanh(values: np.ndarray) -> np.ndarray:
    """int64, -32767…32767."""
    size = np.minimum(np.abs(values), 32767)
    index, rest = size >> 8, size & 255
    entries = table()
    result = entries[index] + (((entries[index + 1] - entries[index]) * rest + 128) >> 8)
    return np.where(values < 0, -result, result)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """int64, 11…32757."""
    return ((1 << 15) + tanh(values >> 1) + 1) >> 1
