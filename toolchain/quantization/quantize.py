"""Post-training quantization: float graph and calibration data in, integer graph out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.errors import LayerError, RefusedLayer
from toolchain.ir.graph import Graph, Layer, Tensor, verify
from toolchain.ir.operators import FloatOperator
from toolchain.quantization.calibration import BATCH, MIN_MAX, Calibration, observe
from toolchain.quantization.scheme import Scheme


def quantize(
    graph: Graph, scheme: Scheme, raw: np.ndarray, threshold: float, calibration: Calibration = MIN_MAX
) -> Graph:
    """The integer graph of a float graph (after its passes).

    ``raw`` holds the calibration samples (n, *input shape); ``threshold`` is the real output value from which a
    single-output classifier says 1. Raises RefusedLayer for one that cannot be computed exactly.
    """
    scaled = graph.encoding.scaled(raw.reshape(-1, *graph.input.shape))
    seen = observe(graph, scaled, scheme, calibration)
    tensors = {"input": _input(graph, seen["input"], scheme)}
    layers: list[Layer] = []
    for layer in graph.layers:
        assert isinstance(layer.operator, FloatOperator)
        try:
            operator, output = layer.operator.quantize(
                [tensors[name] for name in layer.inputs], seen[layer.name], scheme
            )
        except LayerError as error:
            raise RefusedLayer(layer.name, error) from error
        tensors[layer.name] = output
        layers.append(Layer(layer.name, layer.inputs, operator, output))
    last = layers[-1].output
    integer = replace(
        graph,
        input=tensors["input"],
        layers=tuple(layers),
        threshold=int(np.ceil(threshold / last.scale + last.zero_point)) if graph.decision == "threshold" else 0,
    )
    return verify(_with_densities(integer, integer.encode(raw)))


def _input(graph: Graph, seen: tuple[float, float], scheme: Scheme) -> Tensor:
    """Raw bytes go in as they are: their scaling is the tensor's scale and zero point. Other data gets 8-bit codes."""
    encoding = graph.encoding
    if encoding.quantize:
        return scheme.tensor(graph.input.shape, *seen)
    return Tensor(graph.input.shape, "uint8", 1.0 / float(encoding.divide[0]), -float(encoding.offset[0]), 0, 255)


def _with_densities(graph: Graph, codes: np.ndarray) -> Graph:
    """Note in each tensor how many of its codes are not 0 on the calibration set."""
    counts: dict[str, int] = dict.fromkeys((layer.name for layer in graph.layers), 0)
    for start in range(0, len(codes), BATCH):
        for layer, _inputs, output in graph.values(codes[start : start + BATCH].astype(np.int64)):
            counts[layer.name] += int(np.count_nonzero(output))
    layers = tuple(
        replace(
            layer, output=replace(layer.output, nonzero=counts[layer.name] / max(1, len(codes) * layer.output.size))
        )
        for layer in graph.layers
    )
    share = float(np.count_nonzero(codes) / max(1, codes.size))
    return replace(graph, layers=layers, input=replace(graph.input, nonzero=share))
