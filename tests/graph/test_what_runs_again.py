"""An edit runs again the stages that read what was edited, and no others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.graph.project import Project

MANIFEST = "models/sensor_and.yaml"
BUILD = "model=sensor_and"
AFTER_COMPILING = {"link", "memory", "latency", "budget"}
AFTER_QUANTIZING = {"generate", "compile", "host", "accuracy", *AFTER_COMPILING}


def stages(project: Project, *arguments: str, cache: str = "off") -> set[str]:
    run = project.scons(BUILD, *arguments, cache=cache)
    assert run.status == 0, run.out + run.err
    return set(run.stages)


def test_nothing_changed(built: Project) -> None:
    assert stages(built) == set()


def test_comment(built: Project) -> None:
    built.edit(MANIFEST, "network:", "# about the network\n\nnetwork:   # below")
    assert stages(built) == set()


def test_description(built: Project) -> None:
    built.edit(MANIFEST, "description: ", "description: that is to say, ")
    assert stages(built) == set()


def test_the_same_in_other_words(built: Project) -> None:
    built.edit(MANIFEST, "48 KiB", "49152 B")
    assert stages(built) == set()


def test_touch(built: Project) -> None:
    for path in built.root.rglob("*"):
        if path.is_file() and path.name != ".sconsign.dblite":
            os.utime(path)
    assert stages(built) == set()


def test_a_trained_file_and_the_history_beside_it(built: Project) -> None:
    model = "build/sensor_and/model.h5"
    for suffix in ("h5", "history.json"):
        shutil.copy(built.root / f"build/sensor_and/model.{suffix}", built.root / f"models/kept.{suffix}")
    built.edit(MANIFEST, "training:", "training:\n  trained: models/kept.h5")
    assert stages(built, model) == {"train"}
    built.edit("models/kept.history.json", '"schema"', '"note": "looked through",\n "schema"')
    assert stages(built, model) == {"train"}
    assert "looked through" in (built.root / "build/sensor_and/model.history.json").read_text(encoding="utf-8")
    assert stages(built, model) == set()


def test_budget(built: Project) -> None:
    built.edit(MANIFEST, "48 KiB", "40 KiB")
    assert stages(built) == {"budget"}


def test_time(built: Project) -> None:
    built.edit(MANIFEST, "optimize: s", "optimize: s\n  time: 10 ms")
    assert stages(built) == {"budget"}
    built.edit(MANIFEST, "time: 10 ms", "time: 90 us")
    image = built.root / "build/sensor_and/firmware.hex"
    assert image.exists()
    run = built.scons(BUILD)
    assert (run.status, run.stages) == (2, ["budget"])
    assert "30:3: error: time: 0.1" in run.err and " ms needed, 0.090 ms granted (0.0" in run.err, run.err
    assert not image.exists()


def test_optimization(built: Project) -> None:
    built.edit(MANIFEST, "optimize: s", "optimize: 2")
    again = stages(built)
    assert {"compile", "link"} <= again <= {"compile", *AFTER_COMPILING}


def test_quantization(built: Project) -> None:
    built.edit(MANIFEST, "calibration: 1000", "calibration: 999")
    again = stages(built)
    assert "quantize" in again
    assert again <= {"quantize", *AFTER_QUANTIZING}


def test_clock(built: Project) -> None:
    built.edit(MANIFEST, "clock: 20 MHz", "clock: 16 MHz")
    again = stages(built)
    assert {"compile", "link", "latency"} <= again <= {"compile", *AFTER_COMPILING}


def test_training(built: Project) -> None:
    built.edit(MANIFEST, "seed: 1", "seed: 2")
    again = stages(built)
    assert {"train", "quantize"} <= again <= {"train", "quantize", *AFTER_QUANTIZING}


def test_program_of_one_stage(built: Project) -> None:
    source = built.root / "toolchain/report/budget_stage.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert stages(built) == {"budget"}


def test_how_manifests_are_read_decides_no_weights(built: Project) -> None:
    """A check, a message, the estimate: the plan says the same, so nothing is trained or quantized again."""
    for module in ("manifest/checks.py", "manifest/schema.py", "memory/estimate.py"):
        source = built.root / "toolchain" / module
        source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert stages(built) == {"budget"}


@pytest.mark.parametrize("module", ["training/optimizers.py", "layers/dense.py", "errors.py"])
def test_what_a_training_runs_trains_again(built: Project, module: str) -> None:
    source = built.root / "toolchain" / module
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "train" in stages(built)


def test_header_of_the_firmware(built: Project) -> None:
    header = built.root / "firmware/runtime/gc.h"
    header.write_text(header.read_text(encoding="utf-8") + "\n/* the same */\n", encoding="utf-8")
    again = stages(built)
    assert "compile" in again
    assert again <= {"compile", "host", *AFTER_COMPILING}


def test_a_removed_result_is_made_again(built: Project) -> None:
    (built.root / "build/sensor_and/quantized.npz").unlink()
    assert stages(built) == {"quantize"}  # the same bytes: what follows has nothing to do


@pytest.mark.parametrize("name", ["model.h5", "quantized.npz", "obj/network.c.o", "firmware.elf", "plan/training.json"])
def test_a_torn_result_is_made_again(built: Project, built_once: Project, name: str) -> None:
    path = built.root / "build/sensor_and" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    stages(built)
    assert path.read_bytes() == whole
    assert built.results("sensor_and") == built_once.results("sensor_and")


def test_a_clone_takes_all_from_the_shared_cache(fresh: Project, built_once: Project, cache: str) -> None:
    run = fresh.scons(BUILD, cache=cache)
    assert run.status == 0, run.out + run.err
    assert run.stages == []
    assert {"dataset", "train", "quantize", "generate", "link"} <= set(run.fetched)
    assert fresh.results("sensor_and") == built_once.results("sensor_and")
    assert stages(fresh, cache=cache) == set()


def test_memory_shows_as_soon_as_its_report_comes_from_the_cache(fresh: Project, cache: str) -> None:
    run = fresh.scons(BUILD, "flash", cache=cache)
    assert run.status == 0, run.out + run.err
    lines = run.out.splitlines()
    arrival = next(index for index, line in enumerate(lines) if line.startswith("budget "))
    assert lines[arrival].endswith("from the cache")
    assert [line.split()[0] for line in lines[arrival + 1 : arrival + 4]] == ["program", "data", "latency"]
    assert any(line.startswith("flash ") for line in lines[arrival + 4 :])
    assert run.out.count("program  [") == 1


def test_half_of_what_a_stage_makes_is_not_taken_from_the_cache(
    fresh: Project, built_once: Project, cache: str, tmp_path: Path
) -> None:
    image = built_once.results("sensor_and")["firmware.hex"]
    torn = Path(shutil.copytree(cache, tmp_path / "cache"))
    (held,) = (path for path in torn.rglob("*") if path.is_file() and path.read_bytes() == image)
    held.unlink()
    run = fresh.scons(BUILD, cache=str(torn))
    assert run.status == 0, run.out + run.err
    assert run.stages == ["budget"]
    assert "budget" not in run.fetched
    assert run.out.count("program  [") == 1
    assert fresh.results("sensor_and") == built_once.results("sensor_and")


def test_two_models_share_their_data(fresh: Project, cache: str) -> None:
    text = (fresh.root / MANIFEST).read_text(encoding="utf-8")
    (fresh.root / "models/sensor_too.yaml").write_text(
        text.replace("model: sensor_and", "model: sensor_too").replace("seed: 1", "seed: 3"), encoding="utf-8"
    )
    run = fresh.scons("model=sensor_and,sensor_too", "-j2", cache=cache)
    assert run.status == 0, run.out + run.err
    assert run.stages.count("train") == 1
    assert "dataset" not in run.stages
    assert len(list(Path(fresh.root, "build/datasets").glob("*.npz"))) == 1


def test_cleaning_keeps_trained_models(built: Project) -> None:
    assert built.scons(BUILD, "-c").status == 0
    assert (built.root / "build/sensor_and/model.h5").exists()
    assert not (built.root / "build/sensor_and/firmware.hex").exists()
    again = stages(built)
    assert "train" not in again
    assert "quantize" in again


def test_explanations_speak_of_the_manifest(built: Project) -> None:
    built.edit(MANIFEST, "48 KiB", "40 KiB")
    run = built.scons(BUILD, "--debug=explain")
    assert f"because `the memory section of {MANIFEST}' changed" in run.out
    assert "rebuilding `build/sensor_and/report.json' because `build/sensor_and/plan/memory.json' changed" in run.out
    assert run.out.count("rebuilding `") == 2
