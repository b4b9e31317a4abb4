"""What each operator of TensorFlow Lite is here: one function an operator, and the table of all of them.

Definitions: https://www.tensorflow.org/mlir/tfl_ops . Channels come last there as they do here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import tflite

from toolchain.importing.tflite_tensors import Node, Reader, axes_of
from toolchain.ir.assembly import scaling
from toolchain.layers.concatenate import Concatenate
from toolchain.layers.convolution import Convolution
from toolchain.layers.dense import Dense
from toolchain.layers.depthwise_convolution import DepthwiseConvolution
from toolchain.layers.merge import Add, Multiply
from toolchain.layers.padding import Pad
from toolchain.layers.pooling import AveragePooling, GlobalPooling, MaxPooling
from toolchain.layers.reshape import Permute

Read = Callable[[Reader, Node], None]
PADDINGS = {tflite.Padding.SAME: "same", tflite.Padding.VALID: "valid"}
MERGES = {"add": Add(), "sub": Add((1.0, -1.0)), "mul": Multiply()}


def fully_connected(reader: Reader, node: Node) -> None:
    options = node.options(tflite.FullyConnectedOptions)
    if options.WeightsFormat():
        raise node.refuse("shuffled weights are not supported; convert it anew")
    matrix = reader.constant(node, 1)  # (outputs, inputs)
    source = reader.source(node)
    if math.prod(reader.assembly.shapes[source]) != matrix.shape[1]:
        raise node.refuse(f"it takes {matrix.shape[1]} values at each of several places; flatten the input before")
    source = reader.in_shape(node, source, (matrix.shape[1],))
    operator = Dense(matrix.T.astype(np.float32), _bias(reader, node, matrix.shape[0]))
    reader.add(node, operator, source, activation=options.FusedActivationFunction())


def conv_2d(reader: Reader, node: Node) -> None:
    options = node.options(tflite.Conv2DOptions)
    taps = reader.constant(node, 1).transpose(1, 2, 3, 0)  # (filters, height, width, channels)
    source = reader.source(node)
    if taps.shape[2] != reader.assembly.shapes[source][-1]:
        raise node.refuse("convolutions in groups of channels are not supported")
    bias = _bias(reader, node, taps.shape[3])
    operator = Convolution(
        taps.astype(np.float32), bias, _stride(options), PADDINGS[options.Padding()], _dilation(options)
    )
    reader.add(node, operator, source, activation=options.FusedActivationFunction())


def depthwise_conv_2d(reader: Reader, node: Node) -> None:
    options = node.options(tflite.DepthwiseConv2DOptions)
    taps = reader.constant(node, 1)[0]  # (height, width, channels × multiplier)
    source = reader.source(node)
    channels = reader.assembly.shapes[source][-1]
    own = taps.reshape(*taps.shape[:2], channels, -1).astype(np.float32)
    bias = _bias(reader, node, taps.shape[2])
    operator = DepthwiseConvolution(own, bias, _stride(options), PADDINGS[options.Padding()], _dilation(options))
    reader.add(node, operator, source, activation=options.FusedActivationFunction())


def pool_2d(reader: Reader, node: Node, largest: bool) -> None:
    options = node.options(tflite.Pool2DOptions)
    size = (options.FilterHeight(), options.FilterWidth())
    kind = MaxPooling if largest else AveragePooling
    operator = kind(size, _stride(options), PADDINGS[options.Padding()])
    reader.add(node, operator, reader.source(node), activation=options.FusedActivationFunction())


def reduce(reader: Reader, node: Node, largest: bool) -> None:
    source = reader.source(node)
    rank = len(reader.assembly.shapes[source]) + 1
    over = axes_of(reader.constant(node, 1), rank)
    if list(over) != list(range(1, rank - 1)):
        raise node.refuse(f"it must leave the channels, and it goes over the axes {list(over)} of {rank}")
    reader.add(node, GlobalPooling(largest, bool(node.options(tflite.ReducerOptions).KeepDims())), source)


def arithmetic(reader: Reader, node: Node, operation: str, options: type) -> None:
    """ADD, SUB, MUL and DIV: of two values that depend on the sample, or of one and a constant."""
    activation = node.options(options).FusedActivationFunction()
    first, second = (reader.is_constant(tensor) for tensor in node.inputs)
    if not first and not second:
        left, right = reader.source(node, 0), reader.source(node, 1)
        if operation not in MERGES:
            raise node.refuse("the quotient of two values is not supported")
        reader.add(node, MERGES[operation], left, right, activation=activation)
        return
    source = reader.source(node, int(first))
    constant = reader.constant(node, int(second))
    if constant.size not in (1, constant.shape[-1] if constant.ndim else 1):
        raise node.refuse("the constant must be one number, or one a channel")
    operator = scaling(operation, constant.reshape(-1), first)
    if operator is None:
        raise node.refuse("a division by the input, or by zero, is not supported")
    reader.add(node, operator, source, activation=activation)


def concatenation(reader: Reader, node: Node) -> None:
    options = node.options(tflite.ConcatenationOptions)
    sources = [reader.source(node, index) for index in range(len(node.inputs))]
    axis = options.Axis()
    if axis == 0:
        raise node.refuse("it joins samples of a batch")
    reader.add(node, Concatenate(axis), *sources, activation=options.FusedActivationFunction())


def reshape(reader: Reader, node: Node) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: what they put out says all."""
    reader.put(node, reader.in_shape(node, reader.source(node), reader.shape(node.outputs[0])))


