"""The figure of a study: panels with lines, points, bars or a heatmap, ours filled and others' figures hollow.

It is as wide as a page shows it, so that its text is read at about the size at which it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolchain.studies import labels, scales
from toolchain.studies.rows import Row, Summary, grouped, reference, referred, summarized
from toolchain.studies.table import formatted, heading

WIDTH, HEIGHT = 8.4, 3.5  # inches: of the figure, of a row of panels
PANELS_A_ROW = 2
MARGIN = 0.6  # inches: about what the scale of y takes of a panel
DIGIT = 0.64  # the width of a digit of the font by its size
FEW = 5  # entries of a legend; more are written smaller and in two columns
COLOURS = ("#0b6e99", "#d1495b", "#3a7d44", "#8d5a97", "#c77700", "#455a64", "#00897b", "#5d4037")
MARKERS = "osD^vPX*"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "goldcrest",  # else every file has other names inside
    "svg.fonttype": "path",
}
Study = Mapping[str, Any]
Pair = tuple[Any, Any]


def draw(study: Study, rows: Sequence[Row], svg: Path, png: Path) -> None:
    """Writes the figure as SVG and PNG; the same rows give the same bytes."""
    with matplotlib.rc_context(STYLE):
        figure = drawn(study, rows)
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})


def drawn(study: Study, rows: Sequence[Row]) -> Figure:
    """The figure of ``study["figure"]``, a panel an axes, laid out."""
    panels = study["figure"]["panels"]
    down = -(-len(panels) // PANELS_A_ROW)
    figure = Figure(figsize=(WIDTH, HEIGHT * down + 0.4), layout="constrained")
    figure.suptitle(study["figure"]["title"] or study["description"], fontsize=12, x=0.01, ha="left")
    grid = figure.add_gridspec(down, PANELS_A_ROW)
    for place, panel in enumerate(panels):
        line, column = divmod(place, PANELS_A_ROW)
        rest = slice(column, None) if place == len(panels) - 1 else column  # the last one takes what room is left
        _PANELS[panel["kind"]](study, rows, panel, figure.add_subplot(grid[line, rest]))
    figure.draw_without_rendering()
    for panel, axes in zip(panels, figure.axes, strict=True):
        if labels.legend_covers_points(axes):
            _legend(study, panel, axes, below=True)
    labels.spread(figure)
    return figure


def _curves(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """Lines or points: one for each value of the series, each measure, and each reference that has both figures."""
    joined = panel["kind"] == "lines"
    measures = panel["y"] if isinstance(panel["y"], list) else [panel["y"]]
    count, series = 0, list(_series(study, panel))
    colours = _colours([value for _, value in series], len(measures))
    for title, values in series:
        for measure in measures:
            own = [row for row in rows if values is None or row.values[panel["series"]] == values]
            label = _label(study, title, measure if len(measures) > 1 else None)
            colour, marker = colours[count % len(colours)], MARKERS[count % len(MARKERS)]
            _ours(study, own, panel, measure, axes, label, colour, marker, joined)
            for number, given in enumerate(study["references"]):
                theirs = list(_their_pairs(study, number, own, panel, measure))
                if theirs:
                    name = ", ".join(filter(None, [given["name"], title]))
                    axes.plot(*zip(*theirs, strict=True), linestyle=":" if joined else "none", marker=marker,
                              color=colour, markerfacecolor="white", markersize=7, label=name)  # fmt: skip
            count += 1
    _outsiders(study, panel, measures, axes)
    _dress(study, panel, axes, measures)
    _legend(study, panel, axes)


def _legend(study: Study, panel: Mapping[str, Any], axes: Axes, below: bool = False) -> None:
    """Inside the axes where there is most room, or below them."""
    entries = len(axes.get_legend_handles_labels()[1])
    if entries < 2:
        return
    few = entries <= FEW
    where: dict[str, Any] = {"loc": "best", "ncols": 1 if few else 2}
    if below:
        where = {"loc": "upper left", "bbox_to_anchor": (0, -0.17), "ncols": FEW}
    axes.legend(**where, title=_legend_title(study, panel), fontsize=8 if few else 7, title_fontsize=8,
                alignment="left", columnspacing=1.2, handletextpad=0.5)  # fmt: skip


def _ours(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], measure: str, axes: Axes, label: str,
          colour: str, marker: str, joined: bool) -> None:  # fmt: skip
    groups = grouped(rows, by_seed=False)
    places = _places(study, panel["x"])
    pairs = [(places.get(x, x), y, group) for group in groups if (x := _value(study, group, panel["x"])) is not None
             and (y := _value(study, group, measure)) is not None]  # fmt: skip
    if not pairs:
        return
    if joined:
        pairs.sort(key=lambda pair: pair[0])
    size = 5 if len(pairs) <= 40 else 3.5
    xs, ys = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    within = all(_within(panel, x, y) for x, y in zip(xs, ys, strict=True))  # then markers on the edge are whole
    axes.plot(xs, ys, linestyle="-" if joined else "none", linewidth=1.3, marker=marker, markersize=size, color=colour,
              label=label, clip_on=not within)  # fmt: skip
    if any(len(group) > 1 for _, _, group in pairs):  # each training as a faint point behind their mean
        alone = [[row] for _, _, group in pairs for row in group]
        both = [(_value(study, row, panel["x"]), _value(study, row, measure)) for row in alone]
        each = [(places.get(x, x), y) for x, y in both if x is not None and y is not None]
        axes.plot(*zip(*each, strict=True), linestyle="none", marker=marker, markersize=3.5, color=colour, alpha=0.35)
    if "label" in panel:
        _name_points(study, panel, pairs, axes)


def _name_points(study: Study, panel: Mapping[str, Any], pairs: Sequence[Any], axes: Axes) -> None:
    label = next(axis["label"] for axis in study["axes"] if axis["name"] == panel["label"])
    for x, y, group in pairs:
        if _within(panel, x, y):
            labels.name(axes, x, y, label.replace("{}", str(group[0].values[panel["label"]])), "#333333")


def _within(panel: Mapping[str, Any], x: float, y: float) -> bool:
    """Whether a point lies in the part of the scales that is shown."""
    ranges = (panel.get("x_range"), x), (panel.get("y_range"), y)
    return all(limits is None or limits[0] <= value <= limits[1] for limits, value in ranges)


def _places(study: Study, axis: str) -> dict[Any, int]:
    """Where the words of an axis stand: at 0, 1, … in the order of the study; numbers stand for themselves."""
    values = dict.fromkeys(row["values"].get(axis) for row in study["points"])
    words = any(isinstance(value, str) for value in values)
    return {value: place for place, value in enumerate(values)} if words else {}


def _their_pairs(
    study: Study, number: int, rows: Sequence[Row], panel: Mapping[str, Any], measure: str
) -> Iterator[Pair]:
    """A reference's figures of rows: at the same x, or at its own if x is a measure that it has too."""
    given, places = referred(study, number), _places(study, panel["x"])
    for group in grouped(rows, by_seed=False):
        y = reference(study, number, group[0].values, measure) if measure in given else None
        x = group[0].values.get(panel["x"])
        x = places.get(x, x)
        if panel["x"] in study["measures"]:
            x = reference(study, number, group[0].values, panel["x"])
        if x is not None and y is not None:
            yield x, y


