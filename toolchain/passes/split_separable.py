"""Separable convolutions as the two convolutions that they consist of."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir.graph import Graph, Layer, Tensor
from toolchain.layers.separable_convolution import SeparableConvolution


def split_separable(graph: Graph) -> Graph:
    """Put a depthwise and a pointwise convolution in the place of each separable one; the second keeps its name."""
    layers: list[Layer] = []
    for layer in graph.layers:
        if isinstance(layer.operator, SeparableConvolution):
            between = layer.operator.depthwise.output_shape(graph.tensor(layer.inputs[0]).shape)
            first = Layer(f"{layer.name}_depthwise", layer.inputs, layer.operator.depthwise, Tensor(between))
            layers += [first, replace(layer, inputs=(first.name,), operator=layer.operator.pointwise)]
        else:
            layers.append(layer)
    return replace(graph, layers=tuple(layers))
