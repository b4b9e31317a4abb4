"""Max pooling that the convolution before it can do on its accumulators."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir.graph import Graph
from toolchain.layers.base import Shape
from toolchain.layers.convolution_base import FloatWindowed
from toolchain.layers.pooling import MaxPooling
from toolchain.passes.rewrite import without


def fuse_pooling(graph: Graph) -> Graph:
    """Fuse each max pooling into the convolution before it, if nothing else reads that.

    The full picture is then never in memory, and windows whose result is not the largest are not requantized. Runs
    after activations are fused: pooling and a monotonic activation may change places.
    """
    layers = {layer.name: layer for layer in graph.layers}
    removed: dict[str, str] = {}
    for layer in graph.layers:
        producer = layers.get(layer.inputs[0])
        if not isinstance(layer.operator, MaxPooling) or producer is None or len(graph.readers(producer.name)) > 1:
            continue
        convolution, pooling = producer.operator, layer.operator
        if not isinstance(convolution, FloatWindowed) or convolution.pool > 1:
            continue
        if _squares(pooling, producer.output.shape):
            fused = replace(convolution, pool=pooling.size[0])
            layers[producer.name] = replace(producer, operator=fused, output=layer.output)
            removed[layer.name] = producer.name
    return without(replace(graph, layers=tuple(layers.values())), removed)


def _squares(pooling: MaxPooling, shape: Shape) -> bool:
    """Whether the windows are square, side by side, and inside of an image of this shape."""
    size = pooling.size
    return (
        len(size) == 2
        and size == pooling.stride == size[::-1]
        and pooling.output_shape(shape)[:2] == (shape[0] // size[0], shape[1] // size[1])
    )
