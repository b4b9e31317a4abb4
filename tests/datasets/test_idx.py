"""The IDX format, against its description."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from toolchain.datasets import idx
from toolchain.errors import DataError

shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, shapes))
def test_reading_gives_back_what_was_written(array: np.ndarray) -> None:
    content = idx.render(array)
    assert content[:4] == bytes([0, 0, 8, array.ndim])
    assert [struct.unpack(">I", content[4 + 4 * i : 8 + 4 * i])[0] for i in range(array.ndim)] == list(array.shape)
    np.testing.assert_array_equal(idx.parse(content, "f"), array)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, (3, 2)), st.data())
def test_a_torn_or_longer_file_is_refused(array: np.ndarray, data: st.DataObject) -> None:
    content = idx.render(array)
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DataError, match=r"^f "):
        idx.parse(content[:end], "f")
    with pytest.raises(DataError, match="too long"):
        idx.parse(content + b"\0", "f")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_clear_error(content: bytes) -> None:
    try:
        array = idx.parse(content, "f")
    except DataError:
        return
    assert idx.render(array) == content


def test_the_errors_say_what_was_found() -> None:
    with pytest.raises(DataError, match=r"^f is not an IDX file: it begins with 1f 8b 08 00$"):
        idx.parse(b"\x1f\x8b\x08\0\0", "f")
    with pytest.raises(DataError, match=r"^f: IDX values of type 0x0d; unsigned bytes \(0x08\) were expected$"):
        idx.parse(b"\0\0\x0d\1\0\0\0\0", "f")
    with pytest.raises(DataError, match=r"^f is torn: 9 bytes, and its header says 10$"):
        idx.parse(b"\0\0\x08\1\0\0\0\2x", "f")
    with pytest.raises(DataError, match=r"^f is torn: 5 bytes, and its header alone takes 8$"):
        idx.parse(b"\0\0\x08\1\0", "f")
