"""The eight-accumulator dense kernels, three ways, at their corners; and their constant time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exact.harness import chain, check
from toolchain.codegen.selection import select, site
from toolchain.codegen.workbench import bench
from toolchain.ir.graph import Graph, Tensor
from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Target
from toolchain.kernels.dense8 import live_runs
from toolchain.kernels.registry import kernels
from toolchain.layers.dense import IntegerDense

SETTINGS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
INT4 = ("dense8_int4", "dense8_int4_copy", "dense8_int4_skip")
TERNARY = ("dense8_ternary", "dense8_ternary_skip")
BINARY = ("dense8_binary", "dense8_binary_skip")
KERNELS = ("dense8", "dense8_copy", "dense8_skip", "dense8_sparse", *INT4, *TERNARY, *BINARY)
CALL_SAVED = [*range(2, 18), 28, 29]


def network(
    weights: np.ndarray,
    rng: np.random.Generator,
    *,
    affine: bool = False,
    signed: bool = False,
    shift: int | None = None,
    spread: float = 0.5,
) -> Graph:
    """One dense layer and a decision. Biases reach ``spread`` times the greatest sum, so that some are clamped."""
    inputs, outputs = weights.shape
    low, high = (-128, 127) if rng.random() < 0.5 else (0, 255)
    zero = int(rng.integers(low, high + 1)) if affine else 0
    size = float(np.abs(weights.astype(np.int64)).sum(axis=0).max()) * 128 + 1
    needed = int(np.clip(np.log2(size / 128), 0, 15))
    if affine:
        multiplier = rng.integers(1 << 14, 1 << 15, outputs).astype(np.int32)
        shifts = np.clip(needed + 13 + rng.integers(-2, 3, outputs), 9, 39).astype(np.int32)
        step = Requantization(multiplier, shifts, zero, low, high)
    else:
        shifts = np.array([needed if shift is None else shift], np.int32)
        step = Requantization(np.ones(1, np.int32), shifts, 0, low, high)
    bias = rng.integers(-int(size * spread) - 1, int(size * spread) + 1, outputs)
    operator = IntegerDense(weights.astype(np.int8), bias.astype(np.int32), step)
    source = Tensor((inputs,), "int8", 1.0, 0, -128, 127) if signed else Tensor((inputs,), "uint8", 1.0, 0, 0, 255)
    output = Tensor((outputs,), "int8" if low else "uint8", 1.0, step.zero_point, low, high)
    return chain(source, (operator, output), decision="argmax" if outputs > 1 else "none")


def hard_inputs(inputs: int, signed: bool, rng: np.random.Generator) -> np.ndarray:
    """Inputs at their extremes, gaps of one, two and many zeros, runs of 254 to 257 values, and random ones."""
    index = np.arange(inputs)
    rows = [np.zeros(inputs), np.full(inputs, 255), np.full(inputs, 1)]
    rows += [
        255 * (index % 2),
        255 * (index % 2 == 0),
        255 * (index % 3 == 0),
        255 * (index % 3 != 0),
        255 * (index % 4 < 2),
    ]
    rows += [255 * (index % (run + 1) != run) for run in (254, 255, 256, 257)]
    rows += [255 * (index % (run + 2) < run) for run in (254, 255, 256)]
    rows += [255 * (index == 0), 255 * (index == inputs - 1), 255 * (index != 0), 255 * (index != inputs - 1)]
    rows += [rng.integers(0, 256, inputs) * (rng.random(inputs) < share) for share in (0.05, 0.2, 0.5, 0.9, 1.0)]
    codes = np.stack(rows).astype(np.int64)
    return (codes - 128).astype(np.int8) if signed else codes.astype(np.uint8)


def matrix(rng: np.random.Generator, inputs: int, outputs: int, kind: str, kernel: str = "") -> np.ndarray:
    """Weights that ``kernel`` can store, none so large that 24 bits do not hold the sum."""
    most = 1 if kernel in TERNARY else 7 if kernel in INT4 else 127
    weights = rng.integers(-most, most + 1, (inputs, outputs))
    if kind == "extreme":
        weights = rng.choice([-most, 0, most], (inputs, outputs))
    elif kind == "dead":
        weights[rng.random(inputs) < 0.4] = 0
        weights[:, rng.random(outputs) < 0.3] = 0
    elif kind == "sparse":
        weights[rng.random((inputs, outputs)) < 0.95] = 0
    elif kind == "zero":
        weights[:] = 0
    if kernel in BINARY:
        return rng.choice([-1, 1], (inputs, outputs)) if kind != "extreme" else np.ones((inputs, outputs), np.int64)
    limit = 1 << (18 if kernel in INT4 else 22)
    while most > 1 and (np.abs(weights).sum(axis=0) * 255).max() > limit:
        weights = np.fix(weights / 2).astype(np.int64)
    return weights


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.one_of(st.integers(1, 40), st.sampled_from([255, 256, 257])),
    outputs=st.integers(1, 20),
    kind=st.sampled_from(["random", "extreme", "dead", "sparse", "zero"]),
    affine=st.booleans(),
    signed=st.booleans(),
    kernel=st.sampled_from(KERNELS),
    prefer=st.sampled_from(["speed", "size", "balanced"]),
)
def test_three_ways(tmp_path, seed, inputs, outputs, kind, affine, signed, kernel, prefer) -> None:
    rng = np.random.default_rng(seed)
    graph = network(matrix(rng, inputs, outputs, kind, kernel), rng, affine=affine, signed=signed)
    check(graph, hard_inputs(inputs, signed, rng), tmp_path / "bench", prefer=prefer, forced=kernel)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("inputs, outputs", [(784, 9), (1000, 3), (512, 8), (2, 1), (1, 1)])
def test_large_and_small(tmp_path, kernel: str, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(inputs)
    graph = network(matrix(rng, inputs, outputs, "dead", kernel), rng, signed=False)
    check(graph, hard_inputs(inputs, False, rng), tmp_path / "bench", forced=kernel)


@pytest.mark.parametrize("shift", range(24))
def test_every_shift(tmp_path, shift: int) -> None:
    rng = np.random.default_rng(shift)
    graph = network(matrix(rng, 30, 11, "random"), rng, shift=shift)
    check(graph, hard_inputs(30, False, rng), tmp_path / "bench", forced="dense8")


def test_a_block_beyond_the_largest_object_is_left_to_others(tmp_path) -> None:
    """4,200 inputs fit the chip's SRAM, and eight of their weights no object of avr-gcc."""
    rng = np.random.default_rng(2)
    graph = network(rng.integers(-10, 11, (4200, 8)), rng)
    codes = hard_inputs(4200, False, rng)[:3]
    check(graph, codes, tmp_path / "whole")
    assert set(select(graph, Target("avrxt"))[0].candidates) == {"dense_c"}
    check(graph, codes, tmp_path / "pieces", streamed=True)
    check(network(rng.integers(-10, 11, (4200, 7)), rng), codes, tmp_path / "narrow", forced="dense8_skip")


