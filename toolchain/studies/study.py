"""What a study is once it has been read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.manifest import Change, Plan

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Setting:
    """One value of an axis: how tables call it, what it changes, the manifest that it takes in place of the base."""

    value: Scalar
    changes: tuple[Change, ...]
    base: Path | None = None


@dataclass(frozen=True)
class Axis:
    """What differs between points. ``label`` is a pattern such as ``-O{}`` for showing a value."""

    name: str
    title: str
    unit: str
    label: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Study:
    """``measures``, ``references``, ``table`` and ``figure`` are plain JSON values as ``schema`` describes them."""

    name: str
    path: str
    description: str
    source: str
    base: Path | None
    changes: tuple[Change, ...]
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]  # empty: the manifest's own
    oversized: str
    measures: dict[str, Any]
    references: list[dict[str, Any]]
    table: dict[str, Any]
    figure: dict[str, Any] | None

    @property
    def count(self) -> int:
        """How many points it has."""
        return math.prod(len(axis.settings) for axis in self.axes) * max(1, len(self.seeds))

    def drawn(self) -> dict[str, Any]:
        """What the stage ``study`` reads of it beside its points, as plain JSON values."""
        axes = [{"name": axis.name, "title": axis.title, "unit": axis.unit, "label": axis.label} for axis in self.axes]
        return {
            "study": self.name,
            "path": self.path,
            "description": self.description,
            "source": self.source,
            "axes": axes,
            "repeated": bool(self.seeds),
            "measures": [{"name": name, **measure} for name, measure in self.measures.items()],  # their order counts
            "references": self.references,
            "table": self.table,
            "figure": self.figure,
        }


@dataclass(frozen=True)
class Point:
    """One row. ``refusal`` says why it is not built; ``model`` names the manifest that it leaves as it is."""

    name: str
    values: dict[str, Scalar]
    plan: Plan
    refusal: str | None
    model: str | None
