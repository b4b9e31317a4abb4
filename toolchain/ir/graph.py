"""Graphs: tensors, layers in execution order, and the verifier that every pass must satisfy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.ir.operators import Operator
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.layers.base import Shape
else:
    np = LazyModule("numpy")

INTEGER_RANGE = {"int8": (-128, 127), "uint8": (0, 255)}
MOST_CLASSES = 255
"""A class is one byte on the chip, and so is the count of outputs among which the greatest is looked for."""


@dataclass(frozen=True)
class Tensor:
    """The type of a value: shape without the batch axis, and for codes real = scale · (code - zero_point).

    ``low`` and ``high`` are the codes that can occur (inclusive), maybe narrower than the dtype's range: a relu's
    output is never below its zero point. The zero point of the input may be a fraction (an offset of 127.5): it only
    enters biases. ``nonzero`` is the share of codes other than 0 on the calibration set, from which the cost of kernels
    that skip zeros is estimated.
    """

    shape: Shape
    dtype: str = "float32"
    scale: float = 1.0
    zero_point: float = 0
    low: int = 0
    high: int = 0
    nonzero: float = 1.0

    @property
    def size(self) -> int:
        """Number of values, which is the number of bytes of an 8-bit tensor."""
        return math.prod(self.shape)

    def real(self, codes: np.ndarray) -> np.ndarray:
        """The real values (float64) that codes stand for."""
        return self.scale * (codes.astype(np.float64) - self.zero_point)


@dataclass(frozen=True)
class Encoding:
    """How a raw sample becomes the bytes that the chip takes; the host, the firmware and the library use this one.

    Raw bytes (``dtype`` uint8, ``quantize`` false) go in as they are. Other data becomes
    code = clamp(round_half_even((raw + offset) / divide / scale) + zero_point) in the input tensor's dtype.
    ``offset`` and ``divide`` have one entry, or one a feature.
    """

    offset: np.ndarray  # float64 (1,) or the input's shape
    divide: np.ndarray  # float64, same shape
    quantize: bool

    def scaled(self, raw: np.ndarray) -> np.ndarray:
        """The network's real-valued input for raw samples (batch, *shape)."""
        return (raw.astype(np.float64) + self.offset) / self.divide

    def codes(self, raw: np.ndarray, tensor: Tensor) -> np.ndarray:
        """The input codes, in the tensor's dtype. Raises ValueError if raw bytes are due and the samples are not."""
        if self.quantize:
            exact = np.rint(self.scaled(raw) / tensor.scale) + tensor.zero_point
            return np.clip(exact, tensor.low, tensor.high).astype(tensor.dtype)
        codes = raw.astype(np.int64)
        if not np.array_equal(codes, raw) or codes.min(initial=0) < 0 or codes.max(initial=0) > 255:
            raise ValueError("raw input must be whole numbers from 0 to 255")
        return codes.astype(np.uint8)


@dataclass(frozen=True)
class Layer:
    """One operator with the names of the layers it reads (``"input"`` is the graph's input) and its output's type."""

    name: str
    inputs: tuple[str, ...]
    operator: Operator
    output: Tensor


