"""The check of integers against floats is worth something: the defects that such compilers have had do not pass it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.layers.models import within_bounds
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.ir.operators import FloatOperator
from toolchain.layers.convolution import Convolution
from toolchain.layers.dense import Dense
from toolchain.layers.depthwise_convolution import DepthwiseConvolution
from toolchain.layers.merge import Add
from toolchain.layers.pooling import AveragePooling
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES

RNG = np.random.default_rng(11)


def values(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.3, shape).astype(np.float32)


OPERATORS: dict[str, tuple[tuple[int, ...], FloatOperator]] = {
    "dense": ((24,), Dense(values(24, 7), values(7), "relu")),
    "convolution": ((6, 6, 3), Convolution(values(3, 3, 3, 5), values(5), padding="same")),
    "depthwise": ((6, 6, 4), DepthwiseConvolution(values(3, 3, 4, 2), values(8))),
    "average_pooling": ((6, 6, 4), AveragePooling((3, 3), (3, 3))),
    "add": ((24,), Add()),
}


def biases_in_another_order(operator: Any) -> Any:
    return replace(operator, bias=np.roll(operator.bias, 1))


def one_wrong_weight(operator: Any) -> Any:
    weights = operator.weights.astype(np.int64)
    first = (0,) * weights.ndim
    weights[first] += -40 if weights[first] > 0 else 40
    return replace(operator, weights=weights.astype(np.int8))


def truncated(operator: Any) -> Any:
    """Rounded downwards instead of to the nearest."""
    rule = operator.requantization
    if hasattr(operator, "bias") and rule.multiplier.size == 1 and rule.multiplier[0] == 1:
        return replace(operator, bias=operator.bias - (1 << (rule.shift - 1)))
    return replace(operator, requantization=replace(rule, zero_point=rule.zero_point - 1))


def doubled(operator: Any) -> Any:
    """A shift that is too small by one."""
    rule = operator.requantization
    return replace(operator, requantization=replace(rule, shift=rule.shift - 1))


WEIGHTED = ("dense", "convolution", "depthwise")
DEFECTS = [(name, defect) for name in WEIGHTED for defect in (biases_in_another_order, one_wrong_weight)]
DEFECTS += [(name, defect) for name in OPERATORS for defect in (truncated, doubled)]


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize(("name", "defect"), DEFECTS, ids=lambda part: getattr(part, "__name__", part))
def test_a_defect_is_seen(name: str, defect: Callable[[Any], Any], scheme: str) -> None:
    shape, operator = OPERATORS[name]
    inputs = ("input", "input") if name == "add" else ("input",)
    output = Tensor(operator.output_shape(*(shape for _ in inputs)))
    raw = Encoding(np.array([-100.0]), np.array([50.0]), quantize=False)
    trained = Graph("g", Tensor(shape), raw, (Layer("layer", inputs, operator, output),))
    samples = np.random.default_rng(3).integers(0, 256, (64, *shape)).astype(np.uint8)
    integer = quantize(trained, SCHEMES[scheme](), samples, 0.0)
    within_bounds(trained, integer, samples)
    (layer,) = integer.layers
    broken = replace(integer, layers=(replace(layer, operator=defect(layer.operator)),))
    with pytest.raises(AssertionError, match=r"beyond its bound|layer: "):
        within_bounds(trained, broken, samples)
