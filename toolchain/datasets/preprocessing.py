"""The declared preprocessing steps. They are applied when a data set is written and nowhere else.

Integers stay integers: what the chip would have to do to a camera's or sensor's value is exactly what is done here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolchain.datasets.base import DatasetOptionError, shape_text
from toolchain.layers.base import Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

Step = str | Mapping[str, Any]
LUMA = (299, 587, 114)  # thousandths of red, green, blue (ITU-R BT.601); they add up to 1000, so that grey stays grey


def output_shape(steps: Sequence[Step], shape: Shape) -> Shape:
    """The shape of a sample after all steps. Raises DatasetOptionError naming the step that cannot be applied."""
    for index, step in enumerate(steps):
        if step == "grayscale":
            shape = _grayscale_shape(shape, index)
        else:
            shape = _downsample_shape(shape, _factor(step), index)
    return shape


def apply(steps: Sequence[Step], x: np.ndarray) -> np.ndarray:
    """All steps, in order, on samples (n, *shape) of uint8 or float32; the type stays."""
    output_shape(steps, x.shape[1:])
    for step in steps:
        x = grayscale(x) if step == "grayscale" else downsample(x, _factor(step))
    return x


def grayscale(x: np.ndarray) -> np.ndarray:
    """Samples (n, height, width, 3) to (n, height, width); (n, height, width, 1) loses its last axis."""
    if x.shape[-1] == 1:
        return x[..., 0]
    if x.dtype == np.uint8:
        weighted = np.tensordot(x.astype(np.int32), np.array(LUMA, dtype=np.int32), axes=([-1], [0]))
        return ((weighted + 500) // 1000).astype(np.uint8)
    return (x.astype(np.float64) @ (np.array(LUMA) / 1000)).astype(np.float32)


def downsample(x: np.ndarray, factor: int) -> np.ndarray:
    """The mean of each block of factor × factor pixels, halves rounded up; x is (n, height, width[, channels])."""
    count, height, width, *channels = x.shape
    blocks = x.reshape(count, height // factor, factor, width // factor, factor, *channels)
    area = factor * factor
    if x.dtype == np.uint8:
        sums = blocks.sum(axis=(2, 4), dtype=np.int64)
        mean: np.ndarray = (2 * sums + area) // (2 * area)
        return mean.astype(np.uint8)
    mean = blocks.mean(axis=(2, 4), dtype=np.float64)
    return mean.astype(np.float32)


def _factor(step: Step) -> int:
    assert isinstance(step, Mapping)
    return int(step["downsample"])


def _grayscale_shape(shape: Shape, index: int) -> Shape:
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise DatasetOptionError(
            f"grayscale takes height × width × 3 (red, green, blue), and the samples here are {shape_text(shape)}",
            "preprocess",
            index,
        )
    return shape[:2]


def _downsample_shape(shape: Shape, factor: int, index: int) -> Shape:
    if len(shape) not in (2, 3):
        raise DatasetOptionError(
            f"downsample takes images (height × width), and the samples here are {shape_text(shape)}",
            "preprocess",
            index,
        )
    if shape[0] % factor or shape[1] % factor:
        raise DatasetOptionError(
            f"downsample: {factor} does not divide {shape_text(shape[:2])} pixels; choose a divisor of both",
            "preprocess",
            index,
        )
    return (shape[0] // factor, shape[1] // factor, *shape[2:])
