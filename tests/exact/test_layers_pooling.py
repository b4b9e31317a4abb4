"""Pooling three ways: any window, stride and padding, over images and sequences, in all corners of the codes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.exact.harness import chain, check
from toolchain.ir.graph import Tensor
from toolchain.layers.pooling import AveragePooling, GlobalPooling, MaxPooling
from toolchain.quantization.scheme import PowerOfTwo

CASES = [
    ((7, 9, 3), (2, 3), (2, 3), "valid"),
    ((7, 9, 3), (3, 2), (2, 1), "valid"),
    ((7, 9, 2), (3, 3), (2, 2), "same"),
    ((5, 4, 2), (2, 3), (3, 3), "same"),
    ((8, 8, 1), (2, 2), (2, 2), "same"),
    ((1, 5, 3), (1, 5), (1, 1), "same"),
    ((40, 3), (4,), (4,), "valid"),
    ((300, 2), (5,), (3,), "same"),
    ((6, 1, 5), (1, 1), (1, 1), "valid"),
]


def corners(source: Tensor, count: int = 6) -> np.ndarray:
    rng = np.random.default_rng(7)
    codes = rng.integers(source.low, source.high + 1, (count, *source.shape)).astype(source.dtype)
    codes[0], codes[1] = source.low, source.high
    codes[2] = rng.choice([source.low, source.high], source.shape)
    return codes


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)
def test_windows(tmp_path, shape, size, stride, padding, signed: bool) -> None:
    low, high, dtype = (-128, 127, "int8") if signed else (0, 255, "uint8")
    source = Tensor(shape, dtype, 1.0, 0 if signed else 7, low, high)
    for operator in (MaxPooling(size, stride, padding), AveragePooling(size, stride, padding, "relu")):
        step = operator.quantize([source], (-1, 1), PowerOfTwo())
        check(chain(source, step), corners(source), tmp_path / operator.kind)


@pytest.mark.parametrize("shape", [(5, 6, 3), (200, 2), (4, 4, 1)])
def test_global(tmp_path, shape) -> None:
    source = Tensor(shape, "int8", 1.0, 0, -128, 127)
    for largest in (False, True):
        step = GlobalPooling(largest).quantize([source], (-1, 1), PowerOfTwo())
        check(chain(source, step), corners(source), tmp_path / str(largest))
