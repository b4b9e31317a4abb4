"""The budget stage: report.json always, firmware.hex only if it fits, and the error's exact words."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from intelhex import IntelHex

from tests.budget.building import ROOT, Built, build
from toolchain import manifest
from toolchain.board import image
from toolchain.errors import BudgetError
from toolchain.ir import store
from toolchain.manifest import InvalidManifest
from toolchain.memory import memory_stage
from toolchain.quantization.ranges import proof
from toolchain.report import bars, budget_stage
from toolchain.simulator import latency_stage
from toolchain.simulator.core import Core

ACCURACY = {"schema": 1, "samples": 10000, "compared": 256, "float": 0.9441, "quantized": 0.9437, "error": None}


@dataclass(frozen=True)
class Case:
    """A model's folder with everything that the budget stage reads."""

    folder: Path
    manifest: Path
    built: Built

    def run(self, **changes: Any) -> dict[str, Any]:
        """Runs the stage; returns report.json. Raises what the stage raises."""
        names = ("memory", "latency", "accuracy", "ranges", "report")
        paths = {name: self.folder / f"{name}.json" for name in names}
        args = {
            "plan": self.folder / "plan.json", **paths, "elf": self.built.elf, "output": paths["report"],
            "hex": self.folder / "firmware.hex", "manifest": self.manifest, "evaluation": None,
        }  # fmt: skip
        budget_stage.run(argparse.Namespace(**{**args, **changes}))
        return self.report

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report.json").read_text())

    @property
    def hex(self) -> Path:
        return self.folder / "firmware.hex"

    def grant(self, program: int = 49152, data: int = 6144, time: int | None = None) -> None:
        """Budgets in bytes and microseconds, in the plan and in the manifest."""
        plan = {"program": program, "data": data, **({} if time is None else {"time": time})}
        (self.folder / "plan.json").write_text(json.dumps(plan))
        text = re.sub(r"  time: .*\n", "", self.manifest.read_text())
        granted = "" if time is None else f"  time: {time} us\n"
        text = re.sub(r"  memory: \{.*\}", f"{granted}  memory: {{program: {program} B, data: {data} B}}", text)
        self.manifest.write_text(text)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("models") / "mnist_dense8"
    folder.mkdir()
    path = folder / "mnist_dense8.yaml"
    text = (ROOT / "models" / "mnist_dense32.yaml").read_text()
    path.write_text(text.replace("mnist_dense32", "mnist_dense8").replace("units: 32", "units: 8"))
    built = build(manifest.load(path), folder)
    core = Core(built.elf, "atmega4809")
    description = json.loads(built.description.read_text())
    results = {
        "memory": memory_stage.measure(built.elf, "atmega4809", built.usages),
        "latency": latency_stage.measure(core, built.graph, description, built.codes[:20], 20_000_000),
        "accuracy": ACCURACY,
        "ranges": proof(store.load(built.network), built.codes),
    }
    for name, content in results.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return Case(folder, path, built)


@pytest.fixture
def case(model: Case) -> Case:
    model.grant()
    for name in ("firmware.hex", "report.json", "evaluation.json"):
        (model.folder / name).unlink(missing_ok=True)
    return model


def test_the_image_is_the_flash(case: Case) -> None:
    report = case.run()
    content = bytes(IntelHex(str(case.hex)).tobinarray(start=0))
    core = Core(case.built.elf, "atmega4809")
    assert content == core.read_flash(0, len(content))
    assert len(content) == report["program"]["used"]


