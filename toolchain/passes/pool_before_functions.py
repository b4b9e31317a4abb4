"""Max pooling after a table, moved before it: fewer values are looked up, and a convolution can do the pooling."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir.graph import Graph
from toolchain.layers.activation import FUSABLE, Activation
from toolchain.layers.functions import FUNCTIONS
from toolchain.layers.pooling import picks_largest


def pool_before_functions(graph: Graph) -> Graph:
    """Swap each function that only a max pooling reads with that pooling.

    Exact for functions that never fall: the function of the greatest value is the greatest of the functions' values.
    What the layer before can absorb as a clamp stays where it is. Names stay with what a layer computes.
    """
    for first, layer in enumerate(graph.layers):
        function = layer.operator
        if not isinstance(function, Activation) or function.function in (*FUSABLE, "softmax"):
            continue
        readers = graph.readers(layer.name)
        if len(readers) != 1 or not FUNCTIONS[function.function].rising:
            continue
        (pooling,) = readers
        if not picks_largest(pooling.operator):
            continue
        second = graph.layers.index(pooling)
        order = list(graph.layers)
        order[first] = replace(pooling, inputs=layer.inputs)
        order[second] = replace(layer, inputs=(pooling.name,), output=pooling.output)
        for index, other in enumerate(order):
            if index not in (first, second):
                inputs = tuple(layer.name if name == pooling.name else name for name in other.inputs)
                order[index] = replace(other, inputs=inputs)
        return pool_before_functions(replace(graph, layers=tuple(order)))
    return graph
