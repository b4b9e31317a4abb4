"""Other weights for a quantized network: the ends of int8, fewer bits, and zeros, drawn anew for each layer.

What comes of it is a network that nobody trained, and still one that the compiler must compute to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.ir.graph import Graph, Layer, verify
from toolchain.ir.operators import Requantized
from toolchain.quantization.ranges import code_bits

CHANGES = {"as quantized": "int8", "extreme": "int8", "int4": "int4", "ternary": "ternary", "binary": "binary"}
SPARSE = (0.5, 0.8, 0.9, 0.97, 1.0)  # shares of zeros in layers that are pruned
PRUNED = 0.35  # of the layers
LOST_BITS = {"int4": 4, "ternary": 6, "binary": 6}
ARRAYS = ("weights", "input_weights", "state_weights")
FORMS = ("int8", "int4", "ternary", "binary", "sparse", "without a weight")


def recoded(rng: np.random.Generator, graph: Graph, coverage: Mapping[str, int]) -> Graph:
    """The graph with every layer's weights in a form of its own, rather one that ``coverage`` counts few of."""
    rarity = np.array([1 / (1 + coverage.get(f"weights {form}", 0)) for form in CHANGES.values()])
    changes = [str(rng.choice(list(CHANGES), p=rarity / rarity.sum())) for _ in graph.layers]
    pairs = zip(graph.layers, changes, strict=True)
    return verify(replace(graph, layers=tuple(_recoded(rng, layer, change) for layer, change in pairs)))


def weight_forms(layer: Layer) -> list[str]:
    """What of ``FORMS`` a layer's weights are; nothing if it has none."""
    arrays = _arrays(layer)
    if not arrays:
        return []
    weights = np.concatenate([array.reshape(-1) for array in arrays.values()])
    if not np.any(weights):
        return ["without a weight"]
    width = {8: "int8", 4: "int4", 2: "ternary", 1: "binary"}[code_bits(weights)]
    return [width, "sparse"] if np.count_nonzero(weights) <= weights.size // 2 else [width]


def _arrays(layer: Layer) -> dict[str, np.ndarray]:
    found = {name: getattr(layer.operator, name, None) for name in ARRAYS}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray) and array.dtype == np.int8}


def _recoded(rng: np.random.Generator, layer: Layer, form: str) -> Layer:
    arrays, operator = _arrays(layer), layer.operator
    if not arrays:
        return layer
    zeros = float(rng.choice(SPARSE)) if rng.random() < PRUNED else 0.0
    changed: dict[str, Any] = {name: _codes(rng, array, form, zeros) for name, array in arrays.items()}
    lost = LOST_BITS.get(form, 0)
    if lost and isinstance(operator, Requantized):  # smaller sums are shifted by less: the outputs still say something
        rule = operator.requantization
        least = np.where(rule.multiplier > 1, 9, np.minimum(rule.shift, 1))
        shift = np.maximum(rule.shift - lost, least).astype(np.int32)
        bias: np.ndarray = vars(operator)["bias"]
        changed |= {"bias": bias >> lost, "requantization": replace(rule, shift=shift)}
    return replace(layer, operator=replace(operator, **changed))


def _codes(rng: np.random.Generator, codes: np.ndarray, form: str, zeros: float) -> np.ndarray:
    wide = codes.astype(np.int64)
    if form == "extreme":  # -128 included, which the quantizers themselves never choose
        ends = rng.choice(np.array([-128, -127, 127]), codes.shape)
        wide = np.where(rng.random(codes.shape) < 0.5, ends, wide)
    elif form == "int4":
        wide = np.clip(np.rint(wide / 16), -7, 7).astype(np.int64)
    elif form == "ternary":
        wide = np.sign(wide) * (np.abs(wide) > 32)
    elif form == "binary":
        wide = np.where(wide < 0, -1, 1)
    return np.where(rng.random(codes.shape) < zeros, 0, wide).astype(np.int8)
