"""The activation arena: no live bytes are shared, and little is wasted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.codegen.arena import Lifetime, plan, prove
from toolchain.codegen.selection import select
from toolchain.ir.graph import Graph, Layer, Tensor
from toolchain.kernels.base import Target
from toolchain.layers.activation import Lookup
from toolchain.layers.dense import IntegerDense
from toolchain.layers.flatten import View
from toolchain.layers.pooling import MaxPooling
from toolchain.quantization.scheme import SCHEMES

np = pytest.importorskip("numpy")
TARGET = Target("avrxt", "speed", "constant")


def dense(inputs: int, outputs: int) -> IntegerDense:
    from toolchain.ir.operators import Requantization

    step = Requantization(np.ones(1, np.int32), np.array([8], np.int32), 0, -128, 127)
    return IntegerDense(np.ones((inputs, outputs), np.int8), np.zeros(outputs, np.int32), step)


def byte(*shape: int) -> Tensor:
    return Tensor(shape, "int8", 1.0, 0, -128, 127)


def chain(*sizes: int) -> Graph:
    layers: list[Layer] = []
    for index, (before, after) in enumerate(pairwise(sizes)):
        source = layers[-1].name if layers else "input"
        layers.append(Layer(f"d{index}", (source,), dense(before, after), byte(after)))
    return Graph("chain", byte(sizes[0]), None, tuple(layers))  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 300), min_size=2, max_size=9))
def test_a_chain_needs_no_more_than_its_largest_neighbours(sizes: list[int]) -> None:
    graph = chain(*sizes)
    arena = plan(graph, select(graph, TARGET))
    largest = max(a + b for a, b in pairwise(sizes))
    assert arena.bound == largest
    assert arena.size == largest
    assert all(0 <= arena.offsets[layer.name] <= arena.size - layer.output.size for layer in graph.layers)


def test_thesis_network_is_packed_without_loss() -> None:
    graph = chain(784, 32, 10)
    arena = plan(graph, select(graph, TARGET))
    assert arena.size == arena.bound == 784 + 32


def test_views_and_tables_work_in_place() -> None:
    table = Lookup(np.zeros(256, np.uint8), True)
    layers = (
        Layer("flat", ("input",), View((48,)), byte(48)),
        Layer("table", ("flat",), table, byte(48)),
        Layer("out", ("table",), dense(48, 5), byte(5)),
    )
    graph = Graph("inplace", byte(4, 4, 3), None, layers)  # type: ignore[arg-type]
    arena = plan(graph, select(graph, TARGET))
    assert arena.offsets["flat"] == arena.offsets["table"] == arena.offsets["input"]
    assert arena.size == 53


def test_a_pooling_leaves_the_block_of_its_input_where_that_saves_memory() -> None:
    """In place the 64 bytes of the image would lie beside the 60 of the dense layer's output."""
    pooled = Tensor((4, 4, 1), "int8", 1.0, 0, -128, 127)
    pool, _ = MaxPooling((2, 2), (2, 2)).quantize([byte(8, 8, 1)], (-1.0, 1.0), SCHEMES["power_of_two"]())
    layers = (
        Layer("pool", ("input",), pool, pooled),
        Layer("flat", ("pool",), View((16,)), byte(16)),
        Layer("out", ("flat",), dense(16, 60), byte(60)),
    )
    graph = Graph("shrinking", byte(8, 8, 1), None, layers)  # type: ignore[arg-type]
    arena = plan(graph, select(graph, TARGET))
    assert arena.size == 64 + 16


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 8), st.integers(0, 4)), min_size=2, max_size=10),
    st.data(),
)
def test_the_proof_finds_every_collision(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    blocks = [Lifetime(str(i), size, first, first + length) for i, (size, first, length) in enumerate(rows)]
    offsets = {block.name: data.draw(st.integers(0, 100)) for block in blocks}
    used: dict[tuple[int, int], str] = {}
    collision = False
    for block in blocks:
        for step in range(block.first, block.last + 1):
            for address in range(offsets[block.name], offsets[block.name] + block.size):
                collision |= used.setdefault((step, address), block.name) != block.name
    if collision:
        with pytest.raises(AssertionError, match="share memory"):
            prove(blocks, offsets)
    else:
        prove(blocks, offsets)


def test_a_convolution_grows_over_the_rows_that_it_has_read() -> None:
    """28 × 28 pixels and 14 × 14 × 8 values need 2,352 bytes apart; the last rows decide how far apart they begin."""
    from toolchain.ir.operators import Requantization
    from toolchain.layers.convolution import IntegerConvolution

    step = Requantization(np.ones(1, np.int32), np.array([8], np.int32), 0, 0, 127)
    weights = np.ones((5, 5, 1, 8), np.int8)
    first = IntegerConvolution(weights, np.zeros(8, np.int32), step, (2, 2), (1, 2, 1, 2), (1, 1), 0)
    second = IntegerConvolution(
        np.ones((3, 3, 8, 16), np.int8), np.zeros(16, np.int32), step, (2, 2), (0, 1, 0, 1), (1, 1), 0
    )
    layers = (Layer("a", ("input",), first, byte(14, 14, 8)), Layer("b", ("a",), second, byte(7, 7, 16)))
    source = Tensor((28, 28, 1), "uint8", 1.0, 0, 0, 255)
    graph = Graph("growing", source, None, layers)  # type: ignore[arg-type]
    arena = plan(graph, select(graph, TARGET))
    assert arena.offsets["input"] - arena.offsets["a"] >= 14 * 112 - 25 * 28
    assert arena.offsets["a"] - arena.offsets["b"] >= 112
    assert arena.size <= 868 + 784 + 112
