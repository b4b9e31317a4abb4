"""Where the windows of a convolution lie: options, output sizes and padding that all convolution kinds share.

Says nothing about arithmetic, so that reading a manifest needs no numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.errors import LayerError
from toolchain.layers.base import Option, Options, Shape

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]  # rows above, rows below, columns to the left, columns to the right

FILTERS = Option("filters", {"type": "integer", "minimum": 1, "description": "Number of output channels."})
BIAS = Option("bias", {"type": "boolean", "default": True, "description": "Whether a bias is added to each output."})
PADDING = Option(
    "padding",
    {
        "enum": ["valid", "same"],
        "default": "valid",
        "description": "valid: only windows inside the input; same: zeros around it, so that stride 1 keeps the size.",
    },
)


def pair_option(name: str, description: str, default: int | None = None) -> Option:
    """An option that is one whole number for both axes, or [height, width]."""
    one = {"type": "integer", "minimum": 1}
    both = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    schema: dict[str, Any] = {"anyOf": [one, both], "description": description}
    if default is not None:
        schema["default"] = default
    return Option(name, schema)


def number_option(name: str, description: str, default: int | None = None) -> Option:
    """An option that is one whole number."""
    schema: dict[str, Any] = {"type": "integer", "minimum": 1, "description": description}
    if default is not None:
        schema["default"] = default
    return Option(name, schema)


KERNEL = pair_option("kernel", "Size of the window, in pixels: one number, or [height, width].")
STRIDE = pair_option("stride", "Pixels from one window to the next: one number, or [down, right].", 1)
DILATION = pair_option("dilation", "Distance between the pixels of a window: one number, or [down, right].", 1)


def pair(value: int | Sequence[int]) -> Pair:
    """Both axes' values of such an option."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def reach(kernel: int, dilation: int) -> int:
    """Pixels from the first to the last of a window, both included."""
    return (kernel - 1) * dilation + 1


def axis_pads(size: int, kernel: int, stride: int, dilation: int, padding: str) -> Pair:
    """Padding before and after one axis, as Keras has it: the odd pixel of `same` goes after."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach(kernel, dilation) - 1, 0
    total = max((-(-size // stride) - 1) * stride + reach(kernel, dilation) - size, 0)
    return total // 2, total - total // 2


def pads(shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: str) -> Pads:
    """The padding around an input of (height, width, …); a causal one pads the left only."""
    vertical = "valid" if padding == "causal" else padding
    top, bottom = axis_pads(shape[0], kernel[0], stride[0], dilation[0], vertical)
    left, right = axis_pads(shape[1], kernel[1], stride[1], dilation[1], padding)
    return top, bottom, left, right


def windows(shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, around: Pads) -> Pair:
    """How many windows fit down and across. Raises ValueError if none does."""
    rows = shape[0] + around[0] + around[1] - reach(kernel[0], dilation[0])
    columns = shape[1] + around[2] + around[3] - reach(kernel[1], dilation[1])
    if rows < 0 or columns < 0:
        raise ValueError(
            f"a window of {reach(kernel[0], dilation[0])} × {reach(kernel[1], dilation[1])} pixels "
            f"does not fit into {shape[0]} × {shape[1]}"
        )
    return rows // stride[0] + 1, columns // stride[1] + 1


def as_image(shape: Shape) -> Shape:
    """A sequence (length, channels) is an image of one row."""
    return (1, *shape) if len(shape) == 2 else shape


def output_shape(
    shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, around: Pads, pool: int, channels: int
) -> Shape:
    """The shape after convolving and pooling; a sequence stays one. Raises ValueError if no window fits."""
    rows, columns = windows(as_image(shape), kernel, stride, dilation, around)
    if min(rows, columns) < pool:
        raise ValueError(f"pooling over {pool} × {pool} does not fit into {rows} × {columns}")
    full = (rows // pool, columns // pool, channels)
    return full[1:] if len(shape) == 2 else full


def positions(output: Shape, pool: int) -> int:
    """How many windows are computed for an output of this shape."""
    image = as_image(output)
    return image[0] * image[1] * pool * pool


def row_distance(shape: Shape, output: Shape, step: int, top: int) -> int:
    """How many bytes the output must begin before the input so as to grow only over rows that are read no more.

    ``step`` is how many rows of the input lie between two rows of the output, ``top`` the padding above.
    """
    rows, columns, channels = as_image(shape)
    down, across, filters = as_image(output)
    ends = [(row + 1) * across * filters for row in range(down)]
    starts = [min(max(0, row * step - top), rows) * columns * channels for row in range(down)]
    return max(end - start for end, start in zip(ends, starts, strict=True))


def tap_range(bounds: Pair, around: Pads, code: int) -> Pair:
    """The least and greatest code under a window, which may hang over the border, where ``code`` stands."""
    return (min(bounds[0], code), max(bounds[1], code)) if any(around) else bounds


def checked_windows(options: Options, shape: Shape) -> Pair:
    """How many windows a layer of these options has on (height, width, channels).

    Raises LayerError, naming the option, for an input of another form, for windows that do not fit, and for what Keras
    cannot train (a stride together with a dilation).
    """
    if len(shape) != 3:
        raise LayerError(
            f"a convolution takes height × width × channels, and this layer gets {' × '.join(map(str, shape))}; "
            "declare input.shape as [height, width, channels], or put `- reshape` before it"
        )
    kernel, stride, dilation = (pair(options.get(name, 1)) for name in ("kernel", "stride", "dilation"))
    if max(stride) > 1 and max(dilation) > 1:
        message = "a stride and a dilation do not go together (Keras cannot train it): leave one at 1"
        raise LayerError(message, "dilation")
    try:
        return windows(shape, kernel, stride, dilation, pads(shape, kernel, stride, dilation, options["padding"]))
    except ValueError as error:
        raise LayerError(f"{error}; a smaller kernel or `padding: same` would", "kernel") from error


def check_keras(config: Mapping[str, Any]) -> None:
    """Raises LayerError for what a Keras convolution may be and ours is not."""
    if config.get("data_format", "channels_last") not in (None, "channels_last"):
        raise LayerError("channels come last here (data_format `channels_last`), and this layer has them first")
    if config.get("groups", 1) != 1:
        raise LayerError(f"convolutions in {config['groups']} groups are not supported")


def keras_geometry(config: Mapping[str, Any]) -> tuple[Pair, str, Pair]:
    """Stride, padding and dilation of a Keras configuration, for one axis or two."""
    stride, dilation = (
        (1, *value) if len(value) == 1 else tuple(value) for value in (config["strides"], config["dilation_rate"])
    )
    return pair(stride), config["padding"], pair(dilation)


def keras_words(options: Options, name: str) -> dict[str, Any]:
    """What every convolution layer of Keras is told beside its widths and its kernel."""
    return {
        "strides": options["stride"],
        "padding": options["padding"],
        "dilation_rate": options["dilation"],
        "use_bias": options["bias"],
        "name": name,
    }
