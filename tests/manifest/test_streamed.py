"""``target.input: streamed``: which networks can take their input in pieces, and what of the plan it concerns."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import manifest
from toolchain.manifest import InvalidManifest, Plan

TEXT = """
model: taken
dataset: {{name: mnist}}
input: {{shape: {shape}, divide: 255}}
network:
{layers}
training: {{loss: sparse_categorical_crossentropy, epochs: 1}}
quantization: {{scheme: affine, weights: {weights}, training: {training}}}
target:
  mcu: atmega4809
  clock: 20 MHz
  input: {input}
"""
DENSE = """  - dense: {units: 8}
  - activation: relu
  - dense: {units: 10}
  - activation: softmax"""
TWO = """  - dense: {units: 10, name: one}
  - dense: {units: 10, inputs: [input], name: two}
  - add: {inputs: [one, two]}
  - activation: softmax"""
CONVOLUTION = "  - convolution: {filters: 2, kernel: 3}\n  - flatten\n" + DENSE


def load(
    folder: Path, layers: str = DENSE, shape: str = "[784]", weights: str = "int8", given: str = "streamed"
) -> Plan:
    path = folder / "taken.yaml"
    training = "after" if weights == "int8" else "aware"
    text = TEXT.format(layers=layers, shape=shape, weights=weights, training=training, input=given)
    path.write_text(text, encoding="utf-8")
    return manifest.load(path)


def test_only_the_generation_of_code_reads_it(tmp_path: Path) -> None:
    whole, streamed = load(tmp_path, given="whole"), load(tmp_path)
    assert streamed.generation == {**whole.generation, "input": "streamed"}
    assert "input" not in whole.generation, "the code of networks that do not have it is not generated again"
    assert (whole.training, whole.quantization, whole.compilation) == (
        streamed.training,
        streamed.quantization,
        streamed.compilation,
    )


def test_views_may_come_before(tmp_path: Path) -> None:
    assert (
        load(tmp_path, "  - flatten\n  - dropout: {rate: 0.1}\n" + DENSE, "[28, 28, 1]").generation["input"]
        == "streamed"
    )


@pytest.mark.parametrize(
    ("layers", "shape", "weights", "line", "told"),
    [
        (
            CONVOLUTION, "[28, 28, 1]", "int8", 17,
            "convolution_1 needs the whole input: convolution layers cannot take it in pieces",
        ),
        (TWO, "[784]", "int8", 15, "one needs the whole input: two reads it too"),
        (DENSE, "[784]", "int4", 15, "dense_1 needs the whole input: layers of int4 weights cannot take it in pieces"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(
    tmp_path: Path, layers: str, shape: str, weights: str, line: int, told: str
) -> None:
    with pytest.raises(InvalidManifest) as error:
        load(tmp_path, layers, shape, weights)
    place = f"{tmp_path / 'taken.yaml'}:{line}:10"
    assert str(error.value).splitlines() == [
        f"{place}: error: {told}",
        f"   {line} |   input: streamed",
        "      |          ^",
        "  write `input: whole`",
        "",
        f"1 error in {tmp_path / 'taken.yaml'}",
    ]
