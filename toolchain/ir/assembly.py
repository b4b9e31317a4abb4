"""What every importer builds: a float graph, layer by layer, each refusal with the layer's and the operator's name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from toolchain.datasets.base import goes_with, shape_text
from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Operator
from toolchain.layers.activation import Activation, activation
from toolchain.layers.base import Shape
from toolchain.layers.normalization import Scaling
from toolchain.layers.reshape import Permute, Reshape

INPUT = "input"
NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "softmax", "softplus")
KEEPS_SIGN = ("flatten", "reshape", "permute", "concatenate", "zero_padding", "max_pooling", "average_pooling")
"""Kinds of layers that put out nothing negative if they take in nothing negative."""


class WrongInputError(GoldcrestError):
    """The manifest's ``input.shape`` is not what the file's network takes."""

    key_path = ("input", "shape")


class RefusedError(GoldcrestError):
    """What the file holds and cannot be computed exactly."""

    def __init__(self, layer: str, operator: str, reason: str) -> None:
        super().__init__(f"layer {layer} ({operator}): {reason}")


@dataclass
class Assembly:
    """A graph under construction. ``raw`` is the type of the samples that the manifest declares."""

    raw: Tensor
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def begin(self, wanted: Shape) -> str:
        """The tensor that the file's own input is, of shape ``wanted``; the samples may be it in another shape.

        Raises WrongInputError if they cannot be read so.
        """
        self.shapes[INPUT] = self.raw.shape
        if wanted == self.raw.shape:
            return INPUT
        if not goes_with(self.raw.shape, wanted):
            raise WrongInputError(
                f"the network takes {shape_text(wanted)} values, and `input.shape` is {shape_text(self.raw.shape)}; "
                f"write `shape: {list(wanted)}`"
            )
        return self.add("input_shape", "Reshape", Reshape(wanted), INPUT)

    def add(self, name: str, what: str, operator: Operator, *inputs: str) -> str:
        """Appends a layer and returns its name, which is made unique. ``what`` is the operator as the file calls it.

        Raises RefusedError if the operator does not take these inputs.
        """
        try:
            shape = operator.output_shape(*(self.shapes[each] for each in inputs))
        except (ValueError, LayerError) as error:
            raise RefusedError(name, what, str(error)) from error
        unique = self.unique(name)
        self.layers.append(Layer(unique, inputs, operator, Tensor(shape)))
        self.shapes[unique] = shape
        return unique

    def function(self, name: str, what: str, function: str, source: str, alpha: float | None = None) -> str:
        """Appends an activation function; of ``linear`` there is nothing to compute."""
        if function == "linear":
            return source
        try:
            operator = activation(function, alpha)
        except LayerError as error:
            raise RefusedError(name, what, str(error)) from error
        return self.add(name, what, operator, source)

    def moved(self, name: str, source: str, axes: Shape) -> str:
        """The tensor with its axes in another order (from 0, the batch not counted)."""
        if axes == tuple(range(len(axes))):
            return source
        return self.add(f"{name}_order", "Transpose", Permute(tuple(axis + 1 for axis in axes)), source)

    def never_negative(self, name: str) -> bool:
        """Whether the tensor is known to hold nothing below zero; so are the samples taken to be, in any shape."""
        layer = next((layer for layer in self.layers if layer.name == name), None)
        if layer is None:
            return True
        if isinstance(layer.operator, Activation):
            return layer.operator.function in NEVER_NEGATIVE
        return layer.operator.kind in KEEPS_SIGN and all(self.never_negative(source) for source in layer.inputs)

    def unique(self, name: str) -> str:
        """``name`` as reports and the generated C can call it, with a number if there is one of that name already."""
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "layer"
        plain = plain if plain[0].isalpha() else f"layer_{plain}"
        unique, number = plain, 1
        while unique in self.shapes:
            number += 1
            unique = f"{plain}_{number}"
        return unique

    def graph(self, name: str, encoding: Encoding, output: str) -> Graph:
        """The graph whose result is ``output``, without what nothing reads. Raises GoldcrestError if it is empty."""
        needed = {output}
        for layer in reversed(self.layers):
            if layer.name in needed:
                needed.update(layer.inputs)
        layers = tuple(layer for layer in self.layers if layer.name in needed)
        if not layers:
            raise GoldcrestError("no layer computes anything")
        return verify(Graph(name, self.raw, encoding, layers))


def scaling(operation: str, constant: np.ndarray, constant_first: bool) -> Scaling | None:
    """``x + c`` and its like with a constant (channels,) or (1,), as a scale and an offset; None for ``c / x``."""
    constant = constant.astype(np.float64)
    one, zero = np.ones(1), np.zeros(1)
    if operation == "add":
        return Scaling(one, constant)
    if operation == "sub":
        return Scaling(-one, constant) if constant_first else Scaling(one, -constant)
    if operation == "mul":
        return Scaling(constant, zero)
    return None if constant_first or not constant.all() else Scaling(1 / constant, zero)
