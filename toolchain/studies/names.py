"""Names inside a study: each ``ratio``, column, scale and reference must mean something that there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from toolchain.manifest.diagnostics import KeyPath, expected
from toolchain.studies.axes import TAKEN
from toolchain.studies.fields import FILES, unknown_field

Report = Callable[..., None]
KINDS = ("field", "size", "accuracy", "ratio")


def check(values: dict[str, Any], axes: Mapping[str, int], texts: Set[str], repeated: bool, report: Report) -> None:
    """Reports every name that means nothing, and measures that are nothing or two things at once.

    ``axes`` says how many values each has, ``texts`` are those whose values are not numbers.
    """
    measures = values.get("measure", {})
    for name, measure in measures.items():
        here: KeyPath = ("measure", name)
        if name in (*axes, *TAKEN):
            report(here, f"no measure can be called `{name}`", "an axis or a column of every table has that name")
        _measure(here, name, measure, measures, report)
    columns = (*axes, *(("seed",) if repeated else ()), *measures)
    for index, column in enumerate(values.get("table", {}).get("columns", ())):
        _known(("table", "columns", index), "column", column, columns, report)
    for index, reference in enumerate(values.get("references", ())):
        for number, point in enumerate(reference["points"]):
            for key in point:
                here = ("references", index, "points", number, key)
                _known(here, "axis or measure", key, (*axes, *measures, "name"), report)
    for index, panel in enumerate((values.get("figure") or {}).get("panels", ())):
        _panel(("figure", "panels", index), panel, axes, texts, tuple(measures), report)


def _measure(here: KeyPath, name: str, measure: dict[str, Any], measures: dict[str, Any], report: Report) -> None:
    kinds = [kind for kind in KINDS if kind in measure]
    if len(kinds) != 1:
        said = f"is both a {kinds[0]} and a {kinds[1]}" if kinds else "measures nothing"
        report(here, f"`{name}` {said}", f"a measure has one of: {', '.join(KINDS)}")
        return
    kind = kinds[0]
    for option, of in (("samples", "accuracy"), ("compression", "size")):
        if measure.get(option, "none") != "none" and kind != of:
            report((*here, option), f"`{option}` is for measures of `{of}`")
    if kind == "ratio":
        for index, other in enumerate(measure["ratio"]):
            if other == name:
                report((*here, "ratio", index), f"`{name}` cannot be a part of itself")
            elif "ratio" in measures.get(other, ()):
                report((*here, "ratio", index), f"`{other}` is a ratio itself", "divide plain measures")
            else:
                _known((*here, "ratio", index), "measure", other, tuple(measures), report)
    elif kind == "size":
        _known((*here, "size"), "file", measure["size"], tuple(FILES), report)
    elif kind == "field":
        wrong = unknown_field(measure["field"])
        if wrong is not None:
            report((*here, "field"), *wrong)
    elif "samples" in measure and measure["samples"][0] >= measure["samples"][1]:
        report((*here, "samples"), "`samples` must end after its beginning", "write `[first, one after the last]`")


def _panel(
    here: KeyPath,
    panel: dict[str, Any],
    axes: Mapping[str, int],
    texts: Set[str],
    measures: tuple[str, ...],
    report: Report,
) -> None:
    kind = panel.get("kind", "lines")
    heatmap, many = kind == "heatmap", isinstance(panel["y"], list)
    across, known = ("axis", (*axes,)) if kind in ("heatmap", "bars") else ("axis or measure", (*axes, *measures))
    _known((*here, "x"), across, panel["x"], known, report)
    for index, name in enumerate(panel["y"] if many else [panel["y"]]):
        place = (*here, "y", index) if many else (*here, "y")
        _known(place, "axis" if heatmap else "measure", name, (*axes,) if heatmap else measures, report)
    for key, known in (("color", measures), ("series", (*axes,)), ("label", (*axes,))):
        if key in panel:
            _known((*here, key), "measure" if key == "color" else "axis", panel[key], known, report)
    log = panel.get("log", ())
    if "x" in log and kind in ("heatmap", "bars"):
        report((*here, "log"), f"a panel of `{kind}` has no scale of x", "leave out `x`")
    elif "x" in log and panel["x"] in texts:
        report((*here, "log"), f"the values of `{panel['x']}` are text: they have no logarithm", "leave out `x`")
    if "x_range" in panel and panel["x"] in texts:
        report((*here, "x_range"), f"the values of `{panel['x']}` are text: they have no range", "leave it out")
    if heatmap and "color" not in panel:
        report(here, "a heatmap needs `color`", "the measure that it shows")
    if "approach" in panel and (kind in ("heatmap", "bars") or "y" in log):
        report((*here, "approach"), "`approach` is a scale of y for lines and points", "without `log: [y]`")
    if kind in ("heatmap", "bars") and not many and panel["x"] in axes:
        _hidden(here, panel, axes, report)
    if many and kind in ("heatmap", "bars"):
        report((*here, "y"), f"a panel of `{kind}` has one `y`", "an axis" if heatmap else "a measure")


def _hidden(here: KeyPath, panel: dict[str, Any], axes: Mapping[str, int], report: Report) -> None:
    """A field or a bar shows one figure: an axis that is neither would be drawn over itself."""
    heatmap = panel["kind"] == "heatmap"
    shown = (panel["x"], panel["y"] if heatmap else panel.get("series"))
    left_out = [name for name, count in axes.items() if count > 1 and name not in shown]
    if left_out:
        alone = len(left_out) == 1 and not heatmap and "series" not in panel
        note = f"write `series: {left_out[0]}`" if alone else "show them as `points`, or hold that axis still by `set`"
        said = f"the values of `{left_out[0]}` would be drawn over each other in a panel of `{panel['kind']}`"
        report(here, said, note)


def _known(here: KeyPath, what: str, name: Any, known: tuple[str, ...], report: Report) -> None:
    if name not in known:
        report(here, f"unknown {what} `{str(name)[:40]}`", *expected(name, known))
