"""relu after max pooling, moved before it: there the convolution can absorb it."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir.graph import Graph
from toolchain.layers.activation import FUSABLE, Activation
from toolchain.layers.pooling import picks_largest


def relu_before_pooling(graph: Graph) -> Graph:
    """Swap each max pooling with the relu or relu6 that alone reads it.

    Exact: the greatest of clamped values is the clamped greatest. It pays only if the layer before can absorb the
    function, so it is done only there; names stay with what a layer computes.
    """
    layers = {layer.name: layer for layer in graph.layers}
    for layer in graph.layers:
        pooling = layers.get(layer.inputs[0])
        if not isinstance(layer.operator, Activation) or layer.operator.function not in FUSABLE or pooling is None:
            continue
        producer = layers.get(pooling.inputs[0])
        if not picks_largest(pooling.operator) or producer is None or len(graph.readers(pooling.name)) > 1:
            continue
        if len(graph.readers(producer.name)) > 1 or producer.operator.fused(layer.operator.function) is None:  # type: ignore
            continue
        # The two layers change places; who read the function now reads the pooling.
        order = list(graph.layers)
        first, second = order.index(next(item for item in order if item.name == pooling.name)), order.index(layer)
        order[first] = replace(layer, inputs=pooling.inputs, output=producer.output)
        order[second] = replace(pooling, inputs=(layer.name,))
        moved = [
            item
            if item.name in (layer.name, pooling.name)
            else replace(item, inputs=tuple(pooling.name if name == layer.name else name for name in item.inputs))
            for item in order
        ]
        return relu_before_pooling(replace(graph, layers=tuple(moved)))
    return graph
