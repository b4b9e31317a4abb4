"""The points of a study: every combination of its axes, each with the plan of an ordinary manifest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toolchain import manifest
from toolchain.manifest import Change, Diagnostic, InvalidManifest
from toolchain.manifest.changes import parse
from toolchain.manifest.reader import Node
from toolchain.memory.refusal import refuse
from toolchain.studies.reading import invalid
from toolchain.studies.study import Point, Scalar, Setting, Study

NAME_OF_EVERY_NETWORK = "network"  # in the generated code: points of one network share its files
UNSAFE = re.compile(r"[^A-Za-z0-9.+-]+")


def points(study: Study) -> list[Point]:
    """All points, in the order of the axes. Raises InvalidManifest that names everything wrong with any of them."""
    found: list[Point] = []
    problems: list[Diagnostic] = []
    names: set[str] = set()
    for settings in itertools.product(*(axis.settings for axis in study.axes)):
        for seed in study.seeds or (None,):
            values = dict(zip((axis.name for axis in study.axes), (s.value for s in settings), strict=True))
            if seed is not None:
                values["seed"] = seed
            name = _name(values, names)
            try:
                found.append(_point(study, name, values, settings, seed))
            except InvalidManifest as error:
                problems += error.diagnostics
    if problems:
        raise invalid(Path(study.path), problems)
    return found


def _point(study: Study, name: str, values: dict[str, Scalar], settings: Sequence[Setting], seed: int | None) -> Point:
    base = next((setting.base for setting in settings if setting.base), study.base)
    assert base is not None
    changes = [*study.changes, *(change for setting in settings for change in setting.changes)]
    place = manifest.place(base, ("training", "seed")) if seed is not None else None
    if place is not None:
        node = Node(seed, place)
        changes.append(Change(parse("training.seed"), node, node))
    plan = manifest.load(base, changes)
    unchanged = plan.name if not changes else None
    if changes:
        plan = replace(
            plan, name=f"studies/{study.name}/{name}", generation={**plan.generation, "model": NAME_OF_EVERY_NETWORK}
        )
    refused = refuse(plan) if study.oversized == "skip" else None
    return Point(name, values, plan, refused.message if refused else None, unchanged)


def _name(values: dict[str, Scalar], taken: set[str]) -> str:
    """``width-8_optimize-s``: a folder's name, no other point's."""
    name = "_".join(f"{axis}-{UNSAFE.sub('-', str(value))}" for axis, value in values.items())
    name = name[:120]
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}.{count}", count + 1
    taken.add(unique)
    return unique
