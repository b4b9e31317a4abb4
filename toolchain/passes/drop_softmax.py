"""A softmax at the end, where only the class is asked for."""

from __future__ import annotations

from toolchain.ir.graph import Graph
from toolchain.layers.activation import Activation
from toolchain.passes.rewrite import without


def drop_softmax(graph: Graph) -> Graph:
    """Softmax keeps the order of its inputs, so that the greatest logit already names the class.

    Not so among several rows, each of which has a softmax of its own.
    """
    last = graph.layers[-1]
    row = last.output.shape[-1] == last.output.size
    softmax = isinstance(last.operator, Activation) and last.operator.function == "softmax"
    if graph.decision == "argmax" and softmax and row:
        return without(graph, {last.name: last.inputs[0]})
    return graph
