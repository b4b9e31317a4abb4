"""The manifest's JSON Schema as editors take it: what ``extends`` may bring, one rule a data set, defaults shown."""

from __future__ import annotations

import json

from toolchain.manifest.hover import with_defaults
from toolchain.manifest.schema import Schema, lesson


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a manifest for editors.

    A manifest that starts from another one (``extends``) may leave out anything outside a list, and one that only
    teaches its ``target``.
    """
    complete = lesson()
    layers_only = {"properties": {"network": {"type": "array"}}}  # a network from a file is not trained
    trained = {"if": layers_only, "then": {"required": ["training"]}}
    optional: Schema = {"properties": {}, "required": complete["required"], "allOf": [trained]}
    properties = {}
    for name, section in complete["properties"].items():
        properties[name] = {key: value for key, value in section.items() if key != "required"}
        if "required" in section:
            optional["properties"][name] = {"required": section["required"]}
    properties["dataset"] = _with_conditions(properties["dataset"])
    optional["properties"]["dataset"] = {"required": ["name"]}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Goldcrest manifest",
        **{key: value for key, value in complete.items() if key not in ("properties", "required")},
        "properties": properties,
        "required": ["model"],
        "if": {"required": ["extends"]},
        "else": optional,
    }
    return dict(with_defaults(document))


def text() -> str:
    """The content of ``models/schema.json``."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _with_conditions(dataset: Schema) -> Schema:
    """The data sets' branches as if/then, with which editors complete keys and say what is wrong."""
    rules = []
    for branch in dataset["oneOf"]:
        name = branch["properties"]["name"]
        rest = {**branch, "properties": {**branch["properties"], "name": True}}
        rules.append({"if": {"properties": {"name": {"const": name["const"]}}, "required": ["name"]}, "then": rest})
    names = [
        {"const": branch["properties"]["name"]["const"], "description": branch["properties"]["name"]["description"]}
        for branch in dataset["oneOf"]
    ]
    described = {"title": dataset["title"], "description": dataset["description"], "type": "object"}
    return {**described, "properties": {"name": {"anyOf": names, "description": "Which data set."}}, "allOf": rules}
