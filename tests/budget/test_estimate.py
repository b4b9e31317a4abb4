"""Estimates against images made here and now; refusals; what is said to fit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.budget.building import ROOT, build
from toolchain import manifest
from toolchain.manifest import Plan
from toolchain.memory import estimate, memory_stage
from toolchain.memory.refusal import refuse
from toolchain.memory.suggestions import fits
from toolchain.simulator import latency_stage
from toolchain.simulator.core import Core


def load(name: str) -> Plan:
    return manifest.load(ROOT / "models" / f"{name}.yaml")


def wide(units: int, **memory: int) -> Plan:
    """mnist_dense32 with another width, and budgets in bytes and microseconds."""
    plan = load("mnist_dense32")
    network = [{**entry, "units": units} if entry["name"] == "dense_1" else entry for entry in plan.training["network"]]
    return replace(plan, training={**plan.training, "network": network}, memory={**plan.memory, **memory})


@pytest.mark.parametrize("name", ["sensor_and", "mnist_dense8", "mnist_dense32", "mnist_dense40"])
def test_estimates_are_close_to_builds(name: str, tmp_path: Path) -> None:
    assert_close(load(name), tmp_path)


def assert_close(plan: Plan, folder: Path) -> None:
    """The estimate beside an image made here and now."""
    built = build(plan, folder)
    measured = memory_stage.measure(built.elf, plan.compilation["mcu"], built.usages)
    guessed = estimate.estimate(plan)
    assert abs(guessed.program - measured["program"]["used"]) <= 0.02 * measured["program"]["used"] + 300
    assert abs(guessed.data - measured["data"]["used"]) <= 60
    assert abs(guessed.weights - measured["program"]["weights"]) <= 0.01 * measured["program"]["weights"] + 60


def test_parts_add_up() -> None:
    guessed = estimate.estimate(load("mnist_dense32"))
    assert guessed.program == guessed.weights + guessed.kernels + guessed.application
    assert guessed.data == guessed.activations + guessed.static + guessed.stack
    assert guessed.parameters == 784 * 32 + 32 + 32 * 10 + 10
    assert guessed.cycles == sum(layer.cycles for layer in guessed.layers)


def test_what_fits_builds_and_what_does_not_is_refused(tmp_path: Path) -> None:
    diagnostic = refuse(wide(64))
    assert diagnostic is not None
    assert diagnostic.message.startswith("program memory: about 53,")
    assert "B needed, 49,152 B available (" in diagnostic.message
    assert diagnostic.key_path == ("target", "memory", "program")
    largest, fitting = diagnostic.notes
    assert largest.startswith("largest: dense_1 weights 50,")
    assert fitting.startswith("fits: units ≤ ")
    units = int(fitting.removeprefix("fits: units ≤ ").partition(",")[0])
    assert units >= 57
    plan = wide(units)
    assert refuse(plan) is None
    measured = memory_stage.measure(build(plan, tmp_path).elf, "atmega4809")
    assert measured["program"]["used"] <= 49152


def test_a_chance_is_not_refused() -> None:
    """Beyond what the estimate gives, but not beyond what weights alone show: training may go on."""
    plan = wide(32, program=27000)
    assert estimate.estimate(plan).program > 27000
    assert refuse(plan) is None
    assert refuse(wide(32, program=25000)) is not None


def test_pruned_weights_may_be_left_out() -> None:
    plan = wide(64)
    assert refuse(replace(plan, training={**plan.training, "pruning": {"final": 0.8}})) is None


def test_weights_that_a_large_chip_could_not_read() -> None:
    def on_the_largest(units: int) -> Plan:
        plan = wide(units, program=256 * 1024, data=8192)
        return replace(plan, compilation={**plan.compilation, "mcu": "atmega2560"})

    assert refuse(on_the_largest(80)) is None
    diagnostic = refuse(on_the_largest(90))
    assert diagnostic is not None
    assert diagnostic.key_path == ("target", "mcu")
    assert diagnostic.message == (
        "weights: at least 71,660 B needed, and the atmega2560 reads constants from the first 65,536 B of its flash"
    )
    largest, _remedy = diagnostic.notes
    assert largest.startswith("largest: dense_1 weights 70,")


def test_data_memory() -> None:
    diagnostic = refuse(wide(32, data=700))
    assert diagnostic is not None
    assert diagnostic.message.startswith("data memory: about ")
    assert diagnostic.notes[0].startswith("largest: input 784 · ")
    assert diagnostic.notes[1] == "fits: target.input: streamed (about 313 B)"
    tight = refuse(wide(32, data=300))
    assert tight is not None
    assert tight.notes[1] == (
        "fits: a chip with 1 KiB of data memory, or a smaller input (dataset.preprocess: [{downsample: 2}])"
    )


def test_no_larger_chip_is_offered_than_there_is() -> None:
    """And numbers beyond all reason are refused like others."""
    for units in (40_000, 10**30):
        plan = wide(units)
        network = [
            {**entry, "units": units} if entry["kind"] == "dense" else entry for entry in plan.training["network"]
        ]
        diagnostic = refuse(replace(plan, training={**plan.training, "network": network}))
        assert diagnostic is not None
        assert diagnostic.notes[1] == "fits: a network with fewer layers"


def streamed(plan: Plan) -> Plan:
    return replace(plan, generation={**plan.generation, "input": "streamed"})


@pytest.mark.parametrize("name", ["sensor_and", "mnist_dense8", "mnist_dense32"])
def test_estimates_of_an_input_in_pieces_are_close_to_builds(name: str, tmp_path: Path) -> None:
    assert_close(streamed(load(name)), tmp_path)


def test_the_input_in_pieces_is_what_makes_it_fit(tmp_path: Path) -> None:
    """The remedy that is named builds, and no layer but a dense one of bytes is offered it."""
    plan = streamed(wide(32, data=400))
    assert refuse(plan) is None
    assert memory_stage.measure(build(plan, tmp_path).elf, "atmega4809")["data"]["used"] <= 400
    convolution = load("mnist_cnn")
    assert "streamed" not in fits(replace(convolution, memory={**convolution.memory, "data": 700}), "data")
    assert "streamed" not in fits(streamed(wide(32, data=100)), "data")


def test_zeros_of_the_layer_that_takes_the_input_in_pieces_save_nothing() -> None:
    """The kernel that has the other weights as a list wants the whole input."""
    plain = wide(32)
    pruned = replace(plain, training={**plain.training, "pruning": {"final": 0.8, "keep": ["dense_2"]}})
    assert estimate.estimate(pruned).weights < 0.5 * estimate.estimate(plain).weights
    assert estimate.estimate(streamed(pruned)).weights == estimate.estimate(streamed(plain)).weights


RECURRENT = """\
model: steps
dataset: {{name: mnist}}
input: {{shape: [28, 28], divide: 255}}
network: [{layer}: {{units: {units}}}, dense: {{units: 10}}, activation: softmax]
training: {{loss: sparse_categorical_crossentropy, epochs: 1}}
quantization: {{scheme: affine}}
target: {{mcu: atmega4809, clock: 20 MHz}}
"""


def test_recurrent_weights_are_not_pruned(tmp_path: Path) -> None:
    (tmp_path / "steps.yaml").write_text(RECURRENT.format(layer="lstm", units=32), encoding="utf-8")
    plan = manifest.load(tmp_path / "steps.yaml")
    pruned = replace(plan, training={**plan.training, "pruning": {"final": 0.9, "keep": ["dense_1"]}})
    assert estimate.estimate(pruned) == estimate.estimate(plan)


@pytest.mark.parametrize(("layer", "units"), [("gru", 8), ("lstm", 6), ("simple_rnn", 24)])
def test_the_time_of_recurrent_layers_is_close_to_builds(layer: str, units: int, tmp_path: Path) -> None:
    (tmp_path / "steps.yaml").write_text(RECURRENT.format(layer=layer, units=units), encoding="utf-8")
    plan = manifest.load(tmp_path / "steps.yaml")
    assert estimate.estimate(plan).cycles_max == pytest.approx(longest(plan, tmp_path), rel=0.2)


def test_only_pictures_on_a_background_save_products_with_zeros() -> None:
    """Of a table of one's own nothing is known: then no value is taken for 0."""
    plan = wide(32)
    table = {"name": "npz", "file": "x.npz", "split": {"train": 1000, "validation": 100, "test": 100}}
    assert estimate.estimate(plan).cycles < 0.4 * estimate.estimate(replace(plan, dataset=table)).cycles
    assert estimate.estimate(plan).cycles_max == estimate.estimate(replace(plan, dataset=table)).cycles_max


