"""The IDX file format of the original MNIST files: big-endian sizes, then unsigned bytes.

Layout: two zero bytes, the type (8: unsigned byte), the number of axes, a 32-bit size for each axis, the values.
Source: Yann LeCun's page of the MNIST database, section "The IDX file format".
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from toolchain.errors import DataError
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

UNSIGNED_BYTE = 8


def parse(content: bytes, name: str) -> np.ndarray:
    """The uint8 array in an IDX file. Raises DataError naming the file if it is something else, torn or too long."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise DataError(f"{name} is not an IDX file: it begins with {content[:4].hex(' ') or 'nothing'}")
    if content[2] != UNSIGNED_BYTE:
        raise DataError(f"{name}: IDX values of type 0x{content[2]:02x}; unsigned bytes (0x08) were expected")
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{name} is torn: {len(content)} bytes, and its header alone takes {start}")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + math.prod(shape)
    if len(content) != expected:
        state = "torn" if len(content) < expected else "too long"
        raise DataError(f"{name} is {state}: {len(content):,} bytes, and its header says {expected:,}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def render(array: np.ndarray) -> bytes:
    """The IDX file of a uint8 array of 1 to 255 axes."""
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise ValueError(f"IDX holds uint8 arrays of 1 to 255 axes, not {array.dtype} of {array.ndim}")
    header = bytes([0, 0, UNSIGNED_BYTE, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()
