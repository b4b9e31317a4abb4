"""The verb ``quantize``: what it writes, and how it refuses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from toolchain import manifest
from toolchain.__main__ import main
from toolchain.errors import GoldcrestError
from toolchain.ir import store
from toolchain.quantization import quantize_stage
from toolchain.training.network import build, h5_bytes
from toolchain.training.session import start

TEXT = """model: small
description: For this test
dataset: {{name: mnist, split: {{train: 100, validation: 10, test: 10}}}}
input: {{shape: [28, 28, 1], offset: {offset}, divide: {divide}}}
network:
  - average_pooling: 4
  - zero_padding
  - flatten
  - dense: {{units: 5}}
  - activation: {{function: relu, name: bend}}
  - dense: {{units: 10}}
  - activation: softmax
training: {{loss: sparse_categorical_crossentropy, epochs: 1}}
quantization: {quantization}
target: {{mcu: atmega4809, clock: 20 MHz}}
"""


def words(
    folder: Path, offset: float = -100, divide: float = 64, quantization: str = "{scheme: affine, calibration: 40}"
) -> list[str]:
    """A manifest, its model with fresh weights, samples, and the stage's command line."""
    path = folder / "small.yaml"
    path.write_text(TEXT.format(offset=offset, divide=divide, quantization=quantization))
    plan = manifest.load(path)
    (folder / "plan.json").write_text(json.dumps(plan.quantization))
    training = plan.training
    model = build(training["input"]["shape"], training["network"], start(), seed=1)
    (folder / "model.h5").write_bytes(h5_bytes(model))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 28, 28, 1)).astype(np.uint8)
    np.savez(folder / "data.npz", x_train=images, classes=np.int32(10))
    names = {"plan": "plan.json", "model": "model.h5", "dataset": "data.npz", "output": "q.npz", "ranges": "r.json"}
    given = [word for name, file in names.items() for word in (f"--{name}", str(folder / file))]
    return [*given, "--manifest", str(path)]


def arguments(folder: Path, **options: float | str) -> argparse.Namespace:
    """The command line as the stage takes it."""
    parser = argparse.ArgumentParser()
    quantize_stage.add_arguments(parser)
    return parser.parse_args(words(folder, **options))  # type: ignore[arg-type]


def test_what_is_written(tmp_path) -> None:
    quantize_stage.run(arguments(tmp_path))
    graph = store.load(tmp_path / "q.npz")
    ranges = json.loads((tmp_path / "r.json").read_text())
    assert [layer["name"] for layer in ranges["layers"]] == [layer.name for layer in graph.layers]
    assert graph.decision == "argmax" and graph.layers[-1].name == "dense_2"  # the softmax is dropped
    for layer in ranges["layers"]:
        assert layer["error"]["max"] <= layer["error"]["bound"]
        assert layer["error"]["mean"] <= layer["error"]["max"]
        assert layer["saturated"] <= 0.02  # a greatest value may round to the code beyond the last
    first = (tmp_path / "q.npz").read_bytes()
    quantize_stage.run(arguments(tmp_path))
    assert (tmp_path / "q.npz").read_bytes() == first


def test_probabilities(tmp_path) -> None:
    quantize_stage.run(arguments(tmp_path, quantization="{scheme: affine, calibration: 40, output: probabilities}"))
    graph = store.load(tmp_path / "q.npz")
    assert graph.layers[-1].operator.kind == "softmax"
    outputs = graph.run(np.zeros((1, 28, 28, 1), np.int64))
    assert abs(float(graph.output.real(outputs).sum()) - 1) < 10 / 255


def test_a_layer_that_cannot_be_exact_is_refused_at_its_line(tmp_path, capsys) -> None:
    assert main(["quantize", *words(tmp_path, offset=-100.5)]) == 2
    text = capsys.readouterr().err
    assert "small.yaml:7:" in text and "- zero_padding" in text
    assert "`zero_padding_1`: 0 lies at 100.5 among the input's codes" in text
    assert "choose an offset" in text
    assert not (tmp_path / "q.npz").exists()


def test_an_inverted_picture_is_encoded(tmp_path) -> None:
    """A negative divisor cannot be the scale of raw bytes: they become codes before they are sent."""
    quantize_stage.run(arguments(tmp_path, offset=-255, divide=-255))
    graph = store.load(tmp_path / "q.npz")
    assert graph.encoding.quantize
    white, black = (np.full((1, 28, 28, 1), value, np.uint8) for value in (255, 0))
    assert abs(graph.input.real(graph.encode(white)).max()) < 0.01
    assert abs(graph.input.real(graph.encode(black)).min() - 1) < 0.01


def test_the_limit_to_saturation(tmp_path) -> None:
    method = "calibration: {samples: 40, method: percentile, percentile: 60}, saturation"
    with pytest.raises(GoldcrestError, match=r"layer \w+: \d+\.\d+% of its values .* allows 0\.10%"):
        quantize_stage.run(arguments(tmp_path, quantization=f"{{scheme: affine, {method}: 0.001}}"))
    quantize_stage.run(arguments(tmp_path, quantization=f"{{scheme: affine, {method}: 1}}"))