def test_a_view_of_an_input_in_pieces_takes_no_memory() -> None:
    plain = streamed(wide(32, data=400))
    first, *rest = plain.training["network"]
    view = {"kind": "flatten", "name": "flatten_1", "inputs": ["input"]}
    network = [view, {**first, "inputs": ["flatten_1"]}, *rest]
    given = {**plain.training["input"], "shape": [28, 28, 1]}
    viewed = replace(plain, training={**plain.training, "network": network, "input": given})
    assert refuse(viewed) is None
    assert estimate.estimate(viewed).data == estimate.estimate(plain).data


def test_the_longest_inference_is_close_to_builds(tmp_path: Path) -> None:
    for index, plan in enumerate((wide(16), wide(33), wide(57), preferring(wide(12), "size"))):
        folder = tmp_path / str(index)
        folder.mkdir()
        guessed = estimate.estimate(plan).cycles_max
        assert guessed == pytest.approx(longest(plan, folder), rel=0.025)


def longest(plan: Plan, folder: Path) -> int:
    """Cycles of the longest inference of an image made here and now."""
    built = build(plan, folder)
    core = Core(built.elf, plan.compilation["mcu"])
    description = json.loads(built.description.read_text())
    measured = latency_stage.measure(core, built.graph, description, built.codes[:4], plan.compilation["clock_hz"])
    return int(measured["cycles_max"])