def transpose(reader: Reader, node: Node) -> None:
    axes = [int(axis) for axis in reader.constant(node, 1).reshape(-1)]
    if axes[0] != 0:
        raise node.refuse("it moves the batch")
    reader.add(node, Permute(tuple(axes[1:])), reader.source(node))


def pad(reader: Reader, node: Node) -> None:
    around = [(int(before), int(after)) for before, after in reader.constant(node, 1)]
    if reader.has(node, 2) and reader.constant(node, 2).any():
        raise node.refuse("only zeros can be put around the input")
    if any(around[0]) or any(around[-1]):
        raise node.refuse("only rows and columns can be added, not channels or samples")
    reader.add(node, Pad(tuple(around[1:-1])), reader.source(node))


def function(reader: Reader, node: Node, name: str) -> None:
    source = reader.source(node)
    reader.put(node, reader.assembly.function(node.name, node.kind, name, source))


def leaky_relu(reader: Reader, node: Node) -> None:
    alpha = float(node.options(tflite.LeakyReluOptions).Alpha())
    reader.put(node, reader.assembly.function(node.name, node.kind, "leaky_relu", reader.source(node), alpha))


def gelu(reader: Reader, node: Node) -> None:
    if node.options(tflite.GeluOptions).Approximate():
        raise node.refuse("the approximation by tanh is another function; use the exact one")
    function(reader, node, "gelu")


def softmax(reader: Reader, node: Node) -> None:
    beta = node.options(tflite.SoftmaxOptions).Beta()
    if beta != 1:
        raise node.refuse(f"a beta of {beta:g} is not supported; scale the inputs instead")
    function(reader, node, "softmax")


def same(reader: Reader, node: Node) -> None:
    """QUANTIZE and DEQUANTIZE: our own quantization decides where integers begin and end."""
    reader.put(node, reader.source(node))


def _bias(reader: Reader, node: Node, outputs: int) -> np.ndarray:
    return reader.constant(node, 2).astype(np.float32) if reader.has(node, 2) else np.zeros(outputs, np.float32)


def _stride(options: object) -> tuple[int, int]:
    return options.StrideH(), options.StrideW()  # type: ignore[attr-defined]


def _dilation(options: object) -> tuple[int, int]:
    return options.DilationHFactor(), options.DilationWFactor()  # type: ignore[attr-defined]


OPERATORS: dict[str, Read] = {
    "ADD": partial(arithmetic, operation="add", options=tflite.AddOptions),
    "AVERAGE_POOL_2D": partial(pool_2d, largest=False),
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": same,
    "DIV": partial(arithmetic, operation="div", options=tflite.DivOptions),
    "ELU": partial(function, name="elu"),
    "EXPAND_DIMS": reshape,
    "FULLY_CONNECTED": fully_connected,
    "GELU": gelu,
    "HARD_SWISH": partial(function, name="hard_silu"),
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": partial(function, name="sigmoid"),
    "MAX_POOL_2D": partial(pool_2d, largest=True),
    "MEAN": partial(reduce, largest=False),
    "MUL": partial(arithmetic, operation="mul", options=tflite.MulOptions),
    "PAD": pad,
    "PADV2": pad,
    "QUANTIZE": same,
    "REDUCE_MAX": partial(reduce, largest=True),
    "RELU": partial(function, name="relu"),
    "RELU6": partial(function, name="relu6"),
    "RELU_N1_TO_1": partial(function, name="hard_tanh"),
    "RESHAPE": reshape,
    "SOFTMAX": softmax,
    "SQUEEZE": reshape,
    "SUB": partial(arithmetic, operation="sub", options=tflite.SubOptions),
    "TANH": partial(function, name="tanh"),
    "TRANSPOSE": transpose,
}
