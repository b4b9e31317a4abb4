"""The one description of every key of a study, for its reader and for editors (``studies/schema.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from toolchain.manifest.schema import MODEL_NAME

Schema = dict[str, Any]

PATH = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"
KINDS = ("lines", "points", "bars", "heatmap")


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", **more, "description": description}


def _mapping(properties: Mapping[str, Schema], required: tuple[str, ...] = (), **more: Any) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    return {**schema, "additionalProperties": False, **more}


def _several(schema: Schema, description: str) -> Schema:
    """One of something, or a list of them."""
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}], "description": description}


_NAME: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_CHANGES: Schema = {"type": "object", "additionalProperties": {}, "minProperties": 1}
_SHOWN = {
    "title": _text("What it is called in tables and figures. Left out: its name.", default=""),
    "unit": _text("Its unit, such as ms or B.", default=""),
}


@cache
def sections() -> Schema:
    """The schema of a study."""
    return _mapping(
        {
            "study": _text("The study's name: that of its file without .yaml.", pattern=MODEL_NAME, maxLength=60),
            "description": _text("One line on what the study asks.", default=""),
            "source": _text("Where its question comes from, such as a table of a publication.", default=""),
            "base": _text("The manifest that every point starts from, relative to this file."),
            "set": {**_CHANGES, "default": {}, "minProperties": 0, "description": _SET},
            "axes": {
                "type": "object",
                "additionalProperties": _axis(),
                "minProperties": 1,
                "description": "What differs between points, by name; the points are all combinations.",
            },
            "repeat": {
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "uniqueItems": True},
                ],
                "default": 1,
                "description": "How many trainings each point has (seeds from 1 on), or the list of seeds.",
            },
            "oversized": {
                "enum": ["skip", "train"],
                "default": "skip",
                "description": "A point that by estimate cannot fit its budget is a row that says so (skip), or is "
                "trained and measured all the same as far as that can be done (train).",
            },
            "measure": {
                "type": "object",
                "additionalProperties": _measure(),
                "minProperties": 1,
                "description": "What is measured of each point, by name.",
            },
            "references": {
                "type": "array",
                "items": _reference(),
                "default": [],
                "description": "Figures of others that stand beside ours.",
            },
            "table": _table(),
            "figure": _figure(),
        },
        required=("study", "axes", "measure"),
        description="A Goldcrest study: a grid of manifests, what is measured of each, its table and its figure.",
    )


_SET = (
    "Values of the base manifest that every point changes: `training.epochs: 5`. Steps are keys, and places in lists "
    "counted from 0 (`network.0.dense.units`)."
)


def _axis() -> Schema:
    counted: dict[str, Schema] = {
        "from": {**_NUMBER, "description": "The first value."},
        "to": {**_NUMBER, "description": "The last value, if a step meets it; none is greater."},
        "step": {"type": "number", "exclusiveMinimum": 0, "description": "Added from one value to the next."},
        "factor": {"type": "number", "exclusiveMinimum": 1, "description": "Or: what each is multiplied by."},
    }
    return _mapping(
        {
            "path": _several(
                {"type": "string", "pattern": PATH},
                "Where the values go in the manifest, such as `network.0.dense.units`; several places get the same.",
            ),
            "values": {"type": "array", "items": {}, "minItems": 1, "description": "The values, one by one."},
            "range": _mapping(counted, ("from", "to"), description="The values, as steps."),
            "cases": {
                "type": "object",
                "additionalProperties": _CHANGES,
                "minProperties": 1,
                "description": "Values that belong together: a name, and the places of the manifest that it sets.",
            },
            "models": {
                "type": "array",
                "items": _NAME,
                "minItems": 1,
                "uniqueItems": True,
                "description": "Names of models, each a base of its own.",
            },
            **_SHOWN,
            "label": _text("How a value is shown, such as `-O{}`.", default="{}"),
        },
        description="One axis: `path` with `values` or a `range`, or `cases`, or `models`.",
    )


def _measure() -> Schema:
    return _mapping(
        {
            "field": _text(
                "A figure of report.json (`latency.ms`, `layers.dense_1.saturated`, `layers.*.saturated`), or of "
                "`history.` (the training), `memory.` or `ranges.`."
            ),
            "size": _text("Bytes of a file of the build, such as model.h5 or weights.h."),
            "compression": {
                "enum": ["none", "zip", "gzip"],
                "default": "none",
                "description": "The size after compression (deflate at its default level).",
            },
            "accuracy": {
                "enum": ["chip", "model"],
                "description": "The share of right answers: of the integers that the chip computes, or of the trained "
                "model.",
            },
            "samples": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 2,
                "maxItems": 2,
                "description": "For accuracy: the first test sample and the one after the last. Left out: all.",
            },
            "ratio": {
                "type": "array",
                "items": _NAME,
                "minItems": 2,
                "maxItems": 2,
                "description": "Two other measures, the first divided by the second.",
            },
            "reduce": {
                "enum": ["max", "min", "sum", "mean"],
                "default": "max",
                "description": "What becomes of several values (`*` in a field).",
            },
            "factor": {"type": "number", "default": 1, "description": "What it is multiplied by: 100 for percent."},
            "digits": {"type": "integer", "minimum": 0, "maximum": 9, "description": "Decimals in tables."},
            **_SHOWN,
        },
        description="One measure: a `field`, a `size`, an `accuracy` or a `ratio`.",
    )


def _reference() -> Schema:
    return _mapping(
        {
            "name": _text("Who measured it, as tables and figures say it.", minLength=1),
            "source": _text("Where it is published.", default=""),
            "points": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": {"type": ["number", "string"]}, "minProperties": 1},
                "minItems": 1,
                "description": "Figures: values of axes (which row they belong to, `name` if to none) and of measures.",
            },
        },
        ("name", "points"),
    )


def _table() -> Schema:
    return _mapping(
        {
            "columns": {
                "type": "array",
                "items": _NAME,
                "minItems": 1,
                "description": "Axes and measures, in order: a narrow terminal goes without the last ones. `seed` for "
                "a row each training. Left out: all.",
            },
            "notes": {"type": "array", "items": _NAME, "default": [], "description": "Sentences below the table."},
        },
        default={},
        description="The table. With several trainings a row shows their mean, smallest and largest.",
    )


def _figure() -> Schema:
    limits = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
    scales = {"type": "array", "items": {"enum": ["x", "y"]}, "uniqueItems": True, "default": []}
    panel = _mapping(
        {
            "kind": {
                "enum": list(KINDS),
                "default": "lines",
                "title": "kind of panel",
                "description": "How it is drawn.",
            },
            "title": _text("Above the panel.", default=""),
            "x": {**_NAME, "description": "An axis or a measure."},
            "y": _several(_NAME, "A measure (of a heatmap an axis), or several in one panel."),
            "color": {**_NAME, "description": "The measure that a heatmap shows."},
            "series": {**_NAME, "description": "The axis with a line for each value."},
            "label": {**_NAME, "description": "The axis that names each point."},
            "log": {**scales, "description": "Which scales are logarithmic."},
            "approach": {
                **_NUMBER,
                "exclusiveMinimum": 0,
                "description": "A value that y can only come near, such as 100 percent: its scale is logarithmic in "
                "what is missing to it.",
            },
            "x_range": {**limits, "description": "The least and the greatest x that is shown."},
            "y_range": {**limits, "description": "The least and the greatest y that is shown."},
            "y_title": _text("What stands beside the scale of y. Left out: the measure's name and unit.", default=""),
            "line": {**_NUMBER, "description": "A value of y at which a thin line is drawn."},
        },
        ("x", "y"),
    )
    return _mapping(
        {
            "title": _text("Above the figure. Left out: the description.", default=""),
            "panels": {
                "type": "array",
                "items": panel,
                "minItems": 1,
                "description": "Two a row; a last one alone is as wide as two.",
            },
        },
        ("panels",),
        description="The figure, written as SVG and PNG.",
    )


def text() -> str:
    """The content of ``studies/schema.json``."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Goldcrest study"}
    return json.dumps({**head, **sections()}, indent=1, ensure_ascii=False) + "\n"
