"""Figures: names are legible, scales are what they say, the same rows give the same bytes."""

from __future__ import annotations

import itertools
import random
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from tests.graph.project import ROOT
from tests.studies.test_results import CHOSEN
from tests.studies.test_table import published
from toolchain.studies import labels, scales, stored
from toolchain.studies.figure import STYLE, draw, drawn
from toolchain.studies.rows import Row


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def rows_of(name: str) -> tuple[dict[str, Any], list[Any]]:
    study, path = published(name)
    return study, stored.rows(study, path)


@cache
def laid_out(name: str) -> Figure:
    """The published figure, laid out once for all tests."""
    with matplotlib.rc_context(STYLE):
        figure = drawn(*rows_of(name))
        figure.draw_without_rendering()
    return figure


def names_of(axes: Axes) -> list[Text]:
    return [text for text in axes.texts if text.get_gid() == labels.NAME]


def boxes(axes: Axes) -> list[Bbox]:
    return [Text.get_window_extent(text) for text in names_of(axes)]


def covered(box: Bbox, other: Bbox) -> float:
    """The share of the smaller box that the other covers."""
    both = Bbox.intersection(box, other)
    area = min(each.width * each.height for each in (box, other))
    return 0.0 if both is None else both.width * both.height / area


@pytest.mark.parametrize("name", ["frontier", "downsampling"])
def test_names_cover_neither_each_other_nor_points_nor_the_legend_and_stay_inside(name: str) -> None:
    count = {"frontier": 11, "downsampling": 5}[name]
    for axes in laid_out(name).axes:
        found = boxes(axes)
        assert len(found) >= count
        assert all(covered(one, other) == 0 for one, other in itertools.combinations(found, 2))
        inside = axes.get_window_extent()
        assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 for box in found)
        centres = [xy for line in axes.lines for xy in axes.transData.transform(line.get_xydata())]
        assert not any(box.contains(*xy) for box in found for xy in centres)
        legend = axes.get_legend()
        assert legend is None or all(covered(box, legend.get_window_extent()) == 0 for box in found)


def test_a_crowd_of_points_is_named_without_covering_much() -> None:
    chosen = random.Random(1)
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.add_subplot()
    at = [(chosen.random(), chosen.random()) for _ in range(25)]
    axes.plot(*zip(*at, strict=True), linestyle="none", marker="o")
    for number, (x, y) in enumerate(at):
        labels.name(axes, x, y, f"point {number}", "black")
    before = sum(covered(*pair) for pair in itertools.combinations(boxes(axes), 2))
    labels.spread(figure)
    after = sum(covered(*pair) for pair in itertools.combinations(boxes(axes), 2))
    assert before > 1 and after < 0.2


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_no_legend_covers_points_and_every_axis_is_labelled(name: str) -> None:
    for axes in laid_out(name).axes:
        assert axes.get_xlabel() and axes.get_ylabel() and axes.get_title(loc="left")
        assert not labels.legend_covers_points(axes)


def test_what_is_missing_is_on_a_logarithmic_scale() -> None:
    axes = Figure().add_subplot()
    axes.plot([0, 1, 2, 3, 4], [0, 90, 99, 99.9, 100])
    scales.approaching(axes.yaxis, 100)
    heights = axes.transData.transform([(0, y) for y in (90, 95, 98, 99, 99.5)])[:, 1]
    steps = np.diff(heights)
    assert steps[0] == pytest.approx(steps[3])  # from 10 to 5 and from 1 to 0.5 percent: half as many errors
    assert steps[0] / steps[1] == pytest.approx(np.log(2) / np.log(2.5))
    assert np.isfinite(axes.get_ylim()).all()
    assert {90, 95, 98, 99, 99.5, 99.9} <= {round(tick, 6) for tick in axes.yaxis.get_ticklocs()}


def test_what_lies_outside_a_range_is_neither_drawn_nor_named() -> None:
    study, rows = rows_of("frontier")
    panel = {**study["figure"]["panels"][0], "y_range": [99, 100]}
    (axes,) = drawn({**study, "figure": {**study["figure"], "panels": [panel]}}, rows).axes
    assert "mnist_dense8" not in [text.get_text() for text in names_of(axes)]
    assert "mnist_cnn_2k" in [text.get_text() for text in names_of(axes)]
    assert all(line.get_clip_on() for line in axes.lines)


@pytest.mark.parametrize("kind", ["lines", "points", "bars"])
def test_an_axis_of_text_shows_its_names(kind: str) -> None:
    study, rows = rows_of("activations")
    panel = {**study["figure"]["panels"][0], "kind": kind}
    figure = drawn({**study, "figure": {**study["figure"], "panels": [panel]}}, rows)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["relu", "tanh", "sigmoid"]


def test_each_training_is_a_faint_point_at_its_own_place() -> None:
    study, rows = rows_of("downsampling")
    (axes, _) = drawn(study, rows).axes
    faint = {tuple(map(float, xy)) for line in axes.lines if line.get_alpha() for xy in line.get_xydata()}
    assert faint == {(row.measures["program"], row.measures["chip"]) for row in rows}


def test_a_study_of_which_nothing_was_built_has_a_figure(recwarn: pytest.WarningsRecorder) -> None:
    study, rows = rows_of("pruning")
    nothing = [Row(row.name, row.values, dict.fromkeys(row.measures), "over budget") for row in rows]
    figure = drawn(study, nothing)
    assert {text.get_text() for text in figure.axes[0].texts} == {"–"}
    assert not recwarn.list


def test_words_stand_in_the_order_of_the_study_and_are_named_on_the_scale() -> None:
    study, rows = rows_of("downsampling")
    panel = {"kind": "lines", "title": "", "x": "image", "y": "chip", "log": []}
    (axes,) = drawn({**study, "figure": {**study["figure"], "panels": [panel]}}, rows).axes
    words = list(dict.fromkeys(row.values["image"] for row in rows))
    assert len(words) > 2 and words != sorted(words)
    assert [text.get_text() for text in axes.get_xticklabels()] == words
    drawn_at = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) > 1]
    assert drawn_at and all(places == sorted(places) for places in drawn_at)


def test_cases_named_by_numbers_have_a_scale() -> None:
    study, rows = rows_of("augmentation")
    (axes,) = drawn(study, rows).axes
    assert all(set(line.get_xdata()) == {0, 2, 4, 6, 9, 12} for line in axes.lines)


def test_the_figures_of_an_axis_have_the_same_decimals() -> None:
    assert scales.Plain().format_ticks([0, 0.5, 1]) == ["0.0", "0.5", "1.0"]
    assert scales.Plain().format_ticks([0, 20_000]) == ["0", "20,000"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    study, rows = rows_of("frontier")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        draw(study, rows, tmp_path / folder / "x.svg", tmp_path / folder / "x.png")
    for name in ("x.svg", "x.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
