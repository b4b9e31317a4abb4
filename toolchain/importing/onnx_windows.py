"""ONNX operators that slide a window over an image or a sequence, and the zeros around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.importing.onnx_values import Node, Reader, Value
from toolchain.ir.operators import Operator
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Shape
from toolchain.layers.convolution import Convolution
from toolchain.layers.depthwise_convolution import DepthwiseConvolution
from toolchain.layers.padding import Margins, Pad
from toolchain.layers.pooling import AveragePooling, MaxPooling


def conv(reader: Reader, node: Node) -> None:
    source = reader.channels_last(node, reader.value(node, 0))
    weights = reader.constant(node, 1)  # (filters, channels of a group, *kernel)
    filters, inside, kernel = weights.shape[0], weights.shape[1], weights.shape[2:]
    if len(kernel) != len(source.shape) - 1 or len(kernel) not in (1, 2):
        raise node.refuse(f"a window of {len(kernel)} axes over an input of shape {source.shape} is not supported")
    stride, dilation = _axes(node, "strides", len(kernel)), _axes(node, "dilations", len(kernel))
    source, padding = _padding(reader, node, source, kernel, stride, dilation)
    bias = reader.constant(node, 2, np.zeros(filters)).astype(np.float32)
    image = weights if len(kernel) == 2 else weights[:, :, np.newaxis]
    taps = image.transpose(2, 3, 1, 0).astype(np.float32)  # (height, width, channels, filters)
    both = [geometry.pair(value if len(value) == 2 else (1, *value)) for value in (stride, dilation)]
    groups, channels = node.options.get("group", 1), source.shape[0]
    if groups == 1:
        operator: Convolution | DepthwiseConvolution = Convolution(taps, bias, both[0], padding, both[1])
    elif groups == channels and inside == 1:
        own = taps.reshape(*taps.shape[:2], channels, filters // channels)
        operator = DepthwiseConvolution(own, bias, both[0], padding, both[1])
    else:
        raise node.refuse(f"{groups} groups of channels are not supported; 1, or one a channel")
    _spatial(reader, node, operator, source, filters)


def pool(reader: Reader, node: Node, largest: bool) -> None:
    source = reader.channels_last(node, reader.value(node, 0))
    size = tuple(node.options["kernel_shape"])
    stride, dilation = _axes(node, "strides", len(size)), _axes(node, "dilations", len(size))
    if max(dilation) > 1:
        raise node.refuse("dilated pooling is not supported; use a dilation of 1")
    around = _pads(node, source, size, stride, dilation)
    if node.options.get("ceil_mode", 0) and any(
        (extent + sum(pair) - width) % step
        for extent, pair, width, step in zip(source.shape[1:], around, size, stride, strict=True)
    ):
        raise node.refuse("ceil_mode puts out windows that reach over the edge; pad the input, or use ceil_mode=0")
    counted = bool(node.options.get("count_include_pad", 0)) and not largest
    padding = "valid"
    if counted:
        source = _zeros(reader, node, source, around)
    elif any(map(sum, around)):
        padding = "same"
        if around != _same(source, size, stride, dilation):
            raise node.refuse(f"pooling with the padding {around} is not supported; use SAME_UPPER, or none")
    operator = MaxPooling(size, stride, padding) if largest else AveragePooling(size, stride, padding)
    _spatial(reader, node, operator, source, source.shape[0])


def pad(reader: Reader, node: Node) -> None:
    source = reader.channels_last(node, reader.value(node, 0))
    if node.options.get("mode", "constant") != "constant":
        raise node.refuse(f"the mode {node.options['mode']} is not supported; pad with zeros")
    fill = node.options.get("value", 0.0)
    if float(reader.constant(node, 2, np.array(fill)).item()):
        raise node.refuse("only zeros can be put around the input")
    given = reader.numbers(node, "pads", 1) or []
    rank, half = len(source.shape) + 1, len(given) // 2
    axes = reader.numbers(node, "axes", 3)
    named = [axis % rank for axis in (range(rank) if axes is None else axes)]
    pairs = dict(zip(named, zip(given[:half], given[half:], strict=True), strict=True))
    around = tuple(pairs.get(axis, (0, 0)) for axis in range(rank))
    if any(map(sum, around[:2])) or min(given, default=0) < 0:
        raise node.refuse("only rows and columns can be added, not channels or samples")
    reader.put(node, _zeros(reader, node, source, around[2:]))


def _axes(node: Node, option: str, rank: int) -> Shape:
    return tuple(node.options.get(option, (1,) * rank))


def _same(source: Value, size: Shape, stride: Shape, dilation: Shape) -> Margins:
    extents = source.shape[1:]
    return tuple(geometry.axis_pads(*axis, "same") for axis in zip(extents, size, stride, dilation, strict=True))


def _pads(node: Node, source: Value, size: Shape, stride: Shape, dilation: Shape) -> Margins:
    """What is put before and after each axis of the image."""
    kind = node.options.get("auto_pad", "NOTSET")
    if kind == "VALID":
        return ((0, 0),) * len(size)
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        around = _same(source, size, stride, dilation)
        return around if kind == "SAME_UPPER" else tuple((after, before) for before, after in around)
    given = node.options.get("pads", [0] * 2 * len(size))
    return tuple(zip(given[: len(size)], given[len(size) :], strict=True))


def _padding(
    reader: Reader, node: Node, source: Value, size: Shape, stride: Shape, dilation: Shape
) -> tuple[Value, str]:
    """The padding of a convolution as Keras calls it; one that it has no name for becomes a layer before it."""
    around = _pads(node, source, size, stride, dilation)
    if not any(map(sum, around)):
        return source, "valid"
    if around == _same(source, size, stride, dilation):
        return source, "same"
    return _zeros(reader, node, source, around), "valid"


def _zeros(reader: Reader, node: Node, source: Value, around: Margins) -> Value:
    """Zeros around an image with its channels last."""
    if not any(map(sum, around)):
        return source
    name = reader.assembly.add(f"{node.name}_pad", node.kind, Pad(around), source.name)
    extents = (extent + sum(pair) for extent, pair in zip(source.shape[1:], around, strict=True))
    return replace(source, name=name, shape=(source.shape[0], *extents))


def _spatial(reader: Reader, node: Node, operator: Operator, source: Value, channels: int) -> None:
    """Appends a layer over rows and columns, and notes the shape that it gives."""
    name = reader.assembly.add(node.name, node.kind, operator, source.name)
    reader.put(node, Value(name, (channels, *reader.assembly.shapes[name][:-1]), source.axes))