def preferring(plan: Plan, kernels: str) -> Plan:
    return replace(plan, generation={**plan.generation, "prefer": kernels})


def test_time(tmp_path: Path) -> None:
    diagnostic = refuse(wide(40, time=3000))
    assert diagnostic is not None
    assert diagnostic.key_path == ("target", "time")
    assert diagnostic.message.startswith("time: about 14.") and "ms needed, 3.000 ms granted (11." in diagnostic.message
    assert diagnostic.notes[0].startswith("slowest: dense_1 281,") and " cycles · dense_2 5," in diagnostic.notes[0]
    fitting = diagnostic.notes[1].removeprefix("fits: units ≤ ")
    plan = wide(int(fitting), time=3000)
    assert refuse(plan) is None
    assert longest(plan, tmp_path) <= 3000 * 20


def test_time_that_training_may_yet_meet_is_not_refused() -> None:
    """Pruned weights need not be multiplied; a smaller kernel may be another one; padding is no product."""
    assert refuse(wide(32, time=6000)) is None
    plan = wide(32, time=1000)
    assert refuse(plan) is not None
    assert refuse(replace(plan, training={**plan.training, "pruning": {"final": 0.9}})) is None


def test_faster_kernels_or_a_faster_clock_are_suggested() -> None:
    slow = preferring(wide(32, time=13_000), "size")
    assert "target.prefer: balanced (about 11.589 ms)" in fits(slow, "time")
    tiny = load("sensor_and")
    tiny = replace(tiny, compilation={**tiny.compilation, "clock_hz": 16_000_000})
    network = [{**entry, "units": 1} if entry["kind"] == "dense" else entry for entry in tiny.training["network"]]
    tiny = replace(tiny, training={**tiny.training, "network": network})
    needed = estimate.estimate(tiny).time
    smaller = "a network with fewer layers"
    for share, fitting in ((0.9, f"target.clock: 20 MHz, or {smaller}"), (0.5, smaller)):
        granted = {**tiny.memory, "time": round(share * needed)}
        assert fits(replace(tiny, memory=granted), "time") == fitting


