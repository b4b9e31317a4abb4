"""The input taken in pieces, three ways, at its corners: against the same network with its input as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exact.harness import chain, check
from tests.exact.test_dense8 import CALL_SAVED, SETTINGS, hard_inputs, network
from toolchain.codegen.selection import select, site
from toolchain.codegen.workbench import bench
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, Layer, Tensor
from toolchain.kernels.base import Target
from toolchain.kernels.registry import kernels
from toolchain.layers.activation import Clamp
from toolchain.layers.dense import IntegerDense
from toolchain.layers.flatten import View
from toolchain.memory.stream import PIECE

STREAMED = Target("avrxt", streamed=True)


def matrix(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Weights with a dead piece, where there are several, and some dead rows."""
    largest = min(127, (1 << 22) // (inputs * 300))
    weights = rng.integers(-largest, largest + 1, (inputs, outputs))
    weights[rng.random(inputs) < 0.1] = 0
    weights[3:9] = 0
    if inputs > 2 * PIECE:
        weights[PIECE : 2 * PIECE] = 0
    return weights


def wide(graph: Graph, share: float) -> Graph:
    """The same with a share of inputs that are not zero, by which kernels are chosen."""
    return replace(graph, input=replace(graph.input, nonzero=share))


@SETTINGS
@given(
    st.sampled_from([1, 2, 63, 64, 65, 127, 128, 129, 300]),
    st.sampled_from([1, 3, 8, 9, 17]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["data_dependent", "constant"]),
    st.sampled_from([0.2, 1.0]),
    st.integers(0, 1000),
)
def test_exact(
    tmp_path: Path, inputs: int, outputs: int, affine: bool, signed: bool, latency: str, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    graph = wide(network(matrix(rng, inputs, outputs), rng, affine=affine, signed=signed), share)
    codes = hard_inputs(inputs, signed, rng)
    batch = check(graph, codes, tmp_path / "bench", latency=latency, streamed=True)
    if latency == "constant":
        assert max(batch.cycles) - min(batch.cycles) <= 8 * outputs, "but for the clamp"


def test_on_the_older_core(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    graph = wide(network(matrix(rng, 200, 10), rng), 0.2)
    check(graph, hard_inputs(200, False, rng), tmp_path / "bench", mcu="atmega328p", streamed=True)


def test_after_a_view_and_with_layers_behind(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    graph = two_layers(rng)
    codes = hard_inputs(784, False, rng).reshape(-1, 28, 28)
    check(graph, codes, tmp_path / "bench", streamed=True)
    arena = bench(graph, tmp_path / "size", streamed=True).folder / "network.c"
    size = int(arena.read_text().split("gc_arena[")[1].split("]")[0])
    assert size <= PIECE + 4 + 3 * 32 + 32 + 4, "the input is not in memory"


def two_layers(rng: np.random.Generator) -> Graph:
    first = network(matrix(rng, 784, 32), rng).layers[0]
    second = network(matrix(rng, 32, 10), rng, signed=first.output.low < 0).layers[0]
    source = Tensor((28, 28), "uint8", 1.0, 0, 0, 255)
    flat = Tensor((784,), "uint8", 1.0, 0, 0, 255)
    return chain(
        source, (View((784,)), flat), (first.operator, first.output), (second.operator, second.output),
        decision="argmax",
    )  # fmt: skip


@pytest.mark.parametrize("latency", ["data_dependent", "constant"])
def test_call_saved_registers(tmp_path: Path, latency: str) -> None:
    rng = np.random.default_rng(7)
    graph = wide(network(matrix(rng, 150, 11), rng, affine=latency == "constant"), 0.2)
    core = bench(graph, tmp_path / "bench", latency=latency, streamed=True).core()
    for number in CALL_SAVED:
        core.registers[number] = 0xA0 + number
    core.give(rng.integers(0, 256, 150).astype(np.uint8).tobytes())
    core.call("gc_infer")
    assert [core.registers[number] for number in CALL_SAVED] == [0xA0 + number for number in CALL_SAVED]
    assert core.registers[1] == 0


def test_portable_twin_on_the_chip(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    graph = network(matrix(rng, 150, 11), rng)
    codes = hard_inputs(150, False, rng)
    built = bench(graph, tmp_path / "bench", streamed=True, definitions=("GC_PORTABLE",))
    np.testing.assert_array_equal(built.avr(codes).outputs, graph.run(codes.astype(np.int64)).astype(np.uint8))


def test_what_was_taken_can_be_dropped_and_too_much_is_not_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    graph = network(matrix(rng, 150, 11), rng)
    core = bench(graph, tmp_path / "bench", streamed=True).core()
    codes = rng.integers(0, 256, (1, 150)).astype(np.uint8)
    for _ in range(2):
        core.write(core.call("gc_input").value, bytes([255] * PIECE))
        core.call("gc_feed")
    core.give(codes[0].tobytes())  # begins anew
    core.write(core.call("gc_input").value, bytes([255] * PIECE))
    core.call("gc_feed")
    core.call("gc_infer")
    output = core.read(core.call("gc_output").value, 11)
    assert output == graph.run(codes.astype(np.int64)).astype(np.uint8).tobytes()


@pytest.mark.parametrize("latency", ["data_dependent", "constant"])
@pytest.mark.parametrize("affine", [False, True])
def test_cost(tmp_path: Path, latency: str, affine: bool) -> None:
    """Cycles and flash of the cost model are within 5 percent of the simulator's and the linker's."""
    rng = np.random.default_rng(3)
    share = 0.3
    graph = wide(network(matrix(rng, 784, 32), rng, affine=affine), share)
    codes = (rng.integers(1, 256, (40, 784)) * (rng.random((40, 784)) < share)).astype(np.uint8)
    place = site(graph, 0, Target("avrxt", latency=latency, streamed=True))
    place = replace(place, layer=replace(place.layer, inputs=("hidden",)))  # zeros fall independently here
    cost = kernels()["dense8_stream_skip" if latency == "data_dependent" else "dense8_stream"].cost(place)
    core = bench(graph, tmp_path / "bench", latency=latency, streamed=True).core()
    assert core.infer_many(codes, 32).cycles.mean() == pytest.approx(cost.mean, rel=0.05)
    dense = core.infer_many(np.full((1, 784), 255, np.uint8), 32).cycles[0]
    assert dense == pytest.approx(cost.worst, rel=0.05)
    sizes = {symbol.name: symbol.size for symbol in core.image.symbols if symbol.name.startswith("gc_")}
    shared = sum(size for name, size in sizes.items() if name.startswith(("gc_k_dense", "gc_k_stream")))
    assert cost.shared == pytest.approx(shared, rel=0.05)
    weights = sum(size for name, size in sizes.items() if name.startswith("gc_w_"))
    assert cost.flash == pytest.approx(weights, rel=0.05)


def test_sums_beyond_24_bits_are_refused() -> None:
    rng = np.random.default_rng(3)
    graph = network(np.full((784, 3), 127), rng)
    with pytest.raises(
        GoldcrestError, match=r"layer layer_0 needs the whole input: in pieces, sums have 24 bits.*whole"
    ):
        select(graph, STREAMED)


def test_a_second_reader_is_refused() -> None:
    rng = np.random.default_rng(3)
    one = network(matrix(rng, 20, 4), rng)
    (layer,) = one.layers
    assert isinstance(layer.operator, IntegerDense)
    second = Layer("again", ("input",), layer.operator, layer.output)
    both = replace(one, layers=(layer, second))
    with pytest.raises(GoldcrestError, match="layer layer_0 needs the whole input: again reads it too"):
        select(both, STREAMED)


def test_a_view_with_nothing_behind_it_is_refused() -> None:
    source = Tensor((4, 4), "uint8", 1.0, 0, 0, 255)
    graph = chain(source, (View((16,)), Tensor((16,), "uint8", 1.0, 0, 0, 255)))
    with pytest.raises(
        GoldcrestError, match="layer layer_0 needs the whole input: flatten layers cannot take it in pieces"
    ):
        select(graph, STREAMED)


def test_another_kind_of_layer_is_refused() -> None:
    source = Tensor((4, 4), "uint8", 1.0, 0, 0, 255)
    flat = Tensor((16,), "uint8", 1.0, 0, 0, 255)
    clamp = (Clamp(0, 100), flat)
    with pytest.raises(
        GoldcrestError, match="layer layer_1 needs the whole input: activation layers cannot take it in pieces"
    ):
        select(chain(source, (View((16,)), flat), clamp), STREAMED)
