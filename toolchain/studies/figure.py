"""The figure of a study: panels with lines, points, bars or a heatmap, ours filled and others' figures hollow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolchain.studies.rows import Row, Summary, grouped, reference, referred, summarized
from toolchain.studies.table import formatted, heading

PANELS_A_ROW = 3
FEW = 5  # entries of a legend; more are written smaller
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
    panels = study["figure"]["panels"]
    across = min(len(panels), PANELS_A_ROW)
    down = -(-len(panels) // across)
    with matplotlib.rc_context(STYLE):
        width = 7.0 if across == 1 else 5.2 * across
        figure = Figure(figsize=(width, 4.4 * down + 0.4), layout="constrained")
        figure.suptitle(study["figure"]["title"] or study["description"], fontsize=12, x=0.01, ha="left")
        for number, panel in enumerate(panels, start=1):
            _PANELS[panel["kind"]](study, rows, panel, figure.add_subplot(down, across, number))
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})


def _curves(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """Lines or points: one for each value of the series, each measure, and each reference that has both figures."""
    joined = panel["kind"] == "lines"
    measures = panel["y"] if isinstance(panel["y"], list) else [panel["y"]]
    drawn, series = 0, list(_series(study, panel))
    colours = _colours([value for _, value in series], len(measures))
    for title, values in series:
        for measure in measures:
            own = [row for row in rows if values is None or row.values[panel["series"]] == values]
            label = _label(study, title, measure if len(measures) > 1 else None)
            colour, marker = colours[drawn % len(colours)], MARKERS[drawn % len(MARKERS)]
            _ours(study, own, panel, measure, axes, label, colour, marker, joined)
            for number, given in enumerate(study["references"]):
                theirs = list(_their_pairs(study, number, own, panel, measure))
                if theirs:
                    name = ", ".join(filter(None, [given["name"], title]))
                    axes.plot(*zip(*theirs, strict=True), linestyle=":" if joined else "none", marker=marker,
                              color=colour, markerfacecolor="white", markersize=7, label=name)  # fmt: skip
            drawn += 1
    _outsiders(study, panel, measures, axes)
    _dress(study, panel, axes, measures)
    entries = len(set(axes.get_legend_handles_labels()[1]))
    if entries > 1:
        axes.legend(loc="best", fontsize=8 if entries <= FEW else 6.5)


def _ours(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], measure: str, axes: Axes, label: str,
          colour: str, marker: str, joined: bool) -> None:  # fmt: skip
    groups = grouped(study, rows, by_seed=False)
    pairs = [(x, y, group) for group in groups if (x := _value(study, group, panel["x"])) is not None
             and (y := _value(study, group, measure)) is not None]  # fmt: skip
    if not pairs:
        return
    if joined:
        pairs.sort(key=lambda pair: pair[0])
    size = 5 if len(pairs) <= 40 else 3.5
    xs, ys = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    axes.plot(xs, ys, linestyle="-" if joined else "none", linewidth=1.3, marker=marker, markersize=size, color=colour,
              label=label, clip_on=False)  # fmt: skip
    if any(len(group) > 1 for _, _, group in pairs):  # each training as a faint point behind their mean
        each = [
            (x, row.measures[measure]) for x, _, group in pairs for row in group if row.measures[measure] is not None
        ]
        axes.plot(*zip(*each, strict=True), linestyle="none", marker=marker, markersize=3.5, color=colour, alpha=0.35)
    if "label" in panel:
        _name_points(study, panel, pairs, axes)


def _name_points(study: Study, panel: Mapping[str, Any], pairs: Sequence[Any], axes: Axes) -> None:
    label = next(axis["label"] for axis in study["axes"] if axis["name"] == panel["label"])
    for x, y, group in pairs:
        text = label.replace("{}", str(group[0].values[panel["label"]]))
        axes.annotate(text, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7, color="#333333")


def _their_pairs(
    study: Study, number: int, rows: Sequence[Row], panel: Mapping[str, Any], measure: str
) -> Iterator[Pair]:
    """A reference's figures of rows: at the same x, or at its own if x is a measure that it has too."""
    given = referred(study, number)
    for group in grouped(study, rows, by_seed=False):
        y = reference(study, number, group[0].values, measure) if measure in given else None
        x = group[0].values.get(panel["x"])
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
                axes.annotate(p["name"], (p[panel["x"]], p[measure]), xytext=(5, -9), textcoords="offset points",
                              fontsize=7, color="#777777")  # fmt: skip


