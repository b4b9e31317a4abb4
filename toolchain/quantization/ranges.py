"""Range analysis: the proof that no accumulator can overflow, and what the calibration set saw (``ranges.json``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolchain.ir.graph import Graph, Layer
from toolchain.ir.operators import IntegerOperator
from toolchain.quantization.calibration import BATCH

WIDTHS = (16, 24, 32)


def accumulator_bounds(graph: Graph, layer: Layer) -> tuple[np.ndarray, np.ndarray] | None:
    """The least and greatest accumulator of each channel over every input that the layer can get (int64), or None."""
    assert isinstance(layer.operator, IntegerOperator)
    tensors = [graph.tensor(name) for name in layer.inputs]
    return layer.operator.accumulator_bounds(*((tensor.low, tensor.high) for tensor in tensors))


def bits(low: int, high: int) -> int:
    """How many bits two's complement needs for every value in low…high."""
    return (
        max((-low - 1 if low < 0 else low).bit_length(), high.bit_length() if high >= 0 else (-high - 1).bit_length())
        + 1
    )


def width(needed: int) -> int:
    """The narrowest accumulator of at least ``needed`` bits. Raises ValueError above 32."""
    for candidate in WIDTHS:
        if needed <= candidate:
            return candidate
    raise ValueError(f"an accumulator of {needed} bits is needed, 32 are the most")


def proof(graph: Graph, codes: np.ndarray) -> dict[str, Any]:
    """The content of ``ranges.json``: for each layer its bounds, and minimum, maximum and saturation on ``codes``.

    ``codes`` are the calibration samples (n, *input shape), encoded. ``saturated`` is the share of output values that
    lost value to the 8-bit range; ``headroom`` the bits that the chosen accumulator has to spare.
    """
    seen = _statistics(graph, codes)
    layers = []
    for layer in graph.layers:
        tensor = layer.output
        entry: dict[str, Any] = {
            "name": layer.name,
            "kind": layer.operator.kind,
            "shape": list(tensor.shape),
            "dtype": tensor.dtype,
            "scale": tensor.scale,
            "zero_point": tensor.zero_point,
            "macs": layer.operator.products(*(graph.tensor(name).shape for name in layer.inputs)),
            **seen[layer.name],
            **_weights(layer),
        }
        bounds = accumulator_bounds(graph, layer)
        if bounds is not None:
            low, high = int(bounds[0].min()), int(bounds[1].max())
            needed = bits(low, high)
            chosen = width(needed)
            entry["accumulator"] = {
                "low": low,
                "high": high,
                "bits": needed,
                "width": chosen,
                "headroom": chosen - needed,
            }
        layers.append(entry)
    return {"schema": 1, "input": {"low": graph.input.low, "high": graph.input.high}, "layers": layers}


def _weights(layer: Layer) -> dict[str, int]:
    """How many there are, how many are not zero, the bits that one needs and the bytes that all need at that width."""
    weights = getattr(layer.operator, "weights", getattr(layer.operator, "all_weights", np.zeros(0, np.int8)))
    count, each = int(weights.size), code_bits(weights) if weights.size else 0
    nonzero = int(np.count_nonzero(weights))
    return {"weight_count": count, "weight_bits": each, "weight_bytes": -(-count * each // 8), "nonzero": nonzero}


def code_bits(weights: np.ndarray) -> int:
    """Bits that tell these codes apart: 8, 4 (-7…7), 2 (-1, 0, 1) or 1 (-1, 1)."""
    largest = int(np.abs(weights.astype(np.int64)).max(initial=0))
    if largest > 1:
        return 8 if largest > 7 else 4
    return 1 if weights.size and np.all(weights) else 2


def _statistics(graph: Graph, codes: np.ndarray) -> dict[str, dict[str, float]]:
    lows: dict[str, int] = {}
    highs: dict[str, int] = {}
    saturated = dict.fromkeys((layer.name for layer in graph.layers), 0)
    for start in range(0, len(codes), BATCH):
        for layer, inputs, output in graph.values(codes[start : start + BATCH].astype(np.int64)):
            assert isinstance(layer.operator, IntegerOperator)
            lows[layer.name] = min(lows.get(layer.name, 255), int(output.min()))
            highs[layer.name] = max(highs.get(layer.name, -128), int(output.max()))
            saturated[layer.name] += layer.operator.saturated(*inputs)
    return {
        layer.name: {
            "minimum": float(layer.output.real(np.array(lows[layer.name]))),
            "maximum": float(layer.output.real(np.array(highs[layer.name]))),
            "saturated": saturated[layer.name] / (len(codes) * layer.output.size),
        }
        for layer in graph.layers
    }
