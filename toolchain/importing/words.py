"""An imported network as a plan has that of a manifest, by which memory and time are estimated before it is built.

Files have layers for which a manifest has no words (pooling that keeps its axes, a stride together with a dilation). So
each entry brings what a layer kind would count from its options: the shape of its output, weights, biases and products.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolchain.ir.graph import Graph
from toolchain.ir.operators import Operator
from toolchain.layers.activation import Activation
from toolchain.layers.base import Shape
from toolchain.layers.convolution_base import FloatWindowed
from toolchain.layers.dense import Dense
from toolchain.layers.normalization import Scaling
from toolchain.layers.pooling import GlobalPooling, MaxPooling
from toolchain.layers.recurrent import Recurrent
from toolchain.layers.separable_convolution import SeparableConvolution

Words = dict[str, Any]


def network(graph: Graph) -> list[Words]:
    """The layers of a float graph, in their order, as plain JSON values."""
    found = []
    for layer in graph.layers:
        sources = [graph.tensor(name).shape for name in layer.inputs]
        entry = {"name": layer.name, "inputs": list(layer.inputs), "output": list(layer.output.shape)}
        found.append({**described(layer.operator, sources[0]), **entry, "counts": counts(layer.operator, sources)})
    return found


def described(operator: Operator, source: Shape) -> Words:
    """The kind that a manifest would name, with those of its options that decide about kernels and memory."""
    if isinstance(operator, Activation):
        return {"kind": "activation", "function": operator.function}
    if isinstance(operator, Scaling):
        return {"kind": "batch_normalization"}
    if isinstance(operator, GlobalPooling):
        return {"kind": f"global_{'max' if operator.largest else 'average'}_pooling"}
    if isinstance(operator, Recurrent):
        return {"kind": operator.cell, "units": operator.units}
    if isinstance(operator, MaxPooling):
        windows = {"size": list(operator.size), "stride": list(operator.stride)}
        return {"kind": "max_pooling" if len(source) == 3 else "max_pooling_1d", **windows}
    if isinstance(operator, FloatWindowed):
        geometry = {name: list(getattr(operator, name)) for name in ("kernel", "stride", "dilation")}
        kind = "convolution_1d" if len(source) == 2 else operator.kind
        return {"kind": kind, "filters": operator.filters, "padding": operator.padding, **geometry}
    return {"kind": operator.kind}


def counts(operator: Operator, sources: list[Shape]) -> dict[str, int]:
    """Weights and biases, the products of one inference, and the least of them: those without padding."""
    if isinstance(operator, SeparableConvolution):
        parts = [counts(operator.depthwise, sources)]
        parts.append(counts(operator.pointwise, [operator.depthwise.output_shape(*sources)]))
        biases = operator.pointwise.bias.size  # the part that goes before has none of its own
        return {**{key: sum(part[key] for part in parts) for key in parts[0]}, "biases": biases}
    products = operator.products(*sources)
    found = {"weights": 0, "biases": 0, "products": products, "least_products": products}
    if isinstance(operator, Dense | FloatWindowed):
        found |= {"weights": operator.weights.size, "biases": operator.bias.size}
    if isinstance(operator, Recurrent):
        both = operator.cell == "gru" and operator.reset_after
        found |= {"weights": operator.weights.size + operator.recurrent.size, "biases": operator.bias.size * (1 + both)}
    if isinstance(operator, FloatWindowed):
        try:
            found["least_products"] = replace(operator, padding="valid").products(*sources)
        except ValueError:  # a window larger than the image
            found["least_products"] = 0
    return found
