"""Values of an ONNX graph while it is read: which layer puts them out, and in which order their axes stand here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from toolchain.ir.assembly import Assembly, RefusedError
from toolchain.ir.operators import Operator
from toolchain.layers.base import Shape
from toolchain.layers.flatten import Flatten
from toolchain.layers.reshape import Reshape


@dataclass(frozen=True)
class Value:
    """``shape`` is ONNX's, without the batch; our axis k is ONNX's axis ``axes[k]``.

    ``order``, of a flat value that was an image: our entry k is ONNX's entry ``order[k]``. None: they are the same.
    """

    name: str
    shape: Shape
    axes: Shape
    order: np.ndarray | None = None

    @property
    def ours(self) -> Shape:
        """The shape as it is here."""
        return tuple(self.shape[axis] for axis in self.axes)


@dataclass(frozen=True)
class Node:
    """A node of the graph: its operator, its inputs and outputs by name, its attributes as Python's own types."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any]
    proto: Any

    @classmethod
    def of(cls, proto: Any, index: int) -> Node:
        options = {each.name: helper.get_attribute_value(each) for each in proto.attribute}
        options = {key: value.decode() if isinstance(value, bytes) else value for key, value in options.items()}
        kind = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"
        name = proto.name or f"{proto.op_type.lower()}_{index}"
        return cls(kind, name.strip("/").replace("/", "_"), tuple(proto.input), tuple(proto.output), options, proto)

    def sources(self) -> tuple[str, ...]:
        """The inputs that the outputs depend on."""
        return self.inputs

    def refuse(self, reason: str) -> RefusedError:
        return RefusedError(self.name, self.kind, reason)