def test_narrower_for_data_memory() -> None:
    """Activations of one wide layer: the suggestion is a width, and the estimate agrees that it fits."""
    plan = load("sensor_and")
    network = [{**entry, "units": 900} if entry["name"] == "dense_1" else entry for entry in plan.training["network"]]
    plan = replace(plan, training={**plan.training, "network": network}, memory={**plan.memory, "data": 600})
    assert refuse(plan) is not None
    fitting = fits(plan, "data")
    assert fitting.startswith("dense_1 units ≤ ")
    units = int(fitting.rpartition(" ")[2])
    network = [{**entry, "units": units} if entry["name"] == "dense_1" else entry for entry in network]
    narrowed = estimate.estimate(replace(plan, training={**plan.training, "network": network}))
    assert 0.9 * 600 < narrowed.data <= 600


def test_smaller_kernels_are_suggested() -> None:
    """Straight-line convolutions that do not fit: tables of weights would."""
    plan = load("mnist_cnn")
    tight = replace(plan, memory={**plan.memory, "program": 22000})
    assert estimate.estimate(tight).program > 22000
    assert "target.prefer: balanced (about " in fits(tight, "program")


def test_a_measured_size_corrects_the_suggestion() -> None:
    plan = wide(64)
    honest = fits(plan, "program")
    heavier = fits(plan, "program", used=estimate.estimate(plan).program + 2000)
    assert int(heavier.split("≤ ")[1].split(",")[0]) < int(honest.split("≤ ")[1].split(",")[0])


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "models").glob("*.yaml")))
def test_no_model_of_the_project_is_refused(name: str) -> None:
    plan = load(name)
    assert refuse(plan) is None
    guessed = estimate.estimate(plan)
    assert guessed.program > 0
    assert guessed.data > 0
    assert guessed.cycles > 0


def test_every_layer_kind_is_estimated() -> None:
    """No kind may surprise the graph while it is read: each gets a cost, whatever its options."""
    from toolchain.layers.registry import kinds
    from toolchain.memory import calibration

    for kind in kinds():
        for prefer in ("speed", "size", "balanced"):
            cost = calibration.cost({"kind": kind, "function": "relu", "filters": 4}, 100, prefer)
            assert cost.code >= 0


def test_nothing_heavy_is_imported() -> None:
    """The build graph is read on every run: neither numpy nor TensorFlow nor an ELF reader may be needed for it."""
    code = (
        "import sys\nfrom toolchain import manifest\nfrom toolchain.memory import estimate, refusal\n"
        "plan = manifest.load('models/mnist_dense32.yaml')\n"
        "estimate.estimate(plan)\nassert refusal.refuse(plan) is None\n"
        "print([m for m in ('numpy', 'tensorflow', 'h5py', 'elftools', 'intelhex', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def convolutional(filters: int, *, pooled: str, **memory: int) -> Plan:
    """Windows over the whole picture, and the greatest of each 2 × 2 of them."""
    plan = load("mnist_cnn")
    options = {"kernel": 3, "stride": 1, "padding": "valid", "dilation": 1, "bias": True}
    layers = [
        {"kind": "convolution", "filters": filters, **options},
        {"kind": "activation", "function": "relu", "alpha": None},
        {"kind": pooled, "size": 2, "stride": None, "padding": "valid"},
        {"kind": "depthwise_convolution", "multiplier": 1, **options},
        {"kind": "global_average_pooling"},
        {"kind": "dense", "units": 10, "bias": True},
    ]
    network = [{**each, "name": f"l{n}", "inputs": [f"l{n - 1}" if n else "input"]} for n, each in enumerate(layers)]
    training = {**plan.training, "network": network, "pruning": None}
    return replace(plan, training=training, memory={**plan.memory, **memory})


def test_a_picture_that_is_pooled_at_once_is_never_in_memory(tmp_path: Path) -> None:
    """26 × 26 × 16 values would be more than the chip has; what is refused for it would have fitted."""
    plan = convolutional(16, pooled="max_pooling")
    assert plan.memory["data"] < 26 * 26 * 16
    assert refuse(plan) is None
    built = build(plan, tmp_path)
    measured = memory_stage.measure(built.elf, plan.compilation["mcu"], built.usages)["data"]["used"]
    assert measured <= plan.memory["data"]
    assert estimate.estimate(plan).data == pytest.approx(measured, rel=0.1)
    assert refuse(convolutional(16, pooled="average_pooling")) is not None
