"""What each ONNX operator is here: one function an operator, and the table of all of them.

Definitions: https://onnx.ai/onnx/operators/ . Where versions of an operator differ, all of them are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from onnx import TensorProto, helper

from toolchain.importing.onnx_values import Node, Reader, Value
from toolchain.importing.onnx_windows import conv, pad, pool
from toolchain.ir.assembly import scaling
from toolchain.layers.concatenate import Concatenate
from toolchain.layers.dense import Dense
from toolchain.layers.merge import Add, Multiply
from toolchain.layers.normalization import Scaling
from toolchain.layers.pooling import GlobalPooling

Read = Callable[[Reader, Node], None]
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
CLAMPS = {(0.0, 6.0): "relu6", (-1.0, 1.0): "hard_tanh", (0.0, math.inf): "relu", (-math.inf, math.inf): "linear"}


def gemm(reader: Reader, node: Node) -> None:
    options, matrix = node.options, reader.constant(node, 1)
    if options.get("transA", 0):
        raise node.refuse("a transposed input is not supported; multiply the sample from the left")
    matrix = (matrix.T if options.get("transB", 0) else matrix) * options.get("alpha", 1.0)
    bias = reader.constant(node, 2, np.zeros(1)).reshape(-1) * options.get("beta", 1.0)
    _dense(reader, node, matrix, np.broadcast_to(bias, matrix.shape[1]))


def matmul(reader: Reader, node: Node) -> None:
    matrix = reader.constant(node, 1)
    if matrix.ndim != 2:
        raise node.refuse(f"the constant has {matrix.ndim} axes, and a matrix is expected")
    _dense(reader, node, matrix, np.zeros(matrix.shape[1]))


def _dense(reader: Reader, node: Node, matrix: np.ndarray, bias: np.ndarray) -> None:
    source = reader.value(node, 0)
    if len(source.shape) != 1:
        raise node.refuse(f"it takes a flat input, and this one is {source.shape}; flatten it before")
    rows = matrix if source.order is None else matrix[source.order]
    operator = Dense(rows.astype(np.float32), bias.astype(np.float32))
    name = reader.assembly.add(node.name, node.kind, operator, source.name)
    reader.put(node, Value(name, (matrix.shape[1],), (0,)))


def global_pool(reader: Reader, node: Node, largest: bool) -> None:
    source = reader.value(node, 0)
    _reduce(reader, node, source, list(range(1, len(source.shape))), True, largest)


def reduce(reader: Reader, node: Node, largest: bool) -> None:
    source = reader.value(node, 0)
    axes = reader.numbers(node, "axes", 1)
    if axes is None:
        raise node.refuse("without axes it would join the samples of a batch; name the axes of the image")
    own = sorted((axis if axis >= 0 else axis + len(source.shape) + 1) - 1 for axis in axes)
    if -1 in own:
        raise node.refuse("it reduces over the batch; name the axes of the image only")
    _reduce(reader, node, source, own, bool(node.options.get("keepdims", 1)), largest)


def _reduce(reader: Reader, node: Node, source: Value, over: list[int], keep: bool, largest: bool) -> None:
    rest = [axis for axis in range(len(source.shape)) if axis not in over]
    if len(rest) != 1 or not over:
        raise node.refuse(f"it must leave one axis beside the batch, and it leaves {len(rest)}")
    source = reader.arranged(node, source, (*over, rest[0]))
    name = reader.assembly.add(node.name, node.kind, GlobalPooling(largest, keep), source.name)
    if keep:
        shape = tuple(1 if axis in over else extent for axis, extent in enumerate(source.shape))
        reader.put(node, Value(name, shape, source.axes))
    else:
        reader.put(node, Value(name, (source.shape[rest[0]],), (0,)))


def batch_normalization(reader: Reader, node: Node) -> None:
    if node.options.get("training_mode", 0):
        raise node.refuse("it takes mean and variance of each batch (training_mode); export the model for inference")
    gamma, beta, mean, variance = (reader.constant(node, index).astype(np.float64) for index in range(1, 5))
    scale = gamma / np.sqrt(variance + node.options.get("epsilon", 1e-5))
    offset = beta - mean * scale
    source = reader.value(node, 0)
    if len(source.shape) > 1:
        source = reader.channels_last(node, source)
    elif source.order is not None:
        scale, offset = scale[source.order], offset[source.order]
    reader.put(node, reader.add(node, Scaling(scale, offset), source))


def function(reader: Reader, node: Node, name: str, option: str = "", default: float | None = None) -> None:
    """An activation function of one value; ``option`` is the attribute that holds its parameter."""
    source = reader.value(node, 0)
    alpha = node.options.get(option, default) if option else None
    reader.put(node, replace(source, name=reader.assembly.function(node.name, node.kind, name, source.name, alpha)))


def clip(reader: Reader, node: Node) -> None:
    ends = []
    for index, (option, default) in enumerate((("min", -math.inf), ("max", math.inf)), start=1):
        value = node.options.get(option)
        ends.append(float(reader.constant(node, index, np.array(default)).item() if value is None else value))
    ends = [math.copysign(math.inf, end) if abs(end) > 1e38 else end for end in ends]
    name = CLAMPS.get((ends[0], ends[1]))
    if name is None:
        raise node.refuse(f"a clamp to {ends[0]:g}…{ends[1]:g} is not supported; use 0…6, 0…∞ or -1…1")
    function(reader, node, name)


def hard_sigmoid(reader: Reader, node: Node) -> None:
    alpha, beta = node.options.get("alpha", 0.2), node.options.get("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5:
        raise node.refuse(f"a slope of {alpha:g} is not supported; ours is 1/6, as in Keras 3 and HardSwish")
    function(reader, node, "hard_sigmoid")


def selu(reader: Reader, node: Node) -> None:
    if not {"alpha", "gamma"}.isdisjoint(node.options):
        raise node.refuse("an alpha or gamma of its own is not supported; leave the defaults")
    function(reader, node, "selu")


def gelu(reader: Reader, node: Node) -> None:
    if node.options.get("approximate", "none") != "none":
        raise node.refuse("the approximation by tanh is another function; export the exact one")
    function(reader, node, "gelu")


def softmax(reader: Reader, node: Node) -> None:
    source = reader.value(node, 0)
    axis = node.options.get("axis", -1 if len(source.shape) > 1 else 1)
    if len(source.shape) != 1 or axis not in (1, -1):
        raise node.refuse("softmax is supported over a flat output only; use the last axis of one")
    function(reader, node, "softmax")


def arithmetic(reader: Reader, node: Node, operation: str) -> None:
    """Add, Sub, Mul and Div: of two values that depend on the sample, or of one and a constant."""
    if node.options.get("broadcast", 0):
        raise node.refuse("operators before version 7 line up constants in another way; convert the model to opset 13")
    first = node.inputs[0] in reader.constants
    if not first and node.inputs[1] not in reader.constants:
        _merge(reader, node, operation)
        return
    source, constant = reader.per_channel(node, reader.value(node, int(first)), reader.constant(node, int(not first)))
    operator = scaling(operation, constant, first)
    if operator is None:
        raise node.refuse("a division by the input, or by zero, is not supported")
    reader.put(node, reader.add(node, operator, source))


def _merge(reader: Reader, node: Node, operation: str) -> None:
    left, right = _alike(reader, node, [reader.value(node, 0), reader.value(node, 1)])
    operators = {"add": Add(), "sub": Add((1.0, -1.0)), "mul": Multiply()}
    if operation not in operators:
        raise node.refuse("the quotient of two values is not supported")
    if left.shape != right.shape:
        raise node.refuse(f"values of one shape are expected, not {left.shape} and {right.shape}")
    name = reader.assembly.add(node.name, node.kind, operators[operation], left.name, right.name)
    reader.put(node, replace(left, name=name))


def _alike(reader: Reader, node: Node, values: list[Value]) -> list[Value]:
    """Values with their axes in one order."""
    first = max(values, key=lambda value: value.axes != tuple(range(len(value.axes))))
    values = [reader.arranged(node, value, first.axes) for value in values]
    orders = [value.order for value in values]
    if any(order is not None for order in orders) and not all(
        order is not None and orders[0] is not None and np.array_equal(order, orders[0]) for order in orders
    ):
        raise node.refuse("one input is a flattened image, another is not; flatten after they are joined")
    return values


def concat(reader: Reader, node: Node) -> None:
    values = [reader.value(node, index) for index in range(len(node.inputs))]
    rank = len(values[0].shape)
    axis = node.options["axis"]
    axis = (axis if axis >= 0 else axis + rank + 1) - 1
    if axis < 0:
        raise node.refuse("it joins samples of a batch")
    order = None
    if rank == 1:
        starts = np.cumsum([0, *(value.shape[0] for value in values)])
        parts = [np.arange(v.shape[0]) if v.order is None else v.order for v in values]
        order = np.concatenate([part + start for part, start in zip(parts, starts, strict=False)])
        order = None if np.array_equal(order, np.arange(len(order))) else order
    else:
        values = _alike(reader, node, values)
    axes = values[0].axes
    names = [value.name for value in values]
    name = reader.assembly.add(node.name, node.kind, Concatenate(axes.index(axis) + 1), *names)
    total = sum(value.shape[axis] for value in values)
    shape = tuple(total if k == axis else extent for k, extent in enumerate(values[0].shape))
    reader.put(node, Value(name, shape, axes, order))


def flatten(reader: Reader, node: Node) -> None:
    if node.options.get("axis", 1) != 1:
        raise node.refuse("it must keep the batch apart (axis=1)")
    reader.put(node, reader.flat(node, reader.value(node, 0)))


def reshape(reader: Reader, node: Node) -> None:
    source = reader.value(node, 0)
    given = [int(extent) for extent in reader.constant(node, 1).reshape(-1)]
    whole = [1, *source.shape]
    zeros_copy = not node.options.get("allowzero", 0)
    if given[0] not in (0, 1, -1):
        raise node.refuse("only the batch may be the first axis, and it is reshaped with it")
    filled = [whole[k] if extent == 0 and zeros_copy else extent for k, extent in enumerate(given)]
    total = math.prod(source.shape)
    known = math.prod(extent for extent in filled[1:] if extent != -1)
    shape = tuple(total // max(1, known) if extent == -1 else extent for extent in filled[1:]) or (1,)
    reader.put(node, reader.reshaped(node, source, shape))


def squeeze(reader: Reader, node: Node) -> None:
    source = reader.value(node, 0)
    axes = reader.numbers(node, "axes", 1)
    whole = (1, *source.shape)
    gone = {axis % len(whole) for axis in axes} if axes else {k for k, extent in enumerate(whole) if k and extent == 1}
    if 0 in gone:
        raise node.refuse("it takes the batch away")
    shape = tuple(extent for k, extent in enumerate(whole) if k and k not in gone) or (1,)
    reader.put(node, reader.reshaped(node, source, shape))


def unsqueeze(reader: Reader, node: Node) -> None:
    source = reader.value(node, 0)
    axes = reader.numbers(node, "axes", 1) or []
    rank = len(source.shape) + 1 + len(axes)
    new = {axis % rank for axis in axes}
    if 0 in new:
        raise node.refuse("it puts an axis before the batch")
    rest = iter(source.shape)
    shape = tuple(1 if k in new else next(rest) for k in range(1, rank))
    reader.put(node, reader.reshaped(node, source, shape))


def transpose(reader: Reader, node: Node) -> None:
    source = reader.value(node, 0)
    steps = list(node.options.get("perm", range(len(source.shape), -1, -1)))
    if steps[0] != 0:
        raise node.refuse("it moves the batch")
    olds = [step - 1 for step in steps[1:]]
    shape = tuple(source.shape[axis] for axis in olds)
    reader.put(node, replace(source, shape=shape, axes=tuple(olds.index(axis) for axis in source.axes)))


def same(reader: Reader, node: Node) -> None:
    """What does nothing when a network answers: Identity, and the end of the rounding that we do ourselves."""
    reader.put(node, reader.value(node, 0))


def dropout(reader: Reader, node: Node) -> None:
    if reader.constant(node, 2, np.array(False)).any():
        raise node.refuse("it drops values at random (training_mode); export the model for inference")
    same(reader, node)


def quantize_linear(reader: Reader, node: Node) -> None:
    """Rounding is done by our own quantization; what is left is a relu, if no code stands for a value below zero.

    Tools that quantize take the relu or the clip before such a node away, since it cuts off the same. Samples are taken
    as they come: what a code of the input cannot hold is the quantization's alone.
    """
    source = reader.value(node, 0)
    dtype = helper.tensor_dtype_to_np_dtype(node.options.get("output_dtype") or TensorProto.UINT8)
    zero = reader.constant(node, 2, np.zeros(1, dtype))
    lowest, highest = np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max
    if np.any(zero != lowest) or reader.assembly.never_negative(source.name):
        same(reader, node)
        return
    top = float(reader.constant(node, 1).max()) * (highest - lowest)
    function(reader, node, "relu6" if abs(top - 6) < 0.01 else "relu")


def cast(reader: Reader, node: Node) -> None:
    if node.options["to"] not in FLOATS:
        raise node.refuse("a cast to whole numbers is not supported")
    same(reader, node)


OPERATORS: dict[str, Read] = {
    "Add": partial(arithmetic, operation="add"),
    "AveragePool": partial(pool, largest=False),
    "BatchNormalization": batch_normalization,
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "DequantizeLinear": same,
    "Div": partial(arithmetic, operation="div"),
    "Dropout": dropout,
    "Elu": partial(function, name="elu", option="alpha", default=1.0),
    "Flatten": flatten,
    "Gelu": gelu,
    "Gemm": gemm,
    "GlobalAveragePool": partial(global_pool, largest=False),
    "GlobalMaxPool": partial(global_pool, largest=True),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": partial(function, name="hard_silu"),
    "Identity": same,
    "LeakyRelu": partial(function, name="leaky_relu", option="alpha", default=0.01),
    "MatMul": matmul,
    "MaxPool": partial(pool, largest=True),
    "Mish": partial(function, name="mish"),
    "Mul": partial(arithmetic, operation="mul"),
    "Pad": pad,
    "QuantizeLinear": quantize_linear,
    "ReduceMax": partial(reduce, largest=True),
    "ReduceMean": partial(reduce, largest=False),
    "Relu": partial(function, name="relu"),
    "Reshape": reshape,
    "Selu": selu,
    "Sigmoid": partial(function, name="sigmoid"),
    "Softmax": softmax,
    "Softplus": partial(function, name="softplus"),
    "Softsign": partial(function, name="softsign"),
    "Squeeze": squeeze,
    "Sub": partial(arithmetic, operation="sub"),
    "Tanh": partial(function, name="tanh"),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
