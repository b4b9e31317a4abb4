"""Batch normalization and scaling, folded into the weights beside them or into the input's own scaling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.ir.graph import Encoding, Graph, Layer
from toolchain.ir.operators import FloatOperator
from toolchain.layers.flatten import Flatten
from toolchain.layers.normalization import Scaling
from toolchain.layers.reshape import Reshape
from toolchain.passes.rewrite import without


def fold_scaling(graph: Graph) -> Graph:
    """Fold each scaling into the layer before it, into the input, or into the layer after it, in this order.

    What is folded costs nothing and rounds nothing. A scaling that stays (between a relu and an addition, say) is
    computed in integers.
    """
    while (folded := _fold_one(graph)) is not None:
        graph = folded
    return graph


def _fold_one(graph: Graph) -> Graph | None:
    for layer in graph.layers:
        if isinstance(layer.operator, Scaling) and layer.operator.activation == "linear":
            for way in (_into_producer, _into_input, _into_reader):
                folded = way(graph, layer, layer.operator)
                if folded is not None:
                    return folded
    return None


def _into_producer(graph: Graph, layer: Layer, scaling: Scaling) -> Graph | None:
    (source,) = layer.inputs
    if source == "input" or len(graph.readers(source)) > 1:
        return None
    producer = next(other for other in graph.layers if other.name == source)
    assert isinstance(producer.operator, FloatOperator)
    merged = producer.operator.scaled(scaling.scale, scaling.offset)
    return without(_with(graph, producer, merged), {layer.name: source}) if merged is not None else None


def _into_input(graph: Graph, layer: Layer, scaling: Scaling) -> Graph | None:
    """x · scale + offset of x = (raw + a) / b is (raw + a + offset · b / scale) / (b / scale)."""
    if layer.inputs != ("input",) or len(graph.readers("input")) > 1 or np.any(scaling.scale <= 0):
        return None
    encoding = graph.encoding
    divide = encoding.divide / scaling.scale
    offset = encoding.offset + scaling.offset * divide
    if max(divide.size, offset.size) > 1 and not encoding.quantize:
        return None  # raw bytes go in as they are: there is one scale for all of them
    return without(replace(graph, encoding=Encoding(offset, divide, encoding.quantize)), {layer.name: "input"})


def _into_reader(graph: Graph, layer: Layer, scaling: Scaling) -> Graph | None:
    readers = graph.readers(layer.name)
    if len(readers) != 1:
        return None
    (reader,) = readers
    assert isinstance(reader.operator, FloatOperator)
    if isinstance(reader.operator, Flatten | Reshape):
        pixels = layer.output.size // layer.output.shape[-1]
        if len(reader.output.shape) != 1:
            return None
        channels = layer.output.shape[-1]
        scale, offset = (np.tile(np.broadcast_to(part, channels), pixels) for part in (scaling.scale, scaling.offset))
        moved = replace(reader, inputs=layer.inputs)
        after = Layer(layer.name, (reader.name,), Scaling(scale, offset), reader.output)
        return _swapped(graph, layer, reader, moved, after)
    merged = reader.operator.of_scaled(scaling.scale, scaling.offset)
    return without(_with(graph, reader, merged), {layer.name: layer.inputs[0]}) if merged is not None else None


def _swapped(graph: Graph, first: Layer, second: Layer, moved: Layer, after: Layer) -> Graph | None:
    """The graph with ``second`` before ``first``, if what follows can then take the scaling in."""
    layers: list[Layer] = []
    for layer in graph.layers:
        if layer.name == first.name:
            continue
        if layer.name == second.name:
            layers += [moved, after]
        else:
            sources = tuple(after.name if name == second.name else name for name in layer.inputs)
            layers.append(replace(layer, inputs=sources))
    swapped = replace(graph, layers=tuple(layers))
    return _into_reader(swapped, after, after.operator) if isinstance(after.operator, Scaling) else None


def _with(graph: Graph, layer: Layer, operator: FloatOperator) -> Graph:
    """The graph with another operator in the place of this layer's."""
    changed = replace(layer, operator=operator)
    return replace(graph, layers=tuple(changed if other.name == layer.name else other for other in graph.layers))