def _bars(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """Groups of bars by x, one for each value of the series; a reference's figure is a line across its bar."""
    measure = panel["y"] if isinstance(panel["y"], str) else panel["y"][0]
    series = list(_series(study, panel))
    places = list(dict.fromkeys(row.values[panel["x"]] for row in rows))
    width = 0.8 / len(series)
    for number, (title, values) in enumerate(series):
        own = [row for row in rows if values is None or row.values[panel["series"]] == values]
        for count, group in enumerate(grouped(study, own, by_seed=False)):
            x = places.index(group[0].values[panel["x"]]) + (number - (len(series) - 1) / 2) * width
            y = _value(study, group, measure)
            label = title if count == 0 else None
            if y is not None:
                axes.bar(x, y, width * 0.92, color=COLOURS[number % len(COLOURS)], label=label)
                text = formatted(y, study["measures"][measure])
                upright = len(text) * len(series) * len(places) > 50  # side by side they would touch
                axes.annotate(text, (x, y), xytext=(0, 2), fontsize=6.5, textcoords="offset points", ha="center",
                              rotation=90 if upright else 0)  # fmt: skip
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
    axes.margins(y=0.12)
    _dress(study, panel, axes, [measure])
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if len(unique) > 1:
        axes.legend(unique.values(), unique.keys(), loc="upper left", ncols=len(unique))


def _heatmap(study: Study, rows: Sequence[Row], panel: Mapping[str, Any], axes: Axes) -> None:
    """A measure over two axes, its figures written into the fields."""
    across = list(dict.fromkeys(row.values[panel["x"]] for row in rows))
    down = list(dict.fromkeys(row.values[panel["y"]] for row in rows))
    values = np.full((len(down), len(across)), np.nan)
    for row in grouped(study, rows, by_seed=False):
        found = _value(study, row, panel["color"])
        if found is not None:
            values[down.index(row[0].values[panel["y"]]), across.index(row[0].values[panel["x"]])] = found
    image = axes.imshow(values, origin="lower", cmap="viridis", aspect="auto")
    measure = study["measures"][panel["color"]]
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    size = 7 if len(across) <= 12 else 5
    for (line, column), value in np.ndenumerate(values):
        text = formatted(float(value), measure) if np.isfinite(value) else "–"
        axes.text(column, line, text, ha="center", va="center", fontsize=size - 0.2 * max(0, len(text) - 5),
                  color="white" if np.isfinite(value) and value < middle else "black")  # fmt: skip
    axes.set_xticks(range(len(across)), [str(value) for value in across])
    axes.set_yticks(range(len(down)), [str(value) for value in down])
    axes.grid(visible=False)
    bar = axes.figure.colorbar(image, ax=axes)
    bar.set_label(heading(study, {}, panel["color"]))
    bar.outline.set_visible(False)
    _dress(study, panel, axes, [panel["y"]])


_PANELS = {"lines": _curves, "points": _curves, "bars": _bars, "heatmap": _heatmap}


def _series(study: Study, panel: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Title and value of each line; one without a title if the panel has no series."""
    if "series" not in panel:
        yield "", None
        return
    axis = next(axis for axis in study["axes"] if axis["name"] == panel["series"])
    for value in dict.fromkeys(point["values"][panel["series"]] for point in study["points"]):
        shown = axis["label"].replace("{}", str(value))
        yield (shown if axis["label"] != "{}" else f"{axis['title']} {shown}"), value


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
    plain = ticker.FuncFormatter(lambda value, _: f"{value:,.10g}")
    for scale in panel["log"]:
        getattr(axes, f"set_{scale}scale")("log")
        which = getattr(axes, f"{scale}axis")
        which.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))  # a range within one decade has ticks too
        which.set_major_formatter(plain)
        which.set_minor_formatter(ticker.NullFormatter())
    numbers = {row["values"].get(panel["x"]) for row in study["points"]} if panel["x"] in known else set()
    if "x" in panel["log"] and numbers and len(numbers) <= 12:
        axes.set_xticks(sorted(numbers), [f"{value:g}" for value in sorted(numbers)])
    elif panel["kind"] in ("lines", "points") and "x" not in panel["log"]:
        axes.xaxis.set_major_locator(
            ticker.MaxNLocator(nbins=6, integer=bool(numbers) and all(isinstance(number, int) for number in numbers))
        )
        axes.xaxis.set_major_formatter(plain)
    if panel["kind"] != "heatmap" and "y" not in panel["log"]:
        axes.yaxis.set_major_formatter(plain)
    if "line" in panel:
        axes.axhline(panel["line"], color="#222222", linewidth=0.8, linestyle="--")
    for which, limits in (("x", panel.get("x_range")), ("y", panel.get("y_range"))):
        if limits:
            getattr(axes, f"set_{which}lim")(*limits)
