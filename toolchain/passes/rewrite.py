"""What passes have in common: taking a layer out of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from toolchain.ir.graph import Graph, Layer


def without(graph: Graph, removed: Mapping[str, str]) -> Graph:
    """The graph without the layers ``removed``; who read one of them reads its replacement (a layer or ``"input"``)."""

    def resolve(name: str) -> str:
        while name in removed:
            name = removed[name]
        return name

    kept: list[Layer] = [
        replace(layer, inputs=tuple(resolve(name) for name in layer.inputs))
        for layer in graph.layers
        if layer.name not in removed
    ]
    return replace(graph, layers=tuple(kept))
