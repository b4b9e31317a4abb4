"""The model files under version control: each is its manifest's own training, exact in integers and as good as asked.

``GOLDCREST_RETRAIN=mnist_cnn_2k pytest tests/training/test_trained.py`` trains one anew and compares.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.training.conftest import arguments
from toolchain import manifest
from toolchain.datasets import dataset_stage, registry
from toolchain.training import aware_check, train_stage, trained

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "models/trained").glob("*.h5"))
LEAST = {"mnist_cnn_2k": 0.988, "mnist_cnn_4k": 0.992, "mnist_cnn_16k": 0.994, "mnist_cnn_best": 0.995}
"""The share of the 10,000 test images that each must read, from the issue that asked for it. Others teach."""
SPLITS = {  # MNIST's division: the sum of its samples
    (50_000, 10_000): "baf667",
    (55_000, 5_000): "673a06",
}


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def declared(name: str) -> Any:
    """The plan of a model, or what its students say of a teacher."""
    path = Path(f"models/{name}.yaml")
    if path.is_file():
        return manifest.load(path)
    plans = (manifest.load(f"models/{student}.yaml") for student in LEAST)
    return next(plan.teacher for plan in plans if plan.teacher is not None and plan.teacher.name == name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_the_result_of_its_manifest(path: Path) -> None:
    plan = declared(path.stem)
    assert plan.training["training"]["trained"] == f"models/trained/{path.name}"
    split = plan.dataset["split"]
    assert split["test"] == 10_000
    of_plan, of_data = trained.training_of(path).split(":")
    assert of_plan == trained.plan_digest(plan.training), "the manifest has changed: train it again"
    assert of_data.startswith(SPLITS[split["train"], split["validation"]])
    told = json.loads(trained.history_path(path).read_text())
    assert told["test"]["samples"] == 10_000
    if path.stem in LEAST:
        assert told["integers"] == {"compared": 10_000, "equal": 10_000}
        assert told["test"]["accuracy"] >= LEAST[path.stem]


def test_every_model_that_must_be_there_is() -> None:
    assert set(LEAST) <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", [path for path in FILES if path.stem in LEAST], ids=lambda path: path.stem)
def test_its_weights_lie_on_their_grid(path: Path) -> None:
    with h5py.File(path) as file:
        for name, group in file["goldcrest"].items():
            kernel = file[f"model_weights/{name}/{name}/kernel"][:]
            codes = kernel / group["steps"][:]
            assert np.abs(codes - np.rint(codes)).max() < 1e-4 and np.abs(codes).max() < 127.5


@pytest.mark.parametrize("name", LEAST)
def test_the_integers_read_what_the_training_graph_read(name: str) -> None:
    """The share of the 10,000 test images that the graph had right in training is that of the integer reference."""
    plan, path = declared(name), ROOT / f"models/trained/{name}.h5"
    splits = registry.load(plan.dataset)
    graph = aware_check.reference(plan.training, path.read_bytes(), splits)
    x, right = splits.x["test"], 0
    for start in range(0, len(x), aware_check.BATCH):
        part = slice(start, start + aware_check.BATCH)
        found = graph.classify(graph.run(graph.encode(x[part]).astype(np.int64)))
        right += int(np.sum(found == splits.y["test"][part]))
    told = json.loads(trained.history_path(path).read_text())
    assert right == round(10_000 * told["test"]["accuracy"])


@pytest.mark.skipif("GOLDCREST_RETRAIN" not in os.environ, reason="takes minutes: GOLDCREST_RETRAIN=model")
def test_its_manifest_makes_it_again(tmp_path: Path) -> None:
    name = os.environ["GOLDCREST_RETRAIN"]
    plan = declared(name)
    training = {**plan.training, "training": {**plan.training["training"], "trained": None}}
    for section, value in (("plan", training), ("dataset", plan.dataset)):
        (tmp_path / f"{section}.json").write_text(json.dumps(value))
    data, output = tmp_path / "data.npz", tmp_path / "model.h5"
    dataset_stage.run(argparse.Namespace(plan=tmp_path / "dataset.json", output=data))
    teacher = plan.teacher and Path(plan.teacher.training["training"]["trained"])
    train_stage.run(arguments(tmp_path / "plan.json", data, output, teacher))
    assert trained.training_of(output) == trained.training_of(ROOT / f"models/trained/{name}.h5")
    made, kept = (_arrays(path) for path in (output, ROOT / f"models/trained/{name}.h5"))
    assert made.keys() == kept.keys() and all(np.array_equal(made[key], kept[key]) for key in made)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a model file: weights and scales."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda key, item: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
