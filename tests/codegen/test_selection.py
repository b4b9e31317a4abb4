"""Kernels are picked by what they cost, and give way where their code does not fit the chip."""

from __future__ import annotations

import numpy as np

from toolchain.codegen.selection import flash, select
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Target
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.dense import IntegerDense
from toolchain.memory.calibration import LARGEST_APPLICATION

RULE = Requantization(np.ones(1, np.int32), np.array([12], np.int32), 0, 0, 127)


def network(depth: int) -> Graph:
    """``depth`` convolutions of 16 channels to 16."""
    rng = np.random.default_rng(0)
    shape = (8, 8, 16)
    layers = []
    for index in range(depth):
        weights = np.clip(np.rint(rng.normal(0, 40, (3, 3, 16, 16))), -127, 127).astype(np.int8)
        operator = IntegerConvolution(weights, np.zeros(16, np.int32), RULE, (1, 1), (1, 1, 1, 1), (1, 1), 0)
        output = Tensor(shape, "int8", 1.0, 0, 0, 127, nonzero=0.5)
        layers.append(Layer(f"c{index}", (f"c{index - 1}" if index else "input",), operator, output))
    raw = Encoding(np.zeros(1), np.ones(1), quantize=False)
    return verify(Graph("g", Tensor(shape, "int8", 1.0, 0, 0, 127, nonzero=0.5), raw, tuple(layers)))


def test_the_fastest_kernels_without_a_limit() -> None:
    names = {choice.kernel.name for choice in select(network(3), Target("avrxt"))}
    assert names == {"convolution_unrolled_skip"}


def test_some_layers_give_way_where_flash_is_short() -> None:
    graph, size = network(3), 0xC000
    choices = select(graph, Target("avrxt", flash=size))
    assert flash(choices) <= size * 0.9
    names = [choice.kernel.name for choice in choices]
    assert "convolution_unrolled_skip" in names
    assert "convolution_table_skip" in names


def test_the_smallest_kernels_where_nothing_fits() -> None:
    graph = network(3)
    choices = select(graph, Target("avrxt", flash=4096))
    assert flash(choices) <= min(flash(select(graph, Target("avrxt", prefer=wish))) for wish in ("size", "speed"))


def test_what_nearly_fills_the_chip_still_goes_in() -> None:
    """A tenth of the chip stays free only where that is possible."""
    graph = network(3)
    smallest = select(graph, Target("avrxt", prefer="size"))
    tight = select(graph, Target("avrxt", flash=flash(smallest) + LARGEST_APPLICATION))
    assert flash(tight) <= flash(smallest)


def test_constant_time_is_kept_when_kernels_give_way() -> None:
    choices = select(network(3), Target("avrxt", latency="constant", flash=0xC000))
    assert all(choice.kernel.constant_time for choice in choices)


def test_small_networks_share_code_between_layers() -> None:
    """Two dense layers, the first of which a piecewise kernel computes with the fewest bytes: the second joins it."""
    rng = np.random.default_rng(0)
    first = rng.integers(-127, 128, (300, 16)).astype(np.int8)
    first[:200] = 0  # dead inputs: kernels that drop them are the smallest
    second = rng.integers(-127, 128, (16, 10)).astype(np.int8)
    layers = (
        Layer(
            "a", ("input",), IntegerDense(first, np.zeros(16, np.int32), RULE), Tensor((16,), "int8", 1.0, 0, 0, 127)
        ),
        Layer("b", ("a",), IntegerDense(second, np.zeros(10, np.int32), RULE), Tensor((10,), "int8", 1.0, 0, 0, 127)),
    )
    raw = Encoding(np.zeros(1), np.ones(1), quantize=False)
    graph = verify(Graph("g", Tensor((300,), "uint8", 1.0, 0, 0, 255), raw, layers))
    chosen = select(graph, Target("avrxt", prefer="size"))
    assert all(choice.kernel.name.startswith("dense8") for choice in chosen)
    alone = sum(choice.cost.flash + choice.cost.shared for choice in chosen)
    assert flash(chosen) < alone


def test_a_second_kernel_that_saves_a_few_cycles_is_not_worth_its_code() -> None:
    """The first layer's inputs are mostly zero, the second's hardly ever: skipping zeros costs the second a little."""
    rng = np.random.default_rng(0)
    first, second = (rng.integers(-127, 128, shape).astype(np.int8) for shape in ((784, 32), (32, 10)))
    none = np.zeros(32, np.int32)
    layers = (
        Layer("a", ("input",), IntegerDense(first, none, RULE), Tensor((32,), "uint8", 1.0, 0, 0, 255, nonzero=0.8)),
        Layer("b", ("a",), IntegerDense(second, none[:10], RULE), Tensor((10,), "int8", 1.0, 0, 0, 127)),
    )
    raw = Encoding(np.zeros(1), np.ones(1), quantize=False)
    graph = verify(Graph("g", Tensor((784,), "uint8", 1.0, 0, 0, 255, nonzero=0.19), raw, layers))
    choices = select(graph, Target("avrxt"))
    assert [choice.kernel.name for choice in choices] == ["dense8_skip", "dense8_skip"]
    alone = choices[1].candidates
    assert 0 < alone["dense8_skip"].mean - alone["dense8"].mean < 0.5 * alone["dense8"].shared, alone
