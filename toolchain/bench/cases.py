"""The standard layers on which kernels are compared. Each is small enough to build in a moment and fixed for good.

Layers that take pictures get real ones, the first test images of MNIST; hidden layers get random values of which a
share is zero, as after a relu.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Operator, Requantization
from toolchain.layers.activation import Lookup
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.dense import IntegerDense
from toolchain.layers.depthwise_convolution import IntegerDepthwiseConvolution
from toolchain.layers.pooling import IntegerAveragePooling, IntegerMaxPooling

SAMPLES = 100
HALVES = Requantization(np.ones(1, np.int32), np.array([2], np.int32), 0, 0, 255)  # of a sum of four: their mean
HIDDEN = 0.6  # of the values are not zero
PIXELS = 0.19  # of MNIST's


@dataclass(frozen=True)
class Case:
    """A layer with codes to run it on: ``codes`` are typical (n, *shape), ``longest`` makes every zero test fail."""

    name: str
    graph: Graph
    codes: np.ndarray
    longest: np.ndarray

    @property
    def products(self) -> int:
        return self.graph.layers[0].operator.products(self.graph.input.shape)


def digits(dataset: Path) -> np.ndarray:
    """The first test images of a stored data set, uint8 (n, 28, 28)."""
    with np.load(dataset) as data:
        return data["x_test"][:SAMPLES].reshape(-1, 28, 28).astype(np.uint8)


def cases(images: np.ndarray) -> list[Case]:
    """All cases, the same ones on every call; ``images`` uint8 (n, 28, 28)."""
    flat = (images.reshape(-1, 784), PIXELS)
    pictures = (images[..., np.newaxis], PIXELS)

    def hidden(*shape: int) -> tuple[np.ndarray, float]:
        rng = np.random.default_rng(math.prod(shape))
        alive = rng.random((SAMPLES, *shape)) < HIDDEN
        return np.where(alive, rng.integers(1, 256, (SAMPLES, *shape)), 0).astype(np.uint8), HIDDEN

    return [
        _case("dense 784-8", flat, lambda rng: _dense(rng, 784, 8)),
        _case("dense 784-32", flat, lambda rng: _dense(rng, 784, 32)),
        _case("dense 784-32 per channel", flat, lambda rng: _dense(rng, 784, 32, affine=True)),
        _case("dense 784-32 int4", flat, lambda rng: _dense(rng, 784, 32, largest=7)),
        _case("dense 784-32 ternary", flat, lambda rng: _dense(rng, 784, 32, largest=1, zeros=0.76)),
        _case("dense 784-32 binary", flat, lambda rng: _dense(rng, 784, 32, largest=0)),
        _case("dense 784-32, 80 % zeros", flat, lambda rng: _dense(rng, 784, 32, zeros=0.8)),
        _case("dense 784-32, 90 % zeros", flat, lambda rng: _dense(rng, 784, 32, zeros=0.9)),
        _case("dense 32-10", hidden(32), lambda rng: _dense(rng, 32, 10)),
        _case("conv 3×3 1-8, pool 2", pictures, lambda rng: _convolution(rng, 28, 1, 3, 8, pool=2)),
        _case("conv 5×5 1-8, stride 2", pictures, lambda rng: _convolution(rng, 28, 1, 5, 8, stride=2)),
        _case("conv 3×3 8-16", hidden(14, 14, 8), lambda rng: _convolution(rng, 14, 8, 3, 16)),
        _case("conv 3×3 8-16 scaled", hidden(14, 14, 8), lambda rng: _convolution(rng, 14, 8, 3, 16, affine=True)),
        _case("conv 3×3 16-16, stride 2", hidden(7, 7, 16), lambda rng: _convolution(rng, 7, 16, 3, 16, stride=2)),
        _case("depthwise 3×3 8", hidden(14, 14, 8), lambda rng: _depthwise(rng, 14, 8)),
        _case("max pool 3×3, stride 2", hidden(14, 14, 8), lambda _: _window(IntegerMaxPooling((3, 3), (2, 2)), 14)),
        _case("max pool 2×2", hidden(14, 14, 8), lambda _: _window(IntegerMaxPooling((2, 2), (2, 2)), 14)),
        _case("mean 2×2", hidden(14, 14, 8), lambda _: _window(IntegerAveragePooling((2, 2), (2, 2), HALVES), 14)),
        _case("table 100", hidden(100), lambda rng: (Lookup(_bytes(rng, 256), False), (100,))),
    ]


def _case(
    name: str,
    inputs: tuple[np.ndarray, float],
    make: Callable[[np.random.Generator], tuple[Operator, tuple[int, ...]]],
) -> Case:
    codes, density = inputs
    shape = codes.shape[1:]
    operator, output = make(np.random.default_rng(sum(name.encode())))
    source = Tensor(shape, "uint8", 1.0, 0, 0, 255, nonzero=density)
    raw = Encoding(np.zeros(1), np.ones(1), quantize=False)
    layer = Layer("layer", ("input",), operator, Tensor(output, "uint8", 1.0, 0, 0, 255))
    graph = verify(Graph("bench", source, raw, (layer,)))
    return Case(name, graph, codes, np.full((1, *shape), 255, np.uint8))


def _dense(
    rng: np.random.Generator, inputs: int, outputs: int, affine: bool = False, largest: int = 127, zeros: float = 0.0
) -> tuple[Operator, tuple[int, ...]]:
    """``largest`` 127, 7 and 1 are codes of int8, int4 and ternary weights; 0 stands for binary ones."""
    spread = {127: 40.0, 7: 2.5, 1: 1.0, 0: 1.0}[largest]
    drawn = rng.normal(0, spread, (inputs, outputs))
    codes = np.sign(drawn) if largest <= 1 else np.clip(np.rint(drawn), -largest, largest)
    weights = np.where(rng.random(codes.shape) < zeros, 0, codes).astype(np.int8)
    bias = rng.integers(-20000, 20000, outputs).astype(np.int32) * max(largest, 1) // 127
    shift = {127: 10, 7: 6, 1: 4, 0: 4}[largest]
    step = Requantization(np.ones(1, np.int32), np.array([shift], np.int32), 0, 0, 255)
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, outputs).astype(np.int32)
        step = Requantization(multiplier, np.full(outputs, 25, np.int32), 0, 0, 255)
    return IntegerDense(weights, bias.astype(np.int32), step), (outputs,)


def _convolution(
    rng: np.random.Generator,
    side: int,
    channels: int,
    kernel: int,
    filters: int,
    stride: int = 1,
    pool: int = 1,
    affine: bool = False,
) -> tuple[Operator, tuple[int, ...]]:
    weights = np.clip(np.rint(rng.normal(0, 30, (kernel, kernel, channels, filters))), -127, 127).astype(np.int8)
    bias = rng.integers(-2000, 2000, filters).astype(np.int32)
    step = Requantization(np.ones(1, np.int32), np.array([9], np.int32), 0, 0, 255)
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, filters).astype(np.int32)
        step = Requantization(multiplier, np.full(filters, 24, np.int32), 0, 0, 255)
    operator = IntegerConvolution(weights, bias, step, (stride, stride), (0, 0, 0, 0), (1, 1), 0, pool)
    return operator, operator.output_shape((side, side, channels))


def _depthwise(rng: np.random.Generator, side: int, channels: int) -> tuple[Operator, tuple[int, ...]]:
    weights = np.clip(np.rint(rng.normal(0, 40, (3, 3, channels, 1))), -127, 127).astype(np.int8)
    step = Requantization(np.ones(1, np.int32), np.array([7], np.int32), 0, 0, 255)
    bias = rng.integers(-2000, 2000, channels).astype(np.int32)
    operator = IntegerDepthwiseConvolution(weights, bias, step, (1, 1), (0, 0, 0, 0), (1, 1), 0)
    return operator, operator.output_shape((side, side, channels))


def _window(operator: Operator, side: int) -> tuple[Operator, tuple[int, ...]]:
    return operator, operator.output_shape((side, side, 8))


def _bytes(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, count).astype(np.uint8)