@dataclass
class Reader:
    """The state of reading: the layers so far, and what every name of the graph stands for.

    ``opsets`` are the versions of the operators that the file is written in.
    """

    assembly: Assembly
    constants: dict[str, np.ndarray]
    opsets: Sequence[Any] = ()
    values: dict[str, Value] = field(default_factory=dict)

    def value(self, node: Node, index: int) -> Value:
        """An input that depends on the sample."""
        if index >= len(node.inputs) or node.inputs[index] not in self.values:
            raise node.refuse(f"input {index + 1} must come from the network's input, and it is a constant or missing")
        return self.values[node.inputs[index]]

    def constant(self, node: Node, index: int, default: np.ndarray | None = None) -> np.ndarray:
        """An input that does not. An optional one may be missing."""
        name = node.inputs[index] if index < len(node.inputs) else ""
        if not name and default is not None:
            return default
        if name not in self.constants:
            raise node.refuse(f"input {index + 1} must be a constant; its weights or settings are computed or missing")
        return self.constants[name]

    def numbers(self, node: Node, option: str, index: int) -> list[int] | None:
        """Whole numbers that older versions of an operator have as an attribute, newer ones as an input."""
        if option in node.options:
            return [int(each) for each in node.options[option]]
        if index < len(node.inputs) and node.inputs[index]:
            return [int(each) for each in self.constant(node, index).reshape(-1)]
        return None

    def folded(self, node: Node) -> bool:
        """Computes a node whose inputs are all constants (the shape of a value is one), and says whether it was one."""
        if node.kind == "Shape" and node.inputs[0] in self.values:
            extents = np.array([1, *self.values[node.inputs[0]].shape], np.int64)
            end = node.options.get("end", len(extents))
            self.constants[node.outputs[0]] = extents[node.options.get("start", 0) : end]
            return True
        if node.kind == "Constant":
            self.constants[node.outputs[0]] = _constant(node)
            return True
        given = [name for name in node.inputs if name]
        if not given or not all(name in self.constants for name in given):
            return False
        named = [name for name in node.outputs if name]
        try:
            results = self._evaluator(node, given, named).run(None, {name: self.constants[name] for name in given})
        except Exception as error:  # the evaluator raises whatever its operators raise
            reason = str(error) or type(error).__name__
            raise node.refuse(f"it works on constants only, and cannot be computed ({reason})") from error
        self.constants.update(zip(named, (np.asarray(each) for each in results), strict=True))
        return True

    def _evaluator(self, node: Node, given: Sequence[str], named: Sequence[str]) -> ReferenceEvaluator:
        """ONNX's own evaluator of one node, in the version of the file.

        It has the operators of quantized constants in newer versions only, which compute the same of older files.
        """
        if node.kind in ("QuantizeLinear", "DequantizeLinear"):
            return ReferenceEvaluator(node.proto)
        version = max(each.version for each in self.opsets if each.domain in ("", "ai.onnx"))
        if version < 13 and node.kind in ("Softmax", "LogSoftmax", "Hardmax"):
            raise NotImplementedError("before version 13 it goes over all axes from one on")
        inputs, outputs = ([onnx.ValueInfoProto(name=name) for name in names] for names in (given, named))
        graph = helper.make_graph([node.proto], node.name, inputs, outputs)
        return ReferenceEvaluator(helper.make_model(graph, opset_imports=self.opsets))

    def put(self, node: Node, value: Value) -> None:
        self.values[node.outputs[0]] = value

    def add(self, node: Node, operator: Operator, source: Value, shape: Shape | None = None) -> Value:
        """Appends a layer of one input whose output has ONNX's ``shape`` (left out: the input's) in the same order."""
        name = self.assembly.add(node.name, node.kind, operator, source.name)
        return replace(source, name=name, shape=source.shape if shape is None else shape)

    def arranged(self, node: Node, value: Value, axes: Sequence[int]) -> Value:
        """The value with its axes in this order; if need be they are moved (exactly, and at the cost of the copy)."""
        wanted = tuple(axes)
        if value.axes == wanted:
            return value
        if len(wanted) != len(value.shape):
            raise node.refuse(f"{len(wanted)} axes beside the batch are expected, and there are {len(value.shape)}")
        steps = tuple(value.axes.index(axis) for axis in wanted)
        return replace(value, name=self.assembly.moved(node.name, value.name, steps), axes=wanted)

    def channels_last(self, node: Node, value: Value) -> Value:
        """An image or a sequence as our layers take it; ONNX's axis 0 (after the batch) holds the channels."""
        if len(value.shape) == 1:
            return self.plain(node, value)
        return self.arranged(node, value, (*range(1, len(value.shape)), 0))

    def plain(self, node: Node, value: Value) -> Value:
        """The value with all in ONNX's own order."""
        if value.order is not None:
            raise node.refuse("it takes a flattened image value by value; flatten right before the Gemm that reads it")
        return self.arranged(node, value, range(len(value.shape)))

    def flat(self, node: Node, value: Value) -> Value:
        """All in one axis. Channels stay last here, and the order remembers where ONNX has each entry."""
        if len(value.shape) == 1:
            return value
        size = math.prod(value.shape)
        order = np.arange(size).reshape(value.shape).transpose(value.axes).reshape(-1)
        name = self.assembly.add(node.name, node.kind, Flatten(), value.name)
        return Value(name, (size,), (0,), None if np.array_equal(order, np.arange(size)) else order)

    def whole(self, node: Node, value: Value) -> Value:
        """The value as the network puts it out: its entries one after the other in ONNX's order."""
        if value.order is not None:
            raise node.refuse("a flattened image cannot be the output; end with a Gemm")
        inner = [axis for axis in value.axes if value.shape[axis] > 1]
        return value if inner == sorted(inner) else self.plain(node, value)

    def reshaped(self, node: Node, value: Value, shape: Shape) -> Value:
        """The same values read in another shape (ONNX's, without the batch)."""
        if math.prod(shape) != math.prod(value.shape):
            raise node.refuse(f"{value.shape} cannot be read as {shape}; only the batch may be the first axis")
        if len(shape) == 1:
            return self.flat(node, value)
        if shape == value.shape:
            return value
        value = self.plain(node, value)
        name = self.assembly.add(node.name, node.kind, Reshape(shape), value.name)
        return Value(name, shape, tuple(range(len(shape))))

    def per_channel(self, node: Node, value: Value, constant: np.ndarray) -> tuple[Value, np.ndarray]:
        """A constant that is broadcast over all axes but one, as (channels,) or (1,), and the value with that one last.

        Raises RefusedError for one that differs along several axes.
        """
        rank = len(value.shape)
        shape = (1,) * (rank + 1 - constant.ndim) + constant.shape
        if len(shape) != rank + 1 or shape[0] != 1:
            raise node.refuse(f"a constant of shape {constant.shape} would make the output larger than the input")
        varying = [axis for axis in range(rank) if shape[axis + 1] > 1]
        if not varying:
            return value, constant.reshape(1)
        if len(varying) > 1 or shape[varying[0] + 1] != value.shape[varying[0]]:
            raise node.refuse("the constant must be one number, or one a channel")
        entries = constant.reshape(-1)
        if rank == 1:
            return value, entries if value.order is None else entries[value.order]
        others = [axis for axis in value.axes if axis != varying[0]]
        return self.arranged(node, value, (*others, varying[0])), entries


def _constant(node: Node) -> np.ndarray:
    options = node.options
    if "value" in options:
        return numpy_helper.to_array(options["value"])
    for key, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64)):
        if key in options:
            return np.array(options[key], dtype)
    if "value_ints" in options:
        return np.array(options["value_ints"], np.int64)
    raise node.refuse("only numbers can be constants")
