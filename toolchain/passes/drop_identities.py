"""Layers that compute nothing at inference: linear activations."""

from __future__ import annotations

from toolchain.ir.graph import Graph
from toolchain.layers.activation import Activation
from toolchain.passes.rewrite import without


def drop_identities(graph: Graph) -> Graph:
    """Take out what hands its input on unchanged."""
    identities = {
        layer.name: layer.inputs[0]
        for layer in graph.layers
        if isinstance(layer.operator, Activation) and layer.operator.function == "linear"
    }
    return without(graph, identities)
