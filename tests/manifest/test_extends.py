"""Manifests that start from other ones, and where their values stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import manifest
from toolchain.manifest import InvalidManifest

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "tests/failing/base/good.yaml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"model: {path.stem}\n{text}", encoding="utf-8")
    return path


def test_mappings_are_merged_and_lists_replaced() -> None:
    write("middle", "extends: good.yaml\ntraining: {epochs: 7, batch: 16}\ninput: {offset: -3}\n")
    plan = manifest.load(
        write(
            "child",
            "extends: middle.yaml\ntraining: {batch: 8}\nnetwork: [{dense: {units: 10}}, {activation: softmax}]\n",
        )
    )
    training = plan.training["training"]
    assert (training["epochs"], training["batch"]) == (7, 8)
    assert plan.training["input"] == {"shape": [784], "offset": -3.0, "divide": 255.0}
    assert [layer["kind"] for layer in plan.training["network"]] == ["dense", "activation"]
    assert plan.files == ("child.yaml", "middle.yaml", "good.yaml")


def test_null_takes_an_inherited_value_away() -> None:
    write("middle", "extends: good.yaml\ntraining: {batch: 16}\ntarget: {memory: {program: 1 KiB}}\n")
    plan = manifest.load(write("child", "extends: middle.yaml\ntraining: {batch: null}\ntarget: {memory: ~}\n"))
    assert plan.training["training"]["batch"] == 32
    assert plan.memory["program"] == 48 * 1024


def test_another_choice_replaces_the_inherited_one() -> None:
    write("middle", "extends: good.yaml\ntraining: {optimizer: {adam: {beta_1: 0.5}}, schedule: {cosine: {}}}\n")
    same = manifest.load(write("same", "extends: middle.yaml\ntraining: {optimizer: {adam: {learning_rate: 0.1}}}\n"))
    assert same.training["training"]["optimizer"]["adam"].items() >= {"beta_1": 0.5, "learning_rate": 0.1}.items()
    other = manifest.load(
        write(
            "other",
            "extends: middle.yaml\ntraining: {optimizer: {sgd: {momentum: 0.9}}, schedule: {steps: {epochs: [3]}}}\n",
        )
    )
    assert list(other.training["training"]["optimizer"]) == ["sgd"]
    assert list(other.training["training"]["schedule"]) == ["steps"]


def test_model_and_description_are_not_inherited() -> None:
    path = Path("child.yaml")
    path.write_text("extends: good.yaml\n", encoding="utf-8")
    with pytest.raises(InvalidManifest, match="needs `model`"):
        manifest.load(path)


def test_the_path_is_relative_to_the_manifest_that_names_it() -> None:
    write("deep/er/base", "extends: ../../good.yaml\ntraining: {epochs: 4}\n")
    assert manifest.load(write("other/child", "extends: ../deep/er/base.yaml\n")).training["training"]["epochs"] == 4


def test_places() -> None:
    path = write("child", "extends: good.yaml\ntarget:\n  memory: {program: 48 KiB, data: 6 KiB}\n")
    assert manifest.locate(path, ("target", "memory", "program")) == (4, 12)
    assert manifest.locate(path, ("target", "memory", "program"), value=True) == (4, 21)
    assert manifest.locate(path, ("target", "memory")) == (4, 3)
    assert manifest.locate(path, ("target", "prefer")) == (3, 1), "not written: the mapping that lacks it"
    assert manifest.locate(path, ("network", 2, "dense", "units")) == (7, 13), "inherited: a line of the other file"
    assert manifest.place(path, ("network", 2, "dense", "units")).source.file == "good.yaml"
    assert manifest.locate(path, ("nothing",)) == (1, 1)


def test_an_error_of_a_later_stage() -> None:
    path = write("big", "extends: good.yaml\ntarget:\n  memory: {program: 48 KiB, data: 6 KiB}\n")
    message = "program memory: 52,310 B needed, 49,152 B available (3,158 B over)"
    error = manifest.error_at(path, ("target", "memory", "program"), message, "fits: units ≤ 59")
    assert str(error) == (
        f"big.yaml:4:12: error: {message}\n"
        "    4 |   memory: {program: 48 KiB, data: 6 KiB}\n"
        "      |            ^\n"
        "  fits: units ≤ 59\n\n"
        "1 error in big.yaml"
    )


def test_all_manifests_of_a_folder() -> None:
    assert [plan.name for plan in manifest.load_all(".")] == ["good"]
    write("another", "extends: good.yaml\n")
    assert [plan.name for plan in manifest.load_all(".")] == ["another", "good"]
    Path("copy.yaml").write_text(GOOD.replace("epochs: 10", "epochs: 0"), encoding="utf-8")
    with pytest.raises(manifest.InvalidManifest.__mro__[1]) as caught:
        manifest.load_all(".")
    text = str(caught.value)
    assert "the model `good` stands in a file called `copy`" in text
    assert "`epochs` must be at least 1" in text
    assert "good.yaml:1:8: error: two models are called `good`" in text and "the other one is copy.yaml" in text


def test_colours_only_where_asked_for() -> None:
    with pytest.raises(InvalidManifest) as caught:
        manifest.load(write("wrong", "extends: good.yaml\ninput: {divide: 0, shape: [7]}\n"))
    from rich.text import Text

    marked = manifest.coloured(str(caught.value))
    assert "[bold red]error:[/]" in marked
    assert Text.from_markup(marked).plain == str(caught.value)