def _outsiders(study: Study, panel: Mapping[str, Any], measures: Sequence[str], axes: Axes) -> None:
    """Points of references that belong to no row: they have a name of their own."""
    for number, given in enumerate(study["references"]):
        for measure in measures:
            found = [p for p in given["points"] if "name" in p and panel["x"] in p and measure in p]
            if not found:
                continue
            axes.plot([p[panel["x"]] for p in found], [p[measure] for p in found], linestyle="none", marker="o",
                      markerfacecolor="white", color=COLOURS[-1 - number % len(COLOURS)],
                      label=given["name"])  # fmt: skip
            for p in found:
                labels.name(axes, p[panel["x"]], p[measure], p["name"], "#777777")


def _bars(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """Groups of bars by x, one for each value of the series; a reference's figure is a line across its bar."""
    measure = panel["y"] if isinstance(panel["y"], str) else panel["y"][0]
    series = list(_series(study, panel))
    places = list(dict.fromkeys(row.values[panel["x"]] for row in rows))
    width = 0.8 / len(series)
    for number, (title, values) in enumerate(series):
        own = [row for row in rows if values is None or row.values[panel["series"]] == values]
        for count, group in enumerate(grouped(own, by_seed=False)):
            x = places.index(group[0].values[panel["x"]]) + (number - (len(series) - 1) / 2) * width
            y = _value(study, group, measure)
            label = title if count == 0 else None
            if y is not None:
                axes.bar(x, y, width * 0.92, color=COLOURS[number % len(COLOURS)], label=label)
                text = formatted(y, study["measures"][measure])
                upright = len(text) * DIGIT * 6.5 > width * _room(axes, len(places))  # side by side they would touch
                axes.annotate(text, (x, y), xytext=(0, 2), fontsize=6.5, textcoords="offset points", ha="center",
                              va="bottom", rotation=90 if upright else 0)  # fmt: skip
            for which in range(len(study["references"])):
                theirs = reference(study, which, group[0].values, measure)
                if theirs is not None:
                    axes.hlines(theirs, x - width / 2, x + width / 2, color="#222222", linewidth=2)
    for given in study["references"]:
        if measure in referred(study, study["references"].index(given)):
            axes.plot([], [], color="#222222", linewidth=2, label=given["name"])
    shown = next(axis["label"] for axis in study["axes"] if axis["name"] == panel["x"])
    axes.set_xticks(range(len(places)), [shown.replace("{}", str(place)) for place in places])
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.2)  # room for the legend
    _dress(study, panel, axes, [measure])
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if len(unique) > 1:
        axes.legend(unique.values(), unique.keys(), loc="upper left", ncols=FEW, handlelength=1.0, columnspacing=1.0,
                    handletextpad=0.4)  # fmt: skip


