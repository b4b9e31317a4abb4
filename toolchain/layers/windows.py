"""What layers that slide a window over their input have in common: the options, the geometry, the windows themselves.

Positions are rows and columns of an image, or the steps of a sequence; the channels come last. Padding is Keras's:
``valid`` drops what a whole window does not reach, ``same`` puts out ceil(extent / stride) values and surrounds the
input with what is missing, the odd row or column at the bottom or right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.layers.base import Option, Options, Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

PADDING = Option(
    "padding",
    {
        "enum": ["valid", "same"],
        "default": "valid",
        "description": "valid: whole windows only; same: edges are filled up; with a stride of 1 the size stays.",
    },
)


def check_rank(shape: Shape, rank: int) -> None:
    """Raises LayerError unless a shape is that of an image (rank 2) or a sequence (1), with its channels."""
    if len(shape) != rank + 1:
        wanted = "height × width × channels" if rank == 2 else "steps × channels"
        raise LayerError(f"this layer takes {wanted}, and it gets {' × '.join(map(str, shape))}")


def check_channels_last(config: Mapping[str, Any]) -> None:
    """Raises LayerError if a Keras layer's configuration has the channels first."""
    if config.get("data_format", "channels_last") not in (None, "channels_last"):
        raise LayerError("channels must come last; train it with data_format='channels_last'")


def extents(value: Any, rank: int) -> Shape:
    """An option that is one number for all axes, or a list of one each."""
    return tuple(int(item) for item in value) if isinstance(value, Iterable) else (int(value),) * rank


def padded_count(extent: int, size: int, stride: int, padding: str) -> tuple[int, int, int]:
    """How many windows lie along an axis, and by how much it is padded before and after."""
    if padding == "valid":
        return max(0, (extent - size) // stride + 1), 0, 0
    count = -(-extent // stride)
    total = max((count - 1) * stride + size - extent, 0)
    return count, total // 2, total - total // 2


def sliding_shape(shape: Shape, size: Shape, stride: Shape, padding: str) -> Shape:
    """The output's shape, the channels as they were. Raises LayerError if no window fits."""
    check_rank(shape, len(size))
    counts = tuple(padded_count(*axis, padding)[0] for axis in zip(shape, size, stride, strict=False))
    if min(counts) < 1:
        window, pixels = " × ".join(map(str, size)), " × ".join(map(str, shape[:-1]))
        raise LayerError(f"a window of {window} does not fit into {pixels}", "size")
    return (*counts, shape[-1])


def windows(values: np.ndarray, size: Shape, stride: Shape, padding: str, fill: float) -> np.ndarray:
    """The windows of (batch, *positions, channels) as (batch, *windows, values of a window, channels).

    What lies outside of the input reads as ``fill``.
    """
    rank = len(size)
    axes = [padded_count(*axis, padding) for axis in zip(values.shape[1:], size, stride, strict=False)]
    values = np.pad(values, [(0, 0), *((before, after) for _, before, after in axes), (0, 0)], constant_values=fill)
    found = np.lib.stride_tricks.sliding_window_view(values, size, axis=tuple(range(1, rank + 1)))
    found = found[(slice(None), *(slice(None, None, step) for step in stride))]
    found = np.moveaxis(found, rank + 1, -1)
    counts = tuple(count for count, _, _ in axes)
    return found.reshape(len(values), *counts, -1, found.shape[-1])


def keras_windows(config: Mapping[str, Any], size_key: str) -> tuple[Shape, Shape, str]:
    """Size, stride and padding of a Keras layer's configuration. Raises LayerError for other padding."""
    size = tuple(config[size_key])
    stride = tuple(config.get("strides") or size)
    padding = config.get("padding", "valid")
    if padding not in ("valid", "same"):
        raise LayerError(f"padding {padding!r} is not supported; use valid or same")
    check_channels_last(config)
    return size, stride, padding


def keras_options(options: Options) -> dict[str, Any]:
    """Stride and padding as Keras wants them; a stride of nothing means that windows do not overlap."""
    return {"strides": options["stride"], "padding": options["padding"]}
