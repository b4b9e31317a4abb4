"""Widths left to the compiler, narrow weights in plans, and the warning about an input scaling."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain import manifest
from toolchain.graph import listing
from toolchain.manifest import Plan, fit

TEXT = """
model: open
dataset: {{name: mnist}}
input: {{shape: [784], divide: 255}}
network:
  - dense: {{units: {units}}}
  - activation: relu
  - dense: {{units: 10, name: last{last}}}
  - activation: softmax
training: {{loss: sparse_categorical_crossentropy, epochs: 1}}
quantization: {{scheme: affine, weights: {weights}, training: {training}}}
target: {{mcu: atmega4809, clock: 20 MHz, memory: {{program: {program}, data: 6 KiB}}}}
"""


def plan(folder: Path, weights: str = "int8", units: str = "fit", program: str = "48 KiB", last: str = "") -> Plan:
    training = "after" if weights == "int8" and not last else "aware"
    path = folder / "open.yaml"
    text = TEXT.format(units=units, last=last, weights=weights, training=training, program=program)
    path.write_text(text, encoding="utf-8")
    return manifest.load(path)


@pytest.mark.parametrize(("weights", "least"), [("int8", 58), ("int4", 110), ("ternary", 200)])
def test_the_widest_that_fits(weights: str, least: int, tmp_path: Path) -> None:
    plan(tmp_path)  # the compiler is asked for the chip once
    began = time.perf_counter()
    found = plan(tmp_path, weights)
    assert time.perf_counter() - began < 5  # under a second on an idle machine
    width = found.training["network"][0]["units"]
    assert width >= least and fit.fits(found)
    assert not fit.fits(fit.with_width(found, "dense_1", "units", width + 1))


def test_the_plan_is_that_of_the_number_itself(tmp_path: Path) -> None:
    found = plan(tmp_path)
    assert plan(tmp_path, units=str(found.training["network"][0]["units"])) == found


def test_smaller_budgets_give_smaller_widths(tmp_path: Path) -> None:
    widths = [plan(tmp_path, program=f"{size} KiB").training["network"][0]["units"] for size in (8, 16, 32)]
    assert widths == sorted(set(widths))


def test_aware_training_is_part_of_the_training_plan(tmp_path: Path) -> None:
    after, aware = plan(tmp_path, units="8"), plan(tmp_path, "int4", units="8")
    assert "quantization" not in after.training
    assert aware.training["quantization"] == {"weights": "int4"}
    assert "training" not in after.quantization["quantization"]
    mixed = plan(tmp_path, "int4", "8", last=", weights: int8")
    assert [layer.get("weights") for layer in mixed.training["network"]] == [None, None, "int8", None]


def test_a_warning_where_most_values_are_far_from_zero() -> None:
    reference = manifest.load("models/mnist_dense32.yaml")
    said = "\n".join(listing.check(reference))
    assert "most values of mnist are 0, which becomes -15.9" in said and "relus die" in said
    near = {**reference.training, "input": {"shape": [784], "offset": 0.0, "divide": 255.0}}
    assert not listing.far_from_zero(replace(reference, training=near))
