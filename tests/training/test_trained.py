"""The model files under version control: each is its manifest's own training, exact in integers and as good as said.

``GOLDCREST_RETRAIN=mnist_cnn_2k pytest tests/training/test_trained.py`` trains one anew and compares.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from toolchain import manifest
from toolchain.training import train_stage, trained

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "models/trained").glob("*.h5"))
MNIST = {"train": 50_000, "validation": 10_000, "test": 10_000}
LEAST = {"mnist_cnn_2k": 0.9879, "mnist_cnn_4k": 0.992, "mnist_cnn_16k": 0.9939, "mnist_cnn_best": 0.994}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_the_result_of_its_manifest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = manifest.load(f"models/{path.stem}.yaml")
    assert plan.training["training"]["trained"] == f"models/trained/{path.name}"
    assert plan.dataset["split"] == MNIST
    of_plan, of_data = trained.training_of(path).split(":")
    assert of_plan == trained.plan_digest(plan.training), "the manifest has changed: train it again"
    assert of_data == trained.training_of(FILES[0]).split(":")[1]
    told = json.loads(train_stage.history_path(path).read_text())
    assert told["integers"] == {"compared": 10_000, "equal": 10_000}
    assert told["test"]["accuracy"] >= LEAST[path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_weights_lie_on_their_grid(path: Path) -> None:
    with h5py.File(path) as file:
        for name, group in file["goldcrest"].items():
            kernel = file[f"model_weights/{name}/{name}/kernel"][:]
            codes = kernel / group["steps"][:]
            assert np.abs(codes - np.rint(codes)).max() < 1e-4 and np.abs(codes).max() < 127.5


@pytest.mark.skipif("GOLDCREST_RETRAIN" not in os.environ, reason="takes minutes: GOLDCREST_RETRAIN=model")
def test_its_manifest_makes_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    name = os.environ["GOLDCREST_RETRAIN"]
    plan = manifest.load(f"models/{name}.yaml").training
    plan["training"]["trained"] = None
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    dataset = next((ROOT / "build/datasets").glob("mnist-*.npz"))
    output = tmp_path / "model.h5"
    train_stage.run(argparse.Namespace(plan=tmp_path / "plan.json", dataset=dataset, output=output))
    assert trained.training_of(output) == trained.training_of(ROOT / f"models/trained/{name}.h5")
    made, kept = (_arrays(path) for path in (output, ROOT / f"models/trained/{name}.h5"))
    assert made.keys() == kept.keys() and all(np.array_equal(made[key], kept[key]) for key in made)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a model file: weights and scales."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda key, item: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
