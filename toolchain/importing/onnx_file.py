"""ONNX models: the graph is walked from its input to its output, one function of ``onnx_operators`` a node.

ONNX counts channels first and we count them last. Nothing is moved for that: a value remembers in which order its axes
stand here (``onnx_values``), and the weights of whoever reads it are put in that order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from toolchain.errors import GoldcrestError
from toolchain.importing.onnx_operators import OPERATORS
from toolchain.importing.onnx_values import Node, Reader, Value
from toolchain.importing.walk import walk
from toolchain.ir.assembly import Assembly, RefusedError
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.layers.base import Shape

COLOURS = (1, 3, 4)  # channels of a picture: grey, red-green-blue, and with transparency


def read(path: Path, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    """The float graph of the model at ``path``. Raises GoldcrestError, naming layer and operator, for what we lack."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        raise GoldcrestError(f"{path}: not an ONNX model file ({_first_line(error)}); export it again") from error
    try:
        return _graph(model.graph, model.opset_import, name, encoding, raw)
    except RefusedError as error:
        raise GoldcrestError(f"{path}: {error}") from error


def _graph(graph: Any, opsets: Any, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    nodes = [Node.of(each, index) for index, each in enumerate(graph.node)]
    output = _only(graph.output, "output")
    source = _only([each for each in graph.input if each.name not in constants], "input")
    reader = Reader(Assembly(raw), constants, list(opsets))
    reader.values[source.name] = _input(reader, source, nodes, raw.shape)
    walk(reader, nodes, output.name, OPERATORS)
    last = next(node for node in nodes if output.name in node.outputs)
    return reader.assembly.graph(name, encoding, reader.whole(last, reader.values[output.name]).name)


def _only(entries: Any, what: str) -> Any:
    if len(entries) != 1:
        names = ", ".join(each.name for each in entries)
        message = f"the model has {len(entries)} {what}s ({names}), and one is supported; export it with one"
        raise GoldcrestError(message)
    return entries[0]


def _input(reader: Reader, source: Any, nodes: list[Node], declared: Shape) -> Value:
    """The input. An image has its channels first, unless the manifest, its extents or a Transpose say otherwise."""
    extents = [axis.dim_value if axis.HasField("dim_value") else None for axis in source.type.tensor_type.shape.dim]
    shape = tuple(extents[1:])
    if not extents or len(shape) not in (1, 2, 3) or any(not extent for extent in shape):
        written = " × ".join(str(extent or "?") for extent in extents)
        raise GoldcrestError(f"the input {source.name} is {written}; a batch of samples of a fixed shape is expected")
    known = tuple(int(extent or 0) for extent in shape)
    first_last = (*range(1, len(known)), 0)
    turned = tuple(known[axis] for axis in first_last)
    transposed = any(node.kind == "Transpose" for node in nodes if source.name in node.inputs)
    if declared in (known, turned):
        last = declared == known and (declared != turned or transposed)
    else:  # the samples are flat, or wrong: then the guess is what the message proposes
        last = transposed or (known[-1] in COLOURS and known[0] not in COLOURS)
    if len(known) == 1 or last:
        return Value(reader.assembly.begin(known), known, tuple(range(len(known))))
    return Value(reader.assembly.begin(turned), known, first_last)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
