"""Latency: layers add up, means are means, and no input takes longer than what is called the maximum."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.budget.building import ROOT, Built, build
from tests.exact.harness import RAW, chain
from toolchain import manifest
from toolchain.codegen.workbench import bench
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, Layer, Tensor, verify
from toolchain.layers.activation import Clamp
from toolchain.layers.merge import Multiply
from toolchain.layers.normalization import Scaling
from toolchain.layers.recurrent import Recurrent
from toolchain.layers.softmax import integer_softmax
from toolchain.memory.elf import Image
from toolchain.quantization.scheme import SCHEMES
from toolchain.report import bars
from toolchain.report.profile import profile
from toolchain.simulator import latency, latency_stage
from toolchain.simulator.core import Core, TooLarge

WISHES: list[dict[str, str]] = [{}, {"latency": "constant"}, {"prefer": "size"}, {"input": "streamed"}]


@pytest.fixture(
    scope="module", params=[("sensor_and", w) for w in WISHES] + [("mnist_dense8", w) for w in WISHES], ids=str
)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    name, wishes = request.param
    plan = manifest.load(ROOT / "models" / f"{name}.yaml")
    return build(replace(plan, generation={**plan.generation, **wishes}), tmp_path_factory.mktemp("network"))


def measured(built: Built, count: int = 30) -> dict:
    description = json.loads(built.description.read_text())
    return latency_stage.measure(
        Core(built.elf, "atmega4809"), built.graph, description, built.codes[:count], 20_000_000
    )


def difficult(built: Built) -> np.ndarray:
    """Inputs from all corners, encoded: noise, extremes, stripes, single pixels, ramps."""
    tensor, rng = built.graph.input, np.random.default_rng(3)
    size, low, high = tensor.size, tensor.low, tensor.high
    stripes = [np.resize(pattern, size) for pattern in ([low, high], [0, 0, high], [high, 0, 0, 0, 0], [0] * 9 + [1])]
    rows = [
        *rng.integers(low, high + 1, (25, size)),
        *(rng.integers(low, high + 1, (25, size)) * (rng.random((25, size)) < 0.5)),
        np.full(size, low), np.full(size, high), np.zeros(size), np.ones(size), *stripes,
        low + np.arange(size) % (high - low + 1),
    ]  # fmt: skip
    return np.array(rows).clip(low, high).astype(tensor.dtype)


def test_layers_add_up_to_the_first_sample(built: Built) -> None:
    report = measured(built)
    assert sum(layer["cycles"] for layer in report["layers"]) == report["cycles"]
    core = Core(built.elf, "atmega4809")
    taken, _stack = core.give(built.codes[0].tobytes())
    assert taken + core.call("gc_infer").cycles == report["cycles"]


def test_the_mean_is_over_the_samples(built: Built) -> None:
    report = measured(built)
    cycles = Core(built.elf, "atmega4809").infer_many(built.codes[:30], built.graph.output.size).cycles
    assert report["cycles_mean"] == round(float(np.mean(cycles)), 1)
    assert report["samples"] == 30


def test_nothing_takes_longer_than_the_maximum(built: Built) -> None:
    report = measured(built)
    cycles = Core(built.elf, "atmega4809").infer_many(difficult(built), built.graph.output.size).cycles
    assert cycles.max() <= report["cycles_max"]
    # An upper bound that nothing comes near would say little: the dearest of these inputs comes within a tenth of it.
    assert report["cycles_max"] <= 1.1 * cycles.max() + 200


@pytest.mark.parametrize("cell, gates", [("lstm", 4), ("gru", 3), ("simple_rnn", 1)])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("optimize", ["s", "2"])
def test_no_state_takes_longer_than_the_maximum(cell: str, gates: int, scheme: str, optimize: str, tmp_path) -> None:
    """Which way a gate goes follows from a state that no input sets at once."""
    rng = np.random.default_rng(1)
    weights, state = (rng.normal(0, 0.5, (rows, gates * 6)).astype(np.float32) for rows in (4, 6))
    nothing = np.zeros(gates * 6, np.float32)
    source = Tensor((5, 4), "uint8", 2.0**-7, 0, 0, 255)
    layer = Recurrent(cell, weights, state, nothing, nothing, False, True)
    graph = chain(source, layer.quantize([source], (-1.0, 1.0), SCHEMES[scheme]()))
    made = bench(graph, tmp_path / "bench", optimize=optimize)
    description = json.loads((made.folder / "network.json").read_text())
    codes = rng.integers(0, 256, (200, 5, 4)).astype(np.uint8)
    codes[:40] = 255 * rng.integers(0, 2, (40, 5, 4))
    core = made.core()
    longest = latency.worst(core, graph, description, latency.trace(core, description, codes[0])).cycles
    cycles = made.core().infer_many(codes, graph.output.size).cycles
    assert cycles.max() <= longest <= 1.1 * cycles.max() + 200


def test_layers_that_are_alike_to_the_byte(tmp_path: Path) -> None:
    """gcc gives them one function."""
    tensor = Tensor((40,), "uint8", 1.0, 0, 0, 255)
    graph = chain(tensor, *((Clamp(0, 255 - high), tensor) for high in (1, 1, 2, 1)))
    made = bench(graph, tmp_path / "bench")
    description = json.loads((made.folder / "network.json").read_text())
    names = latency.functions(description)
    core = made.core()
    assert core.image.address(names[0]) == core.image.address(names[1]) != core.image.address(names[2])
    codes = np.full((1, 40), 255, np.uint8)
    trace = latency.trace(core, description, codes[0])
    assert list(trace.cycles) == names
    assert sum(trace.cycles.values()) == trace.call.cycles == made.core().infer_many(codes, 40).cycles[0]
    assert latency.worst(core, graph, description, trace).cycles >= trace.call.cycles
    layers = profile(made.core(), description, codes[0])
    assert [layer["cycles"] for layer in layers] == [trace.cycles[name] for name in names]


@pytest.mark.parametrize("name", ["sensor_and", "mnist_dense8"])
def test_constant_time_is_constant(name: str, tmp_path: Path) -> None:
    plan = manifest.load(ROOT / "models" / f"{name}.yaml")
    built = build(replace(plan, generation={**plan.generation, "latency": "constant"}), tmp_path)
    report = measured(built)
    assert report["cycles"] == report["cycles_mean"] == report["cycles_max"]
    cycles = Core(built.elf, "atmega4809").infer_many(difficult(built), built.graph.output.size).cycles
    assert set(cycles) == {report["cycles"]}


def test_measuring_leaves_no_trace(built: Built) -> None:
    """The worst case patches flash and overwrites memory: afterwards the chip must be as before."""
    description = json.loads(built.description.read_text())
    core = Core(built.elf, "atmega4809")
    before = core.infer_many(built.codes[:5], built.graph.output.size)
    first = latency.trace(core, description, built.codes[0])
    latency.worst(core, built.graph, description, first)
    after = core.infer_many(built.codes[:5], built.graph.output.size)
    np.testing.assert_array_equal(before.outputs, after.outputs)
    np.testing.assert_array_equal(before.cycles, after.cycles)


def test_a_chip_that_answers_otherwise_is_an_error(built: Built) -> None:
    image = Image(built.elf)
    weights = next(symbol for symbol in image.largest(99) if symbol.name.startswith("gc_w_"))
    load, address, content = image.segments[0]  # .text, where the weights are
    at = weights.address - load
    flipped = bytes(byte ^ 0x55 for byte in content[at : at + 20])
    image.segments[0] = (load, address, content[:at] + flipped + content[at + 20 :])
    core = Core(image, "atmega4809")
    description = json.loads(built.description.read_text())
    with pytest.raises(GoldcrestError, match=r"differ on .* test samples.*defect of the compiler"):
        latency_stage.measure(core, built.graph, description, built.codes[:20], 20_000_000)


def test_larger_than_the_chip_is_still_measured(tmp_path: Path) -> None:
    from tests.simulator.machines import compiled

    source = """
    #include <stdint.h>
    __attribute__((section(".progmem.data"), used)) const uint8_t bulk[%d] = {1};
    uint8_t arena[%d];
    volatile uint8_t n;
    __attribute__((noinline, used)) uint8_t work(uint8_t a) { arena[a] = a; return arena[n] + 1; }
    int main(void) { return work(3) + bulk[n]; }
    """
    unlimited = (
        "-Os", "-Wl,--defsym=__TEXT_REGION_LENGTH__=0x100000", "-Wl,--defsym=__DATA_REGION_LENGTH__=0x10000",
    )  # fmt: skip
    fits = compiled(source % (100, 100), "atmega4809", *unlimited)
    more_flash = compiled(source % (32000, 100), "atmega1608", *unlimited)
    more_data = compiled(source % (100, 7000), "atmega4809", *unlimited)
    assert more_flash.facts.flash_size > 32000
    assert more_data.facts.ram_size > 7000
    assert fits.call("work", [5]).byte == more_flash.call("work", [5]).byte == more_data.call("work", [5]).byte
    with pytest.raises(TooLarge, match="cannot be addressed on atmega4809"):
        compiled((source % (32000, 100)).replace("bulk[n]", "bulk[n] + more[n] + most[n]").replace(
            "uint8_t arena", "__attribute__((section(\".progmem.data\"), used)) const uint8_t more[32000] = {2}, "
            "most[32000] = {3};\nuint8_t arena", 1), "atmega4809", *unlimited)  # fmt: skip


def varying(kind: str) -> Graph:
    """One layer of a kind that has no constant kernel."""
    scheme, bytes_ = SCHEMES["affine"](), Tensor((12,), "uint8", 1 / 64, 128, 0, 255)
    if kind == "softmax":
        return chain(bytes_, integer_softmax(bytes_, scheme))
    if kind == "scaling":
        offsets = np.linspace(-2, 2, 12).astype(np.float32)
        return chain(bytes_, Scaling(offsets * 3, offsets).quantize([bytes_], (-2.0, 2.0), scheme))
    if kind == "multiply":
        operator, output = Multiply().quantize([bytes_, bytes_], (-2.0, 2.0), scheme)
        return verify(Graph("test", bytes_, RAW, (Layer("layer_0", ("input", "input"), operator, output),), "none", 0))
    rng = np.random.default_rng(1)
    weights, state = (rng.normal(0, 0.5, (rows, 12)).astype(np.float32) for rows in (4, 3))
    nothing = np.zeros(12, np.float32)
    source = Tensor((5, 4), "uint8", 2.0**-7, 0, 0, 255)
    layer = Recurrent("lstm", weights, state, nothing, nothing, False, False)
    return chain(source, layer.quantize([source], (-1.0, 1.0), scheme))


@pytest.mark.parametrize("kind", ["softmax", "scaling", "multiply", "recurrent"])
def test_a_layer_that_cannot_be_constant_is_named(kind: str, tmp_path: Path) -> None:
    graph = varying(kind)
    made = bench(graph, tmp_path / "bench", latency="constant")
    description = json.loads((made.folder / "network.json").read_text())
    codes = np.random.default_rng(5).integers(0, 256, (500, *graph.input.shape)).astype(np.uint8)
    codes[0], codes[1] = 0, 255
    report = latency_stage.measure(made.core(), graph, description, codes, 20_000_000)
    (spread,) = [layer["spread"] for layer in report["layers"] if "spread" in layer]
    cycles = made.core().infer_many(codes, graph.output.size).cycles
    assert 0 < int(cycles.max()) - int(cycles.min()) <= spread <= 0.1 * report["cycles"]
    parts = {"used": 1, "budget": 2}
    shown = {"program": parts, "data": parts, "latency": report, "clock_hz": 20_000_000}
    for part in ("weights", "kernels", "application", "activations", "static", "stack"):
        parts[part] = 0
    warning = [line for line in bars.lines(shown, 200) if line.startswith("warning")]
    assert warning == [
        "warning  latency: constant does not hold; by how many cycles at most the time of a layer varies: "
        f"layer_0 {spread:,}"
    ]
    for layer in report["layers"]:
        layer.pop("spread", None)
    assert not any(line.startswith("warning") for line in bars.lines(shown))


@pytest.mark.parametrize("kind", ["softmax", "scaling", "multiply", "recurrent"])
def test_who_did_not_ask_for_constant_time_is_not_warned(kind: str, tmp_path: Path) -> None:
    graph = varying(kind)
    made = bench(graph, tmp_path / "bench")
    description = json.loads((made.folder / "network.json").read_text())
    codes = np.random.default_rng(5).integers(0, 256, (300, *graph.input.shape)).astype(np.uint8)
    report = latency_stage.measure(made.core(), graph, description, codes, 20_000_000)
    assert not any("spread" in layer for layer in report["layers"])
    assert made.core().infer_many(codes, graph.output.size).cycles.max() <= report["cycles_max"]