def _heatmap(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """A measure over two axes, its figures written into the fields."""
    across = list(dict.fromkeys(row.values[panel["x"]] for row in rows))
    down = list(dict.fromkeys(row.values[panel["y"]] for row in rows))
    values = np.full((len(down), len(across)), np.nan)
    for row in grouped(rows, by_seed=False):
        found = _value(study, row, panel["color"])
        if found is not None:
            values[down.index(row[0].values[panel["y"]]), across.index(row[0].values[panel["x"]])] = found
    axes.imshow(values, origin="lower", cmap="viridis", aspect="auto")
    measure = study["measures"][panel["color"]]
    middle = (np.nanmin(values) + np.nanmax(values)) / 2 if np.isfinite(values).any() else 0
    room = _room(axes, len(across))
    for (line, column), value in np.ndenumerate(values):
        text = formatted(float(value), measure) if np.isfinite(value) else "–"
        axes.text(column, line, text, ha="center", va="center", fontsize=min(7, 0.85 * room / (DIGIT * len(text))),
                  color="white" if np.isfinite(value) and value < middle else "black")  # fmt: skip
    axes.set_xticks(range(len(across)), [str(value) for value in across])
    axes.set_yticks(range(len(down)), [str(value) for value in down])
    axes.grid(visible=False)
    # No bar of colours: every field says its figure, and the title the unit.
    title = f"{panel['title']}, {measure['unit']}" if measure["unit"] else panel["title"]
    named = title if panel["title"] else heading(study, {}, panel["color"])
    _dress(study, {**panel, "title": named}, axes, [panel["y"]])


def _room(axes: Axes, count: int) -> float:
    """About how many points of width each of ``count`` things side by side has."""
    position = axes.get_subplotspec().colspan  # type: ignore[union-attr]
    return 72 * (WIDTH * len(position) / PANELS_A_ROW - MARGIN) / count


_PANELS = {"lines": _curves, "points": _curves, "bars": _bars, "heatmap": _heatmap}


def _series(study: Study, panel: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Title and value of each line; one without a title if the panel has no series."""
    if "series" not in panel:
        yield "", None
        return
    axis = next(axis for axis in study["axes"] if axis["name"] == panel["series"])
    for value in dict.fromkeys(point["values"][panel["series"]] for point in study["points"]):
        shown = axis["label"].replace("{}", str(value))
        yield (shown if axis["label"] != "{}" or _legend_title(study, panel) else f"{axis['title']} {shown}"), value


def _legend_title(study: Study, panel: Mapping[str, Any]) -> str | None:
    """The axis whose bare values the entries are; none if entries say more, or their values speak for themselves."""
    axis = next((axis for axis in study["axes"] if axis["name"] == panel.get("series")), None)
    if axis is None or axis["label"] != "{}" or isinstance(panel["y"], list) or study["references"]:
        return None
    return heading(study, {axis["name"]: axis}, axis["name"])


def _colours(values: Sequence[Any], measures: int) -> Sequence[Any]:
    """Of an axis of numbers one that grows darker with them, else colours as different as can be."""
    if len(values) < 3 or measures > 1 or not all(isinstance(value, int | float) for value in values):
        return COLOURS
    scale = matplotlib.colormaps["viridis_r"]
    return [scale(0.15 + 0.85 * place / (len(values) - 1)) for place in range(len(values))]


def _label(study: Study, title: str, measure: str | None) -> str:
    named = "" if measure is None else (study["measures"][measure]["title"] or measure.replace("_", " "))
    return ", ".join(filter(None, [named, title])) or "ours"


def _value(study: Study, group: Sequence[Row], name: str) -> Any:
    """The figure of a group of trainings: the value of an axis, or the mean of a measure."""
    if name not in study["measures"]:
        return group[0].values[name]
    found = summarized(group, name)
    return found.mean if isinstance(found, Summary) else found


def _dress(study: Study, panel: Mapping[str, Any], axes: Axes, measures: Sequence[str]) -> None:
    """Title, labels with units, scales."""
    known = {axis["name"]: axis for axis in study["axes"]}
    axes.set_title(panel["title"], loc="left")
    axes.set_xlabel(heading(study, known, panel["x"]))
    if len(measures) == 1:
        axes.set_ylabel(heading(study, known, measures[0]))
    else:
        units = list(dict.fromkeys(study["measures"][m]["unit"] for m in measures))
        axes.set_ylabel(panel.get("y_title") or units[0])
    words = _places(study, panel["x"])
    numbers = {row["values"].get(panel["x"]) for row in study["points"]} if panel["x"] in known and not words else set()
    few = sorted(numbers) if len(numbers) <= 12 else []
    if panel["kind"] in ("lines", "points"):
        whole = bool(numbers) and all(isinstance(number, int) for number in numbers)
        if words:
            shown = known[panel["x"]]["label"]
            axes.set_xticks(list(words.values()), [shown.replace("{}", str(word)) for word in words])
        elif "x" in panel["log"]:
            scales.logarithmic(axes.xaxis, few)
        else:
            scales.linear(axes.xaxis, whole)
    if "approach" in panel:
        scales.approaching(axes.yaxis, panel["approach"])
        axes.set_ylabel(f"{axes.get_ylabel()}  (log scale towards {panel['approach']:g})")
    elif panel["kind"] != "heatmap":
        (scales.logarithmic if "y" in panel["log"] else scales.linear)(axes.yaxis)
    if "line" in panel:
        axes.axhline(panel["line"], color="#222222", linewidth=0.8, linestyle="--")
    for which, limits in (("x", panel.get("x_range")), ("y", panel.get("y_range"))):
        if limits:
            getattr(axes, f"set_{which}lim")(*limits)
