"""The axes of a study: from ``values``, a ``range``, ``cases`` or ``models`` to what each of their points changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolchain.manifest.changes import Change, parse
from toolchain.manifest.diagnostics import Diagnostic, expected
from toolchain.manifest.reader import Node
from toolchain.manifest.wording import shown
from toolchain.studies.study import Axis, Scalar, Setting

KINDS = ("values", "range", "cases", "models")
MOST_VALUES = 1000
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")  # written in the one way that gives the name back
TAKEN = ("seed", "status", "point", "name")  # columns that every study has


def read_axes(path: Path, node: Node | None, values: dict[str, Any], problems: list[Diagnostic]) -> tuple[Axis, ...]:
    """The axes as far as they can be read; what is wrong goes to ``problems``."""
    axes = []
    for name, given in values.items() if node is not None else ():
        assert node is not None
        written = node.value[name]
        if name in TAKEN:
            problems.append(
                Diagnostic(
                    f"no axis can be called `{name}`", node.keys[name].place, ("tables have that column already",)
                )
            )
        kinds = [kind for kind in KINDS if kind in given]
        wrong = [kind for kind in KINDS if kind in written.value and kind not in given]
        if len(kinds) != 1 and not wrong:
            said = "two kinds of values" if kinds else "no values"
            place = written.value[kinds[1]].place if kinds else node.keys[name].place
            note = "an axis has one of: values (with a path), range (with a path), cases, models"
            problems.append(Diagnostic(f"the axis `{name}` has {said}", place, (note,), ("axes", name)))
            continue
        if not kinds:
            continue
        kind = kinds[0]
        if (kind in ("values", "range")) != ("path" in written.value):
            note = (
                f"`{kind}` {'needs `path`: where the values go' if kind in ('values', 'range') else 'takes no `path`'}"
            )
            place = written.keys.get("path", node.keys[name]).place
            problems.append(Diagnostic(f"the axis `{name}`: {note}", place, (), ("axes", name)))
            continue
        if "path" in written.value and "path" not in given:
            continue
        settings = _SETTINGS[kind](path, name, written, given, problems)
        axes.append(Axis(name, given["title"] or name.replace("_", " "), given["unit"], given["label"], settings))
    return tuple(axes)


def _of_values(path: Path, name: str, node: Node, given: Any, problems: list[Diagnostic]) -> tuple[Setting, ...]:
    settings: list[Setting] = []
    for item in node.value["values"].value:
        value = item.plain()
        if not isinstance(value, str | int | float):
            note = "write `cases` with a name for each"
            problems.append(Diagnostic(f"{shown(item)} cannot be a value of the axis `{name}`", item.place, (note,)))
            continue
        if any(value == other.value and type(value) is type(other.value) for other in settings):
            problems.append(Diagnostic(f"{shown(item)} stands twice in the axis `{name}`", item.place))
            continue
        settings.append(_at_paths(node, item, value))
    return tuple(settings)


def _of_range(path: Path, name: str, node: Node, given: Any, problems: list[Diagnostic]) -> tuple[Setting, ...]:
    written, range_ = node.value["range"], given["range"]
    first, last, step, factor = range_["from"], range_["to"], range_.get("step"), range_.get("factor")

    def wrong(key: str, message: str, *notes: str) -> tuple[Setting, ...]:
        problems.append(Diagnostic(message, written.keys[key].place, notes, ("axes", name, "range")))
        return ()

    if step is not None and factor is not None:
        return wrong("factor", "a range has a `step` or a `factor`, not both")
    if last < first:
        return wrong("to", f"the range of `{name}` ends below its beginning", "write the smaller number first")
    if factor is not None and first <= 0:
        return wrong("from", "a range with a factor must begin above 0")
    numbers = [first]
    while len(numbers) <= MOST_VALUES:
        # Counted from the beginning: sums of steps such as 0.1 drift.
        count = len(numbers)
        following = first * factor**count if factor is not None else first + count * (step or 1)
        if following > last + 1e-9 * abs(last):
            break
        numbers.append(following)
    if len(numbers) > MOST_VALUES:
        return wrong("to", f"the range of `{name}` has more than {MOST_VALUES:,} values")
    rounded = [int(n) if float(n).is_integer() else round(n, 9) for n in numbers]
    return tuple(_at_paths(node, Node(number, written.place), number) for number in rounded)


def _of_cases(path: Path, name: str, node: Node, given: Any, problems: list[Diagnostic]) -> tuple[Setting, ...]:
    """Names that are all numbers are numbers: a figure has a scale of them."""
    cases = node.value["cases"].value
    numbers = _numbers(cases)
    settings = []
    for case, changes in cases.items():
        made = tuple(Change(parse(key), changes.keys[key], value) for key, value in changes.value.items())
        settings.append(Setting(numbers.get(case, case), made))
    return tuple(settings)


def _numbers(names: Iterable[str]) -> dict[str, Scalar]:
    """Name → number, if all are written as numbers are; else nothing."""
    found: dict[str, Scalar] = {}
    for name in names:
        if not NUMBER.fullmatch(name):
            return {}
        found[name] = float(name) if "." in name else int(name)
    return found


def _of_models(path: Path, name: str, node: Node, given: Any, problems: list[Diagnostic]) -> tuple[Setting, ...]:
    known = {file.stem: file for file in sorted(Path("models").glob("*.yaml"))}
    settings = []
    for item, model in zip(node.value["models"].value, given["models"], strict=True):
        if model not in known:
            problems.append(Diagnostic(f"unknown model {shown(item)}", item.place, expected(model, known, "known")))
            continue
        settings.append(Setting(model, (), known[model]))
    return tuple(settings)


_SETTINGS = {"values": _of_values, "range": _of_range, "cases": _of_cases, "models": _of_models}


def _at_paths(node: Node, item: Node, value: Scalar) -> Setting:
    written = node.value["path"]
    places = written.value if written.is_list else [written]
    return Setting(value, tuple(Change(parse(place.value), place, item) for place in places))
