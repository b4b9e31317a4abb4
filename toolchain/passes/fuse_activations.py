"""Activations that the layer before them can apply while it requantizes."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir.graph import Graph
from toolchain.ir.operators import FloatOperator
from toolchain.layers.activation import Activation
from toolchain.passes.rewrite import without


def fuse_activations(graph: Graph) -> Graph:
    """Fuse each activation into its producer if that has no other reader and can absorb the function.

    A fused function costs no pass over the data, and the producer's output is quantized to the range after it.
    """
    layers = {layer.name: layer for layer in graph.layers}
    removed: dict[str, str] = {}
    for layer in graph.layers:
        producer = layers.get(layer.inputs[0])
        if not isinstance(layer.operator, Activation) or producer is None or len(graph.readers(producer.name)) > 1:
            continue
        assert isinstance(producer.operator, FloatOperator)
        fused = producer.operator.fused(layer.operator.function)
        if fused is not None:
            layers[producer.name] = replace(producer, operator=fused)
            removed[layer.name] = producer.name
    return without(replace(graph, layers=tuple(layers.values())), removed)
