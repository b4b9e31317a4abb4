"""Widths left to the compiler, narrow weights in plans, and the warning about an input scaling."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain import manifest
from toolchain.graph import listing
from toolchain.manifest import Plan, fit
from toolchain.memory.estimate import estimate

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
target: {{mcu: atmega4809, clock: 20 MHz, {time}memory: {{program: {program}, data: 6 KiB}}}}
"""


def plan(
    folder: Path, weights: str = "int8", units: str = "fit", program: str = "48 KiB", last: str = "", time: str = ""
) -> Plan:
    training = "after" if weights == "int8" and not last else "aware"
    path = folder / "open.yaml"
    text = TEXT.format(units=units, last=last, weights=weights, training=training, program=program, time=time)
    path.write_text(text, encoding="utf-8")
    return manifest.load(path)


@pytest.mark.parametrize(("weights", "least"), [("int8", 58), ("int4", 110), ("ternary", 140)])
def test_the_widest_that_fits(weights: str, least: int, tmp_path: Path) -> None:
    plan(tmp_path)  # the compiler is asked for the chip once
    began = time.perf_counter()
    found = plan(tmp_path, weights)
    assert time.perf_counter() - began < 5  # under a second on an idle machine
    width = found.training["network"][0]["units"]
    assert width >= least and fit.fits(found)
    assert not fit.fits(fit.with_width(found, "dense_1", "units", width + 1))


def test_the_widest_that_is_fast_enough(tmp_path: Path) -> None:
    widths = []
    for milliseconds in (3, 10, 17.5, 500):
        found = plan(tmp_path, time=f"time: {milliseconds} ms, ")
        widths.append(found.training["network"][0]["units"])
        assert estimate(found).time <= 1000 * milliseconds and fit.fits(found)
        assert not fit.fits(fit.with_width(found, "dense_1", "units", widths[-1] + 1))
    assert widths == sorted(set(widths)) and widths[-1] == plan(tmp_path).training["network"][0]["units"]


def test_the_plan_is_that_of_the_number_itself(tmp_path: Path) -> None:
    found = plan(tmp_path)
    assert plan(tmp_path, units=str(found.training["network"][0]["units"])) == found


def test_smaller_budgets_give_smaller_widths(tmp_path: Path) -> None:
    widths = [plan(tmp_path, program=f"{size} KiB").training["network"][0]["units"] for size in (8, 16, 32)]
    assert widths == sorted(set(widths))


WIDTHS = """
model: open
dataset: {{name: mnist}}
input: {{shape: [28, 28, 1], divide: 255}}
network:
  - convolution: {{filters: 4, kernel: 5, stride: 2}}
  - activation: relu
  - convolution: {{filters: 9, kernel: 3, stride: 2}}
  - activation: relu
  - flatten
  - dense: {{units: 16}}
  - dense: {{units: 10}}
  - activation: softmax
widths: {widths}
training: {{loss: sparse_categorical_crossentropy, epochs: 1}}
target: {{mcu: atmega4809, clock: 20 MHz, memory: {{program: {program}}}}}
"""


def widths(folder: Path, text: str, program: str = "48 KiB") -> tuple[Plan, list[int]]:
    """The plan with this multiple of all widths, and its widths."""
    path = folder / "open.yaml"
    path.write_text(WIDTHS.format(widths=text, program=program), encoding="utf-8")
    made = manifest.load(path)
    return made, [entry[key] for entry in made.training["network"] for key in ("filters", "units") if key in entry]


def test_a_multiple_of_all_widths_but_that_of_the_answer(tmp_path: Path) -> None:
    assert widths(tmp_path, "1")[1] == [4, 9, 16, 10]
    assert widths(tmp_path, "1.5")[1] == [6, 14, 24, 10]  # 13.5 to the even number
    assert widths(tmp_path, "0.1")[1] == [1, 1, 2, 10]


def test_the_greatest_multiple_that_fits(tmp_path: Path) -> None:
    declared, _ = widths(tmp_path, "1")
    began = time.perf_counter()
    found, wide = widths(tmp_path, "fit")
    assert time.perf_counter() - began < 5  # a tenth of a second on an idle machine
    assert fit.fits(found) and wide[-1] == 10
    multiple = next(n for n in range(1, 10_000) if fit.with_multiple(declared, n / fit.PARTS) == found) / fit.PARTS
    assert multiple > 1 and widths(tmp_path, str(multiple))[0] == found
    wider = (fit.with_multiple(declared, multiple + more / fit.PARTS) for more in range(1, 100))
    assert not fit.fits(next(plan for plan in wider if plan != found))
    assert all(small < large for small, large in zip(widths(tmp_path, "fit", "24 KiB")[1][:-1], wide, strict=False))


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
