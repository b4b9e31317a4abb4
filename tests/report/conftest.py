"""A model with mistakes to show: scikit-learn's 8 × 8 digits, built once by SCons, then once more with a change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.graph.project import Project

MODEL = "digits"
MANIFEST = """\
model: digits
description: Small digits </script> & "quotes"    # what a page must not trip over
dataset: {name: npz, file: digits.npz, split: {train: 1000, validation: 200, test: 597}}
input: {shape: [64], divide: 16}
network:
  - dense: {units: 8}
  - activation: relu
  - dense: {units: 10}
  - activation: softmax
training: {optimizer: {adam: {learning_rate: 0.003}}, loss: sparse_categorical_crossentropy, epochs: 4, batch: 32}
quantization: {scheme: power_of_two, weights: int8, calibration: 500}
target: {mcu: atmega4809, clock: 20 MHz, optimize: s, memory: {program: 48 KiB, data: 6 KiB}}
"""


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after two builds of the model, for a slower and a faster chip; tests must not change it."""
    project = Project.copied(tmp_path_factory.mktemp("report") / "project")
    data = load_digits()
    np.savez(project.root / "digits.npz", x=data.images.astype(np.uint8), y=data.target)
    (project.root / f"models/{MODEL}.yaml").write_text(MANIFEST, encoding="utf-8")
    for change in (("clock: 20 MHz", "clock: 16 MHz"), ("clock: 16 MHz", "clock: 20 MHz")):
        project.edit(f"models/{MODEL}.yaml", *change)
        run = project.scons(f"model={MODEL}", "build", "report")
        assert run.status == 0, run.out + run.err
    return project


@pytest.fixture(scope="session")
def built(digits: Project) -> Path:
    """The folder of its results."""
    return digits.root / "build" / MODEL
