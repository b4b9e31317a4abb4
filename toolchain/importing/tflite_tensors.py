"""Tensors of a TensorFlow Lite model while it is read: constants as reals, shapes, and the options of operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tflite

from toolchain.ir.assembly import Assembly, RefusedError
from toolchain.ir.operators import Operator
from toolchain.layers.base import Shape
from toolchain.layers.reshape import Reshape

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT8: np.int8,
    tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT16: np.int16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
FUSED = {0: "linear", 1: "relu", 2: "hard_tanh", 3: "relu6", 4: "tanh"}  # ActivationFunctionType
_KINDS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


def operator_name(code: Any) -> str:
    """What an operator is called: of one's own by its own name."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # small numbers stand in the older field
    if number == tflite.BuiltinOperator.CUSTOM:
        return str(code.CustomCode().decode())
    return _KINDS.get(number, f"operator {number}")


@dataclass(frozen=True)
class Node:
    """An operator with the numbers of its tensors; ``name`` is the layer that it was made from."""

    kind: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operator: Any

    def options(self, kind: type[Any]) -> Any:
        """The operator's options, of the class that the format has for it; defaults if the file leaves them out."""
        table = self.operator.BuiltinOptions()
        options = kind()
        if table is None:
            raise self.refuse("its options are missing in the file; convert it again")
        options.Init(table.Bytes, table.Pos)
        return options

    def sources(self) -> tuple[int, ...]:
        """The inputs that the outputs' values depend on; what only computes a new shape is none of them."""
        return self.inputs[:1] if self.kind == "RESHAPE" else self.inputs

    def refuse(self, reason: str) -> RefusedError:
        return RefusedError(self.name, self.kind, reason)


@dataclass
class Reader:
    """The state of reading: the layers so far, and which of them puts out a tensor."""

    assembly: Assembly
    model: Any
    subgraph: Any
    names: dict[int, str] = field(default_factory=dict)
    computed: dict[int, np.ndarray] = field(default_factory=dict)

    def shape(self, tensor: int) -> Shape:
        """The tensor's shape without the batch."""
        written = self.subgraph.Tensors(tensor)
        return tuple(int(written.Shape(k)) for k in range(1, written.ShapeLength()))

    def source(self, node: Node, index: int = 0) -> str:
        """The layer whose output is this input."""
        tensor = node.inputs[index]
        if tensor not in self.names:
            raise node.refuse(f"input {index + 1} must come from the network's input, and it is a constant")
        return self.names[tensor]

    def is_constant(self, tensor: int) -> bool:
        return tensor in self.computed or (tensor >= 0 and self._content(tensor).size > 0)

    def has(self, node: Node, index: int) -> bool:
        """Whether an input that may be left out is there."""
        return index < len(node.inputs) and node.inputs[index] >= 0

    def constant(self, node: Node, index: int) -> np.ndarray:
        """An input that the file holds: integers of a scale as the reals (float64) that they stand for."""
        if not self.has(node, index) or not self.is_constant(node.inputs[index]):
            raise node.refuse(f"input {index + 1} must be a constant; its weights or settings are computed or missing")
        return self.reals(node, node.inputs[index])

    def reals(self, node: Node, number: int) -> np.ndarray:
        if number in self.computed:
            return self.computed[number]
        tensor = self.subgraph.Tensors(number)
        dtype = DTYPES.get(tensor.Type())
        if dtype is None or tensor.Sparsity() is not None:
            raise node.refuse("its constants are stored in a form that is not supported; convert it with 8-bit weights")
        shape = tuple(int(tensor.Shape(k)) for k in range(tensor.ShapeLength()))
        values = np.frombuffer(self._content(number).tobytes(), dtype).reshape(shape)
        quantization = tensor.Quantization()
        if quantization is None or not quantization.ScaleLength():
            return values
        scale = quantization.ScaleAsNumpy().astype(np.float64)
        zero = quantization.ZeroPointAsNumpy().astype(np.float64) if quantization.ZeroPointLength() else np.zeros(1)
        if scale.size > 1:
            axes = [1] * len(shape)
            axes[quantization.QuantizedDimension()] = -1
            scale, zero = scale.reshape(axes), np.broadcast_to(zero, scale.shape).reshape(axes)
        return np.asarray((values - zero) * scale)

    def folded(self, node: Node) -> bool:
        """Computes what only turns a constant into reals (DEQUANTIZE of stored weights); says whether it was that."""
        if node.kind == "DEQUANTIZE" and self.is_constant(node.inputs[0]):
            self.computed[node.outputs[0]] = self.reals(node, node.inputs[0]).astype(np.float64)
            return True
        return False

    def put(self, node: Node, name: str) -> None:
        self.names[node.outputs[0]] = name

    def add(self, node: Node, operator: Operator, *sources: str, activation: int = 0) -> None:
        """Appends the layer, and the activation that is fused with it."""
        name = self.assembly.add(node.name, node.kind, operator, *sources)
        function = FUSED.get(activation)
        if function is None:
            raise node.refuse("a fused sign function is not supported")
        self.put(node, self.assembly.function(f"{node.name}_{function}", node.kind, function, name))

    def in_shape(self, node: Node, source: str, shape: Shape) -> str:
        """The same values in another shape."""
        if self.assembly.shapes[source] == shape:
            return source
        return self.assembly.add(node.name, node.kind, Reshape(shape), source)

    def _content(self, tensor: int) -> np.ndarray:
        buffer = self.model.Buffers(self.subgraph.Tensors(tensor).Buffer())
        return np.asarray(buffer.DataAsNumpy()) if buffer.DataLength() else np.zeros(0, np.uint8)


def axes_of(values: np.ndarray, rank: int) -> Sequence[int]:
    """Axes that a constant names, counted from 0 with the batch."""
    return sorted(int(axis) % rank for axis in values.reshape(-1))