def test_streams_beyond_the_largest_object(tmp_path) -> None:
    rng = np.random.default_rng(1)
    graph = network(matrix(rng, 600, 60, "random"), rng)
    check(graph, hard_inputs(600, False, rng)[:6], tmp_path / "bench", forced="dense8_skip")


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kernel", ["dense8", "dense_c"])
def test_constant_time(tmp_path, affine: bool, signed: bool, kernel: str) -> None:
    """Zeros, saturation either way and every class take the same number of cycles."""
    rng = np.random.default_rng(5)
    graph = network(matrix(rng, 97, 13, "dead"), rng, affine=affine, signed=signed, spread=0.02)
    codes = np.concatenate(
        [
            hard_inputs(97, signed, rng),
            rng.integers(0, 256, (40, 97)).astype(np.uint8).view(np.int8 if signed else np.uint8),
        ]
    )
    batch = check(graph, codes, tmp_path / "bench", latency="constant", forced=kernel)
    assert len(set(batch.classes)) > 1
    assert len(set(batch.cycles)) == 1


@pytest.mark.parametrize("affine", [False, True])
def test_constant_time_beyond_24_bits(tmp_path, affine: bool) -> None:
    rng = np.random.default_rng(1)
    graph = network(rng.choice([-127, 127], (600, 5)), rng, affine=affine)
    batch = check(graph, hard_inputs(600, False, rng), tmp_path / "bench", latency="constant")
    assert len(set(batch.cycles)) == 1


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("affine", [False, True])
def test_call_saved_registers(tmp_path: Path, kernel: str, affine: bool) -> None:
    rng = np.random.default_rng(7)
    graph = network(matrix(rng, 40, 11, "dead", kernel), rng, affine=affine)
    core = bench(graph, tmp_path / "bench", forced=kernel).core()
    codes = rng.integers(0, 256, 40).astype(np.uint8)
    core.write(core.call("gc_input").value, codes.tobytes())
    for number in CALL_SAVED:
        core.registers[number] = 0xA0 + number
    core.call("gc_infer")
    assert [core.registers[number] for number in CALL_SAVED] == [0xA0 + number for number in CALL_SAVED]
    assert core.registers[1] == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_portable_twin_on_the_chip(tmp_path: Path, kernel: str) -> None:
    """The C twin compiled for the AVR computes the same."""
    rng = np.random.default_rng(11)
    graph = network(matrix(rng, 40, 11, "dead", kernel), rng)
    codes = hard_inputs(40, False, rng)
    built = bench(graph, tmp_path / "bench", forced=kernel, definitions=("GC_PORTABLE",))
    np.testing.assert_array_equal(built.avr(codes).outputs, graph.run(codes.astype(np.int64)).astype(np.uint8))


