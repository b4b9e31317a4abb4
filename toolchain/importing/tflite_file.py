"""TensorFlow Lite models, of floats or of 8-bit integers: one function of ``tflite_operators`` an operator.

Integer weights become the reals that they stand for. Quantization then finds its own integers: those of activations on
the calibration samples, and of weights the same ones again wherever a scale a channel is kept (scheme `affine`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tflite

from toolchain.errors import GoldcrestError
from toolchain.importing.tflite_operators import OPERATORS
from toolchain.importing.tflite_tensors import Node, Reader, operator_name
from toolchain.importing.walk import walk
from toolchain.ir.assembly import Assembly, RefusedError
from toolchain.ir.graph import Encoding, Graph, Tensor


def read(path: Path, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    """The float graph of the model at ``path``. Raises GoldcrestError, naming layer and operator, for what we lack."""
    return graph(str(path), path.read_bytes(), name, encoding, raw)


def graph(origin: str, content: bytes, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    """The same of a file's content; ``origin`` names it in errors."""
    if content[4:8] != b"TFL3":
        raise GoldcrestError(f"{origin}: not a TensorFlow Lite model file (it lacks the mark TFL3); convert it again")
    try:
        model = tflite.Model.GetRootAs(content, 0)
        subgraph = model.Subgraphs(0)
        return _graph(model, subgraph, name, encoding, raw)
    except RefusedError as error:
        raise GoldcrestError(f"{origin}: {error}") from error


def _graph(model: Any, subgraph: Any, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    for count, what in ((subgraph.InputsLength(), "input"), (subgraph.OutputsLength(), "output")):
        if count != 1:
            raise GoldcrestError(f"the model has {count} {what}s, and one is supported; convert it with one")
    nodes = [_node(model, subgraph, index) for index in range(subgraph.OperatorsLength())]
    source, output = int(subgraph.Inputs(0)), int(subgraph.Outputs(0))
    reader = Reader(Assembly(raw), model, subgraph)
    reader.names[source] = reader.assembly.begin(reader.shape(source))
    walk(reader, nodes, output, OPERATORS)
    return reader.assembly.graph(name, encoding, reader.names[output])


def _node(model: Any, subgraph: Any, index: int) -> Node:
    operator = subgraph.Operators(index)
    inputs = tuple(int(operator.Inputs(k)) for k in range(operator.InputsLength()))
    outputs = tuple(int(operator.Outputs(k)) for k in range(operator.OutputsLength()))
    kind = operator_name(model.OperatorCodes(operator.OpcodeIndex()))
    return Node(kind, _layer_name(subgraph.Tensors(outputs[0]).Name().decode()), inputs, outputs, operator)


def _layer_name(tensor: str) -> str:
    """The layer in a tensor's name: `model/dense_1/MatMul;model/dense_1/BiasAdd` is dense_1."""
    parts = [part for part in tensor.split(";")[0].split("/") if part]
    return parts[-2] if len(parts) > 1 else (parts or ["layer"])[0]
