"""A small data set and plans for it, and the `train` stage as a function."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.datasets import base
from toolchain.layers.registry import kinds
from toolchain.training import train_stage, trained


def layers(*declared: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The NETWORK of a plan: each layer reads the one before."""
    result: list[dict[str, Any]] = []
    for index, (kind, options) in enumerate(declared):
        defaults = {o.name: o.schema["default"] for o in kinds()[kind].options if not o.required}
        inputs = [result[-1]["name"]] if result else ["input"]
        result.append({"kind": kind, "name": f"{kind}_{index}", "inputs": inputs, **defaults, **options})
    return result


def classifier(units: int = 8, classes: int = 3) -> list[dict[str, Any]]:
    return layers(
        ("dense", {"units": units}),
        ("activation", {"function": "relu"}),
        ("dense", {"units": classes}),
        ("activation", {"function": "softmax"}),
    )


def plan(
    network: list[dict[str, Any]] | None = None,
    shape: tuple[int, ...] = (64,),
    pruning: dict[str, Any] | None = None,
    **training: Any,
) -> dict[str, Any]:
    """A training plan for the data set below."""
    return {
        "input": {"shape": list(shape), "offset": -100.0, "divide": 50.0},
        "network": network or classifier(),
        "training": {
            "optimizer": {"adam": {"learning_rate": 0.01}},
            "loss": "sparse_categorical_crossentropy",
            "epochs": 3,
            "batch": 32,
            "seed": 1,
            **training,
        },
        "pruning": pruning,
    }


def spots(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """8 × 8 images with a bright spot in one of three corners, and noise."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, count).astype(np.int32)
    x = random.integers(0, 100, (count, 8, 8))
    for image, label in zip(x, y, strict=True):
        row, column = ((0, 0), (0, 5), (5, 0))[label]
        image[row : row + 3, column : column + 3] += 120
    return x.astype(np.uint8), y


@pytest.fixture(scope="session")
def splits() -> base.Splits:
    """300 samples do not fill the last batch of 32: odd ends are part of every test."""
    pairs = {part: spots(count, seed) for seed, (part, count) in enumerate(zip(base.PARTS, (300, 60, 60), strict=True))}
    return base.Splits({p: x for p, (x, _) in pairs.items()}, {p: y for p, (_, y) in pairs.items()}, classes=3)


Stage = Callable[..., Path]


@pytest.fixture
def train(tmp_path: Path, splits: base.Splits) -> Stage:
    """Runs the stage in this process and returns the model's path."""

    def run(
        plan: dict[str, Any], data: base.Splits | None = None, name: str = "model.h5", teacher: Path | None = None
    ) -> Path:
        base.save(data or splits, tmp_path / "data.npz")
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        output = tmp_path / name
        train_stage.run(arguments(tmp_path / "plan.json", tmp_path / "data.npz", output, teacher))
        return output

    return run


def arguments(plan: Path, dataset: Path, output: Path, teacher: Path | None = None) -> argparse.Namespace:
    """The stage's command line."""
    return argparse.Namespace(plan=plan, dataset=dataset, output=output, teacher=teacher, manifest=None, study=False)


def history(model: Path) -> dict[str, Any]:
    """The companion of a trained model."""
    loaded: dict[str, Any] = json.loads(trained.history_path(model).read_text())
    return loaded
