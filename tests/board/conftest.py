"""A small network as the board's verbs get it: image, integer reference and data set."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.board.tiny_chip import run
from tests.budget import building
from toolchain import manifest
from toolchain.board import evaluate_stage, flash_stage
from toolchain.memory.compiler import companion

MANIFEST = """
model: {name}
dataset: {{name: mnist, split: {{train: 1000, validation: 100, test: 100}}}}
input: {{shape: [784], offset: 0, divide: 255}}
network: [dense: {{units: {units}}}, activation: relu, dense: {{units: 10}}, activation: softmax]
training: {{optimizer: adam, loss: sparse_categorical_crossentropy, epochs: 1, batch: 64, seed: 1}}
quantization: {{scheme: power_of_two, weights: int8, calibration: 100}}
target: {{mcu: {mcu}, clock: 20 MHz, optimize: s, memory: {{program: 48 KiB, data: 6 KiB}}}}
"""


@dataclass(frozen=True)
class Model:
    """The files that a build hands to the board's verbs."""

    folder: Path

    def arguments(self, *more: str) -> list[str]:
        return [
            *("--image", str(self.folder / "firmware.hex"), "--mcu", "atmega4809", "--clock", "20000000"),
            *("--network", str(self.folder / "quantized.npz"), "--dataset", str(self.folder / "data.npz")),
            *("--settings", str(self.folder / "none.yaml"), *more),
        ]

    def flash(self, *more: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        flash_stage.add_arguments(parser)
        return parser.parse_args(self.arguments(*more))

    def evaluate(self, *more: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        evaluate_stage.add_arguments(parser)
        return parser.parse_args(self.arguments("--output", str(self.folder / "evaluation.json"), *more))


def build(folder: Path, name: str, units: int) -> Model:
    path = folder / f"{name}.yaml"
    path.write_text(MANIFEST.format(name=name, units=units, mcu="atmega4809"), encoding="utf-8")
    plan = manifest.load(path)
    made = building.build(plan, folder / name)
    run(companion("objcopy"), "-O", "ihex", "-R", ".eeprom", made.elf, made.elf.with_suffix(".hex"))
    raw = building.samples(plan, 100, seed=1)
    labels = made.graph.classify(made.graph.run(made.graph.encode(raw))).astype(np.int32)
    labels[::10] = (labels[::10] + 1) % 10  # one answer in ten is wrong
    np.savez(folder / name / "data.npz", x_test=raw, y_test=labels, classes=np.int32(10))
    return Model(folder / name)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return build(tmp_path_factory.mktemp("models"), "first", 8)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return build(tmp_path_factory.mktemp("models"), "second", 9)
