"""The standard layers on which kernels are compared. Each is small enough to build in a moment and fixed for good.

Inputs resemble what such layers get: the densities are those of MNIST (19 % of pixels are not zero) and of a hidden
layer after relu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Operator, Requantization
from toolchain.layers.activation import Lookup
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.dense import IntegerDense

SAMPLES = 32
PIXELS = 0.19
HIDDEN = 0.6


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


def cases() -> list[Case]:
    """All cases, the same ones on every call."""
    return [
        _case("dense 784-8", (784,), PIXELS, lambda rng: _dense(rng, 784, 8)),
        _case("dense 784-32", (784,), PIXELS, lambda rng: _dense(rng, 784, 32)),
        _case("dense 784-32 per channel", (784,), PIXELS, lambda rng: _dense(rng, 784, 32, affine=True)),
        _case("dense 32-10", (32,), HIDDEN, lambda rng: _dense(rng, 32, 10)),
        _case("conv 3×3 1-8, pool 2", (28, 28, 1), PIXELS, lambda rng: _convolution(rng, 28, 1, 3, 8, pool=2)),
        _case("conv 5×5 1-8, stride 2", (28, 28, 1), PIXELS, lambda rng: _convolution(rng, 28, 1, 5, 8, stride=2)),
        _case("conv 3×3 8-16", (14, 14, 8), HIDDEN, lambda rng: _convolution(rng, 14, 8, 3, 16)),
        _case("conv 3×3 8-16 scaled", (14, 14, 8), HIDDEN, lambda rng: _convolution(rng, 14, 8, 3, 16, affine=True)),
        _case("conv 3×3 16-16, stride 2", (7, 7, 16), HIDDEN, lambda rng: _convolution(rng, 7, 16, 3, 16, stride=2)),
        _case("table 100", (100,), HIDDEN, lambda rng: (Lookup(_bytes(rng, 256), False), (100,))),
    ]


def _case(
    name: str,
    shape: tuple[int, ...],
    density: float,
    make: Callable[[np.random.Generator], tuple[Operator, tuple[int, ...]]],
) -> Case:
    rng = np.random.default_rng(sum(name.encode()))
    operator, output = make(rng)
    source = Tensor(shape, "uint8", 1.0, 0, 0, 255, nonzero=density)
    raw = Encoding(np.zeros(1), np.ones(1), quantize=False)
    layer = Layer("layer", ("input",), operator, Tensor(output, "uint8", 1.0, 0, 0, 255))
    alive = rng.random((SAMPLES, *shape)) < density
    codes = np.where(alive, rng.integers(1, 256, (SAMPLES, *shape)), 0).astype(np.uint8)
    graph = verify(Graph("bench", source, raw, (layer,)))
    return Case(name, graph, codes, np.full((1, *shape), 255, np.uint8))


def _dense(
    rng: np.random.Generator, inputs: int, outputs: int, affine: bool = False
) -> tuple[Operator, tuple[int, ...]]:
    weights = np.clip(np.rint(rng.normal(0, 40, (inputs, outputs))), -127, 127).astype(np.int8)
    bias = rng.integers(-20000, 20000, outputs).astype(np.int32)
    step = Requantization(np.ones(1, np.int32), np.array([10], np.int32), 0, 0, 255)
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, outputs).astype(np.int32)
        step = Requantization(multiplier, np.full(outputs, 25, np.int32), 0, 0, 255)
    return IntegerDense(weights, bias, step), (outputs,)


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


def _bytes(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, count).astype(np.uint8)