def test_the_report_has_every_field_of_the_contract(case: Case) -> None:
    report = case.run()
    assert list(report) == [
        "schema", "model", "mcu", "clock_hz", "compiler", "program", "data", "latency", "accuracy", "layers",
    ]  # fmt: skip
    assert (report["schema"], report["model"], report["mcu"]) == (1, "mnist_dense8", "atmega4809")
    assert report["clock_hz"] == 20_000_000
    program, data, latency = report["program"], report["data"], report["latency"]
    assert set(program) == {"used", "budget", "weights", "kernels", "application"}
    assert program["used"] == program["weights"] + program["kernels"] + program["application"]
    assert set(data) == {"used", "budget", "static", "activations", "stack"}
    assert data["used"] == data["static"] + data["activations"] + data["stack"]
    assert set(latency) == {"cycles", "cycles_mean", "cycles_max", "ms", "layers"}
    assert latency["cycles"] == sum(layer["cycles"] for layer in latency["layers"])
    assert latency["cycles_mean"] <= latency["cycles_max"]
    assert latency["ms"] == pytest.approx(latency["cycles_mean"] / 20_000, rel=1e-3)
    assert all(set(layer) == {"name", "kind", "macs", "cycles"} for layer in latency["layers"])
    assert report["accuracy"] == {"float": 0.9441, "quantized": 0.9437, "board": None, "samples": 10000}
    fields = {"name", "kind", "shape", "minimum", "maximum", "saturated", "weight_bits", "weight_bytes", "nonzero"}
    assert all(set(layer) == fields for layer in report["layers"])


def test_the_same_image_is_the_same_file(case: Case) -> None:
    case.run()
    first = case.hex.read_bytes()
    case.run()
    assert case.hex.read_bytes() == first


def test_program_memory_exceeded(case: Case) -> None:
    case.run()
    assert case.hex.exists()
    used = case.report["program"]["used"]
    case.grant(program=8000)
    with pytest.raises(InvalidManifest) as caught:
        case.run()
    assert not case.hex.exists()
    assert case.report["program"]["budget"] == 8000
    lines = str(caught.value).splitlines()
    program = case.report["program"]
    weights = case_weights(case)
    place = next(n for n, line in enumerate(case.manifest.read_text().splitlines(), 1) if "memory:" in line)
    assert lines[0].endswith(
        f"mnist_dense8.yaml:{place}:12: error: program memory: {used:,} B needed, "
        f"8,000 B available ({used - 8000:,} B over)"
    )
    assert lines[1] == f"{place:>5} |   memory: {{program: 8000 B, data: 6144 B}}"
    assert lines[2] == "      |            ^"
    assert lines[3] == (
        f"  largest: dense_1 weights {weights:,} · application {program['application']:,} · "
        f"kernels {program['kernels']:,}"
    )
    assert re.fullmatch(r"  fits: units ≤ [67].*", lines[4])


def case_weights(case: Case) -> int:
    memory = json.loads((case.folder / "memory.json").read_text())
    return next(layer["bytes"] for layer in memory["weights"] if layer["name"] == "dense_1")


def test_both_memories_exceeded(case: Case) -> None:
    case.grant(program=8000, data=850)
    with pytest.raises(InvalidManifest) as caught:
        case.run()
    text = str(caught.value)
    assert "program memory: " in text
    assert "data memory: " in text
    assert "  largest: activations " in text
    assert text.endswith(f"2 errors in {case.manifest}")
    assert not case.hex.exists()


