"""Plans: what each stage reads, and that an edit reaches only the stages it concerns."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import manifest
from toolchain.manifest import Plan

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "models").glob("*.yaml"))
TEXT = (ROOT / "models/mnist_dense32.yaml").read_text(encoding="utf-8")


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def make(text: str) -> Plan:
        path = tmp_path / "mnist_dense32.yaml"
        path.write_text(text, encoding="utf-8")
        return manifest.load(path)

    return make


def same(section: object) -> str:
    """A section as the build graph compares it."""
    return json.dumps(section, sort_keys=True)


def test_every_section_of_the_reference_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = manifest.load("models/mnist_dense32.yaml")
    scaled = {"shape": [784], "offset": -127.0, "divide": 8.0}
    assert (plan.name, plan.path) == ("mnist_dense32", "models/mnist_dense32.yaml")
    assert plan.dataset.items() >= {
        "name": "mnist", "split": {"train": 50000, "validation": 10000, "test": 10000}, "preprocess": []
    }.items()  # fmt: skip
    assert plan.training["input"] == scaled
    assert [(layer["kind"], layer["name"], layer["inputs"]) for layer in plan.training["network"]] == [
        ("dense", "dense_1", ["input"]),
        ("activation", "activation_1", ["dense_1"]),
        ("dense", "dense_2", ["activation_1"]),
        ("activation", "activation_2", ["dense_2"]),
    ]
    assert plan.training["network"][0].items() >= {"units": 32, "bias": True}.items()
    assert plan.training["training"].items() >= {
        "optimizer": {"adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}},
        "loss": "sparse_categorical_crossentropy", "epochs": 10, "batch": 64, "seed": 1,
    }.items()  # fmt: skip
    assert plan.quantization == {
        "input": scaled,
        "loss": "sparse_categorical_crossentropy",
        "quantization": {
            "scheme": "power_of_two",
            "weights": "int8",
            "calibration": 1000,
            "output": "class",
            "saturation": None,
        },
    }
    assert plan.generation.items() >= {"mcu": "atmega4809", "prefer": "speed", "latency": "data_dependent"}.items()
    assert plan.compilation == {"mcu": "atmega4809", "clock_hz": 20_000_000, "optimize": "s"}
    assert plan.memory == {"program": 49152, "data": 6144}


@pytest.mark.parametrize(
    ("old", "new", "sections"),
    [
        ("\n\nnetwork:", "\n\n\n# a comment\n\nnetwork:", set()),
        ("epochs: 10", "epochs: 1e1", set()),
        ("- activation: relu", "- activation: {function: relu}", set()),
        ("clock: 20 MHz", "clock: 20000 kHz", set()),
        ("{program: 48 KiB, data: 6 KiB}", "{}", set()),
        ("Handwritten", "Drawn", {"description"}),
        ("program: 48 KiB", "program: 40 KiB", {"memory"}),
        ("optimize: s", "optimize: s\n  time: 20 ms", {"memory"}),
        ("optimize: s", "optimize: 3", {"compilation"}),
        ("calibration: 1000", "calibration: 100", {"quantization"}),
        ("prefer: speed", "prefer: size", {"generation"}),
        ("clock: 20 MHz", "clock: 16 MHz", {"compilation", "board"}),
        ("epochs: 10", "epochs: 11", {"training"}),
        ("units: 32", "units: 33", {"training"}),
        ("divide: 8", "divide: 4", {"training", "quantization"}),
        ("test: 10000", "test: 500", {"dataset"}),
    ],
)
def test_an_edit_reaches_only_the_stages_it_concerns(plan_of, old: str, new: str, sections: set[str]) -> None:  # type: ignore[no-untyped-def]
    assert old in TEXT
    before, after = dataclasses.asdict(plan_of(TEXT)), dataclasses.asdict(plan_of(TEXT.replace(old, new)))
    assert {key for key in before if same(before[key]) != same(after[key])} == sections


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_is_sound_and_its_plan_is_json(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = dataclasses.asdict(manifest.load(path.relative_to(ROOT)))
    for made in (plan, plan["teacher"]):
        if made:
            del made["files"]
    assert json.loads(json.dumps(plan)) == plan


def test_the_widths_of_the_thesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plans = {width: manifest.load(f"models/mnist_dense{width}.yaml") for width in (8, 32, 40)}
    for width, plan in plans.items():
        assert plan.training["network"][0]["units"] == width
        assert plan.training["training"] == plans[32].training["training"]


def test_a_chip_with_less_memory_is_asked_for_its_sizes(plan_of) -> None:  # type: ignore[no-untyped-def]
    text = TEXT.replace("{program: 48 KiB, data: 6 KiB}", "{data: 1 KiB}").replace("atmega4809", "atmega328p")
    assert plan_of(text.replace("20 MHz", "16 MHz")).memory == {"program": 32768, "data": 1024}


def test_time_is_granted_in_microseconds(plan_of) -> None:  # type: ignore[no-untyped-def]
    granted = plan_of(TEXT.replace("optimize: s", "optimize: s\n  time: 12.5 ms")).memory
    assert granted == {"program": 49152, "data": 6144, "time": 12_500}


def test_reading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from toolchain import manifest; manifest.load_all('models');"
        "print([m for m in ('numpy', 'tensorflow', 'keras', 'h5py', 'jsonschema', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