@dataclass(frozen=True)
class Graph:
    """Layers in execution order; the last one's output is the graph's output.

    ``decision`` says how an output becomes a class: ``argmax``, ``threshold`` (one value, class 1 from
    ``threshold`` upward) or ``none`` (regression). Among at most ``MOST_CLASSES`` outputs there is an argmax.
    """

    name: str
    input: Tensor
    encoding: Encoding
    layers: tuple[Layer, ...]
    decision: str = "none"
    threshold: int = 0

    @property
    def output(self) -> Tensor:
        return self.layers[-1].output

    def tensor(self, name: str) -> Tensor:
        """The tensor that the layer ``name`` (or ``"input"``) puts out. Raises KeyError."""
        if name == "input":
            return self.input
        return next(layer.output for layer in self.layers if layer.name == name) if self.has(name) else _missing(name)

    def has(self, name: str) -> bool:
        return any(layer.name == name for layer in self.layers)

    def readers(self, name: str) -> list[Layer]:
        """The layers that read this tensor, in execution order."""
        return [layer for layer in self.layers if name in layer.inputs]

    def values(self, inputs: np.ndarray) -> Iterator[tuple[Layer, list[np.ndarray], np.ndarray]]:
        """Run a batch: each layer with its inputs and output, as they are computed.

        ``inputs`` has shape (batch, *input shape): scaled reals for a float graph, codes for an integer graph.
        """
        known = {"input": inputs}
        last_use = {name: index for index, layer in enumerate(self.layers) for name in layer.inputs}
        for index, layer in enumerate(self.layers):
            operands = [known[name] for name in layer.inputs]
            known[layer.name] = layer.operator.forward(*operands)
            yield layer, operands, known[layer.name]
            for name in layer.inputs:
                if last_use[name] == index:
                    known.pop(name, None)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """The output for a batch of inputs (see ``values``): the integer reference, if the graph is an integer one."""
        result = inputs
        for _layer, _operands, result in self.values(inputs):  # noqa: B007  the last one is the answer
            pass
        return result

    def encode(self, raw: np.ndarray) -> np.ndarray:
        """The codes of raw samples, as the chip takes them: (batch, *shape), uint8 or int8."""
        return self.encoding.codes(raw.reshape(-1, *self.input.shape), self.input)

    def classify(self, outputs: np.ndarray) -> np.ndarray:
        """The class (int64) of each row of outputs; of equal scores the first wins. Zeros for a regression."""
        flat = outputs.reshape(len(outputs), -1)
        if self.decision == "argmax":
            return np.argmax(flat, axis=1)
        if self.decision == "threshold":
            return (flat[:, 0] >= self.threshold).astype(np.int64)
        return np.zeros(len(flat), np.int64)


def _missing(name: str) -> Tensor:
    raise KeyError(name)


class VerifyError(Exception):
    """A pass broke the graph: a defect of the compiler, never of a manifest."""


def verify(graph: Graph) -> Graph:
    """Check that the graph is well formed and return it.

    Names are unique and defined before use, every layer but the last is read, shapes agree with the operators, codes
    lie within their dtype, and scales are positive. Raises VerifyError.
    """
    shapes = {"input": graph.input.shape}
    _verify_tensor("input", graph.input)
    for layer in graph.layers:
        if layer.name in shapes:
            raise VerifyError(f"two layers are called {layer.name!r}")
        for name in layer.inputs:
            if name not in shapes:
                raise VerifyError(f"{layer.name} reads {name!r} before it exists")
        try:
            shape = layer.operator.output_shape(*(shapes[name] for name in layer.inputs))
        except ValueError as error:
            raise VerifyError(f"{layer.name}: {error}") from error
        if tuple(shape) != tuple(layer.output.shape):
            raise VerifyError(f"{layer.name} puts out {shape}, its tensor says {layer.output.shape}")
        _verify_tensor(layer.name, layer.output)
        shapes[layer.name] = layer.output.shape
    for layer in graph.layers[:-1]:
        if not graph.readers(layer.name):
            raise VerifyError(f"nothing reads {layer.name}")
    if graph.decision not in ("argmax", "threshold", "none"):
        raise VerifyError(f"unknown decision {graph.decision!r}")
    if graph.layers and graph.decision == "argmax" and graph.output.size > MOST_CLASSES:
        raise VerifyError(f"a class of {graph.output.size} does not fit a byte")
    return graph


def _verify_tensor(name: str, tensor: Tensor) -> None:
    if tensor.dtype in INTEGER_RANGE:
        low, high = INTEGER_RANGE[tensor.dtype]
        if not low <= tensor.low <= tensor.high <= high:
            raise VerifyError(f"{name}: codes {tensor.low}…{tensor.high} do not fit {tensor.dtype}")
    elif tensor.dtype != "float32":
        raise VerifyError(f"{name}: unknown dtype {tensor.dtype!r}")
    if not tensor.scale > 0 or not math.isfinite(tensor.scale):
        raise VerifyError(f"{name}: scale {tensor.scale} is not a positive number")
