"""The results of a study that has been run: read back from its files, to be shown or drawn again without measuring."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.errors import GoldcrestError
from toolchain.stages import read_json
from toolchain.studies import table
from toolchain.studies.measures import Value
from toolchain.studies.rows import Row


def plan(section: Mapping[str, Any]) -> dict[str, Any]:
    """What the stage ``study`` reads of a study (the content of ``study.json``), its measures by name."""
    return {**section, "measures": {measure["name"]: measure for measure in section["measures"]}}


def rows(study: Mapping[str, Any], path: Path) -> list[Row]:
    """The rows of a study's CSV file (``rows.as_csv`` wrote it: figures of ten digits), one a point of ``study``.

    Raises GoldcrestError if the file holds other points than the study has.
    """
    lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    points = study["points"]
    same = len(lines) == len(points) and all(
        line.get(name) == str(value)
        for line, point in zip(lines, points, strict=True)
        for name, value in point["values"].items()
    )
    if not same or any(name not in line for line in lines for name in (*study["measures"], "status")):
        known = f"the study {study['study']} as it is now"
        raise GoldcrestError(f"{path}: not the points and measures of {known}; delete it and run the study again")
    return [
        Row(point["name"], point["values"], {name: _value(line[name]) for name in study["measures"]}, line["status"])
        for line, point in zip(lines, points, strict=True)
    ]


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def as_text(path: Path, width: int | None, colour: bool) -> str:
    """The table of a study whose CSV file lies at ``path``, ``study.json`` beside it, for a terminal of that width."""
    study = plan(read_json(path.with_name("study.json")))
    drawn = table.make(study, rows(study, path))
    return table.as_text(drawn, study["study"], width, colour, path.with_suffix(".txt"))
