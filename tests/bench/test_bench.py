"""The benchmark: its figures come from the simulator and repeat to the cycle, and what became slower is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.exact.harness import check
from tests.graph.project import ROOT
from toolchain.bench.bench_stage import BEGIN, END, others, publish
from toolchain.bench.cases import Case, cases
from toolchain.bench.measure import Row, measure_kernels, measure_model
from toolchain.bench.published import PUBLISHED
from toolchain.bench.table import KERNELS_TITLE, changes, markdown, screen, slower, summary
from toolchain.errors import GoldcrestError
from toolchain.kernels.registry import kernels
from toolchain.layers.dense import IntegerDense

ROW = Row("dense 8-8", "dense8", 64, 512, 600, 700, 800, 900, 16)
BASELINE = ROOT / "toolchain" / "bench" / "baseline.json"
OLD = {ROW.key: ROW.as_json()}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.where(rng.random((100, 28, 28)) < 0.2, rng.integers(1, 256, (100, 28, 28)), 0).astype(np.uint8)


@pytest.fixture(scope="module")
def small(images: np.ndarray) -> Case:
    return next(case for case in cases(images) if case.name == "dense 32-10")


def test_rows_repeat_to_the_cycle_and_are_the_simulators(small: Case, images: np.ndarray, tmp_path: Path) -> None:
    rows = measure_kernels(small, tmp_path / "a")
    assert rows == measure_kernels(next(case for case in cases(images) if case.name == small.name), tmp_path / "b")
    by_name = {row.kernel: row for row in rows}
    assert {"dense8", "dense8_skip", "dense_c"} <= set(by_name)
    cycles = check(small.graph, small.codes, tmp_path / "c", forced="dense8_skip").cycles
    row = by_name["dense8_skip"]
    assert (row.mean, row.worst) == (round(float(cycles.mean())), cycles.max())
    assert row.mean < row.worst <= row.possible
    assert by_name["dense8"].mean == by_name["dense8"].possible  # constant time
    assert row.floor == 8 * 320  # the sums of 32 bytes times bytes do not fit into 16 bits


def test_the_floor_is_lower_where_16_bits_hold_the_sum(images: np.ndarray, tmp_path: Path) -> None:
    case = next(case for case in cases(images) if case.name == "dense 784-32 ternary")
    operator = case.graph.layers[0].operator
    assert isinstance(operator, IntegerDense)
    weights = operator.weights
    assert 0.70 < np.mean(weights == 0) < 0.82
    small = replace(operator, weights=np.where(np.arange(784)[:, None] < 100, weights, 0).astype(np.int8))
    graph = replace(case.graph, layers=(replace(case.graph.layers[0], operator=small),))
    assert {row.floor for row in measure_kernels(replace(case, graph=graph), tmp_path)} == {7 * 784 * 32}


def test_published_figures_stand_beside_cases_and_kernels_that_exist(images: np.ndarray) -> None:
    names = {case.name for case in cases(images)}
    assert {case for case, _ in PUBLISHED} <= names
    assert {kernel for _, kernel in PUBLISHED} <= set(kernels())


def test_a_models_row(tmp_path: Path) -> None:
    layers = [{"macs": 1000, "accumulator": {"bits": 16}}, {"macs": 100, "accumulator": {"bits": 17}}, {"macs": 0}]
    latency = {"cycles": 1, "cycles_mean": 10.4, "cycles_worst": 12, "cycles_max": 15, "layers": [{"macs": 1100}]}
    report = {"model": "m", "program": {"used": 500, "weights": 200}, "data": {"used": 90}}
    for name, content in (("report", report), ("latency", latency), ("ranges", {"layers": layers})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert measure_model(tmp_path) == Row("m", "network", 1100, 7 * 1000 + 8 * 100, 10, 12, 15, 300, 90)
    (tmp_path / "latency.json").write_text(json.dumps({**latency, "cycles": None}))
    assert measure_model(tmp_path) is None


def test_what_became_slower_shows() -> None:
    worse = replace(ROW, worst=701, flash=890)
    assert changes(worse, OLD) == {"worst": 1, "flash": -10}
    assert slower(worse, OLD)
    assert not slower(ROW, OLD)
    shown = rendered([worse, replace(ROW, kernel="dense9")])
    assert "worst +0.1%, flash -1.1%" in shown
    assert "new" in shown
    assert summary([worse], OLD) == "1 rows; beside the baseline: 1 slower"
    assert summary([ROW], OLD) == "1 rows; beside the baseline: all as they were"
    assert summary([replace(ROW, name="x", mean=1)], OLD) == "1 rows; beside the baseline: 1 new, 1 not measured now"


def test_the_page_holds_the_stored_figures(tmp_path: Path) -> None:
    page = tmp_path / "bench.md"
    page.write_text(f"# Before\n{BEGIN}old\n{END}after\n")
    publish(page, markdown([ROW]))
    publish(page, markdown([ROW]))
    text = page.read_text()
    assert text.startswith(f"# Before\n{BEGIN}")
    assert text.endswith(f"{END}after\n")
    assert "old" not in text
    figures = "600 | 700 | 800 | 9.38 / 12.50 | 1.56 | 900 | 16"
    assert text.count(f"| **dense 8-8** |{'  |' * 8}\n| dense8 | {figures} |  |\n") == 1
    page.write_text("nothing")
    with pytest.raises(GoldcrestError, match="the marks"):
        publish(page, "")


def rendered(rows: list[Row], width: int | None = None) -> str:
    return screen(rows, OLD, width, False, "build/bench.txt")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("by", [0, 1, 50_000], ids=["unchanged", "a cycle", "much"])
def test_the_table_fits_the_terminal_and_says_what_it_lacks(width: int, by: int) -> None:
    stored = [Row(**row) for row in json.loads(BASELINE.read_text())]
    old = {row.key: row.as_json() for row in stored}
    rows = [replace(row, mean=row.mean + by, possible=row.possible + by) for row in stored]
    text = screen(rows, old, width, False, "build/bench.txt")
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    kernels = text[text.index(KERNELS_TITLE) :]
    table, _, said = kernels.partition("For want of room: without ")
    for heading, figure in (("mean", "47,198"), ("worst", "83,569"), ("RAM", "2,753"), ("published", "18–22, NNoM")):
        if heading != "mean" or not by:
            assert (figure in table) != (f"{heading}" in said), heading
    assert all(row.kernel in table for row in rows if row.kernel != "network")
    assert ("change" in table) == bool(by)
    assert width > 80 or said.replace("\n", " ").endswith("The whole table: build/bench.txt ")


def test_models_that_were_not_asked_for_keep_their_figures() -> None:
    stored = Row("sensor_and", "network", 28, 224, 2139, 2139, 2139, 2343, 113)
    gone, kernel = replace(stored, name="no_such_model"), replace(stored, kernel="dense8")
    measured = replace(stored, name="mnist_dense8")
    assert others([measured], [stored, gone, kernel, replace(measured, mean=1)]) == [stored]