def test_time_exceeded(case: Case) -> None:
    """The error names the key's line, the slowest layers and a width that is fast enough; memories hold."""
    case.run()
    cycles = case.report["latency"]["cycles_max"]
    assert "budget_ms" not in case.report["latency"]
    case.grant(time=2000)
    with pytest.raises(InvalidManifest) as caught:
        case.run()
    assert not case.hex.exists()
    assert case.report["latency"]["budget_ms"] == 2.0
    used = -(-cycles // 20)  # microseconds at 20 MHz
    lines = str(caught.value).splitlines()
    place = next(n for n, line in enumerate(case.manifest.read_text().splitlines(), 1) if "time:" in line)
    assert lines[0].endswith(
        f"mnist_dense8.yaml:{place}:3: error: time: {used / 1000:.3f} ms needed, 2.000 ms granted "
        f"({(used - 2000) / 1000:.3f} ms over)"
    )
    assert lines[1:3] == [f"{place:>5} |   time: 2000 us", "      |   ^"]
    notes = " ".join(line.strip() for line in lines[3:])  # as wide as a terminal
    slowest = r"slowest on the first test sample: dense_1 [\d,]+ cycles · dense_2 [\d,]+ · class [\d,]+"
    assert re.match(rf"{slowest} fits: units ≤ [4567] ", notes)


def test_exactly_the_time_fits(case: Case) -> None:
    case.run()
    used = -(-case.report["latency"]["cycles_max"] // 20)
    case.grant(time=used)
    case.run()
    assert case.hex.exists()
    case.grant(time=used - 1)
    with pytest.raises(InvalidManifest, match=r"\(0\.001 ms over\)"):
        case.run()


def test_an_image_that_was_not_run_exceeds_no_time(case: Case) -> None:
    """It is larger than the chip: that is the error, and the only one."""
    latency = json.loads((case.folder / "latency.json").read_text())
    unknown = case.folder / "unmeasured.json"
    unknown.write_text(json.dumps(latency | dict.fromkeys(("cycles", "cycles_mean", "cycles_max", "ms"))))
    case.grant(program=8000, time=1)
    with pytest.raises(InvalidManifest, match="program memory") as caught:
        case.run(latency=unknown)
    assert "time:" not in str(caught.value).splitlines()[0] and "1 error in" in str(caught.value)


def test_exactly_the_budget_fits(case: Case) -> None:
    memory = json.loads((case.folder / "memory.json").read_text())
    used = {name: memory[name]["used"] for name in ("program", "data")}
    case.grant(**used)
    case.run()
    assert case.hex.exists()
    case.grant(program=used["program"] - 1, data=used["data"])
    with pytest.raises(InvalidManifest, match=r"\(1 B over\)"):
        case.run()


def test_without_a_manifest_the_numbers_remain(case: Case) -> None:
    case.grant(program=8000)
    with pytest.raises(BudgetError, match=r"program memory: [\d,]+ B needed, 8,000 B available"):
        case.run(manifest=None)


def test_the_boards_accuracy_belongs_to_its_image(case: Case) -> None:
    case.run()
    path = case.folder / "evaluation.json"
    digest = hashlib.sha256(image.read(case.hex)).hexdigest()
    path.write_text(json.dumps({"image_sha256": digest, "accuracy": {"board": 0.9437, "float": 0.9441}}))
    assert case.run(evaluation=path)["accuracy"]["board"] == 0.9437
    path.write_text(json.dumps({"image_sha256": "0" * 64, "accuracy": {"board": 0.9437}}))
    assert case.run(evaluation=path)["accuracy"]["board"] is None
    path.write_text("torn")
    assert case.run(evaluation=path)["accuracy"]["board"] is None


def test_bars(case: Case, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # what a terminal, or the process that runs the tests, may set
    case.run()
    shown = capsys.readouterr().out.splitlines()
    assert shown == bars.lines(case.report)
    narrow = bars.lines(case.report, 80)
    assert max(map(len, narrow)) <= 80
    assert [line.split()[0] for line in narrow if not line.startswith(" ")] == ["program", "data", "latency"]


def test_bars_as_in_the_design() -> None:
    report: dict[str, Any] = {
        "clock_hz": 20_000_000,
        "program": {"used": 27112, "budget": 49152, "weights": 25450, "kernels": 912, "application": 750},
        "data": {"used": 1214, "budget": 6144, "activations": 816, "static": 96, "stack": 302},
        "latency": {"cycles": 160000, "cycles_mean": 160000.0, "ms": 8.0, "layers": [{"macs": 25408}]},
    }
    assert bars.lines(report) == [
        "program  [=====.....]  55.2 %  27,112 of 49,152 B     weights 25,450  kernels 912  application 750",
        "data     [=.........]  19.8 %   1,214 of  6,144 B     activations 816  static 96  stack 302",
        "latency                         8.00 ms at 20 MHz     160,000 cycles, 6.3 per product",
    ]
    report["latency"] |= {"cycles_max": 345_601, "budget_ms": 20.0}
    assert bars.lines(report)[3] == "time     [========..]  86.4 %  17.281 of 20.000 ms    worst case 345,601 cycles"
    assert bars.lines(report, 60)[-2:] == [
        "time     [========..]  86.4 %  17.281 of 20.000 ms", "         worst case 345,601 cycles"
    ]  # fmt: skip
    report["latency"] = {"cycles": None, "cycles_mean": None, "ms": None, "layers": []}
    assert (
        bars.lines(report)[2]
        == "latency                         not measured          the image is too large to be run"
    )