@given(
    st.lists(st.tuples(st.integers(1, 600), st.integers(1, 4)), min_size=1, max_size=40),
    st.integers(1, 2),
    st.sampled_from([1, 8]),
)
@settings(max_examples=100, deadline=None)
def test_live_runs(pattern: list[tuple[int, int]], shortest: int, outputs: int) -> None:
    """Every row with a weight is in a run, runs are apart by enough dead rows, and a byte can say how many."""
    rows = np.concatenate([np.repeat([0, 1], pair) for pair in pattern])
    runs = live_runs(np.repeat(rows.reshape(-1, 1), outputs, axis=1), shortest)
    covered = np.zeros(len(rows), bool)
    position = 0
    for number, run in enumerate(runs):
        assert run.start == position + run.dead
        assert run.dead <= 255
        assert run.length >= 1
        assert run.dead >= shortest or number == 0
        covered[run.start : run.start + run.length] = True
        position = run.start + run.length
    assert covered[rows != 0].all()
    assert covered.sum() <= (rows != 0).sum() + 4 * len(pattern) + len(rows) // 256


def test_more_gaps_than_a_byte_counts(tmp_path) -> None:
    rng = np.random.default_rng(2)
    weights = matrix(rng, 1200, 8, "random")
    weights[np.arange(1200) % 4 < 2] = 0
    check(network(weights, rng), hard_inputs(1200, False, rng)[:8], tmp_path / "bench", forced="dense8_skip")


def test_sparse_with_gaps_and_long_lists(tmp_path) -> None:
    """Distances beyond a byte, more entries of one sign than a list holds, outputs without weights, and -128."""
    rng = np.random.default_rng(2)
    weights = np.zeros((1000, 5), np.int64)
    weights[[0, 255, 511, 767, 999], 0] = [1, -128, 3, 4, 127]
    weights[:, 1] = 3
    weights[999, 2] = -5
    weights[::2, 3] = rng.integers(-20, 20, 500)
    check(network(weights, rng), hard_inputs(1000, False, rng), tmp_path / "bench", forced="dense8_sparse")


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("kernel", [*KERNELS, "dense_c"])
@pytest.mark.parametrize("inputs, outputs, prefer", [(784, 32, "speed"), (200, 13, "size"), (32, 10, "balanced")])
def test_cost(tmp_path, kernel: str, inputs: int, outputs: int, affine: bool, prefer: str) -> None:
    """Cycles and flash of the cost model are within 3 percent of the simulator's and the linker's."""
    rng = np.random.default_rng(3)
    kind = "dead" if kernel.endswith("copy") else "sparse" if kernel.endswith("sparse") else "random"
    graph = network(
        matrix(rng, inputs, outputs, kind, kernel),
        rng,
        affine=affine,
    )
    share = 0.3
    codes = rng.integers(1, 256, (60, inputs)) * (rng.random((60, inputs)) < share)
    codes[0] = 255
    graph = replace(graph, input=replace(graph.input, nonzero=share))
    target = Target("avrxt", prefer)
    place = site(graph, 0, target)
    place = replace(place, layer=replace(place.layer, inputs=("hidden",)))  # zeros fall independently here
    cost = kernels()[kernel].cost(place)
    built = bench(graph, tmp_path / "bench", prefer=prefer, forced=kernel)
    core = built.core()
    measured = []
    core.watch("gc_infer")
    for row in codes.astype(np.uint8):
        core.write(core.call("gc_input").value, row.tobytes())
        core.call("gc_infer")
    measured = [call.cycles for call in core.callees() if call.name == "gc_layer_0_layer_0"]
    assert cost.worst == pytest.approx(measured[0], rel=0.03)
    assert cost.mean == pytest.approx(np.mean(measured[1:]), rel=0.03)
    sizes = {symbol.name: symbol.size for symbol in core.image.symbols if symbol.name.startswith("gc_")}
    shared = sum(size for name, size in sizes.items() if name.startswith(("gc_k_dense", "gc_clamped")))
    if kernel in (*TERNARY, *BINARY):  # pages of code begin at multiples of 512 bytes
        assert shared <= cost.shared <= shared + 512
    else:
        assert cost.shared == pytest.approx(shared, rel=0.03)
    weights = sum(size for name, size in sizes.items() if name.startswith("gc_w_"))
    assert cost.flash == pytest.approx(weights + sizes["gc_layer_0_layer_0"], rel=0.03)
