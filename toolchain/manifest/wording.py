"""What a value and a part of a schema are, and what the validator's messages call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolchain.manifest.diagnostics import KeyPath
from toolchain.manifest.reader import Node

Schema = Mapping[str, Any]

TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def type_of(value: Any) -> str:
    """The JSON Schema type of a node's value."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def shown(node: Node) -> str:
    """A value as messages call it."""
    value = node.value
    if isinstance(value, dict | list):
        return TYPES[type_of(value)]
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`" if isinstance(value, str) else text[:40]


def subject(key_path: KeyPath) -> str:
    """What messages call the value at ``key_path``: its key, or its place in the list of that key."""
    names = [step for step in key_path if isinstance(step, str)]
    if not names:
        return "the manifest"
    if isinstance(key_path[-1], int):
        return f"layer {key_path[-1] + 1}" if names == ["network"] else f"item {key_path[-1] + 1} of `{names[-1]}`"
    return f"`{names[-1]}`"


def items(count: int) -> str:
    """``1 item``, ``2 items``."""
    return f"{count} item{'' if count == 1 else 's'}"


def about(schema: Schema, key_path: KeyPath) -> str | None:
    """The description of a key, as a note."""
    name = next((step for step in reversed(key_path) if isinstance(step, str)), "")
    return f"`{name}`: {schema['description']}" if "description" in schema else None


def kinds(schema: Schema) -> set[str]:
    """The JSON types that a schema admits."""
    if "type" in schema:
        given = schema["type"]
        return {given} if isinstance(given, str) else set(given)
    if "enum" in schema or "const" in schema:
        return {type_of(value) for value in schema.get("enum", [schema.get("const")])}
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return set().union(*(kinds(branch) for branch in schema[keyword]))
    return set(TYPES)


def object_of(schema: Schema) -> Schema:
    """The part of a schema that describes a mapping."""
    branches = schema.get("anyOf", ())
    return next((branch for branch in branches if "object" in kinds(branch)), schema)


def needs_one(node: Node, schema: Schema, key_path: KeyPath) -> str | None:
    """What to write where a mapping with one required key stands as a bare value: ``dense: 10``; and where the inputs
    of a layer stand as a bare list: ``add: [a, b]``."""
    if node.is_list and "inputs" in object_of(schema).get("properties", ()) and key_path:
        names = ", ".join(shown(item).strip("`") for item in node.value)
        return f"write `{key_path[-1]}: {{inputs: [{names}]}}`"
    needed = object_of(schema).get("required", ())
    if len(needed) != 1 or not isinstance(node.value, str | int | float) or not key_path:
        return None
    return f"write `{key_path[-1]}: {{{needed[0]}: {shown(node).strip('`')}}}`"


def options_note(schema: Schema) -> str | None:
    """The keys of a mapping, as a note."""
    if "examples" in schema:
        return f"expected something such as `{written(schema['examples'][0])}`"
    properties = object_of(schema).get("properties")
    return f"expected keys: {', '.join(properties)}" if properties else None


def written(value: Any, inside: bool = False) -> str:
    """An example as one writes it in a manifest."""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {written(inner, True)}" for key, inner in value.items())
        return f"{{{text}}}" if inside else text
    return f"[{', '.join(written(item, True) for item in value)}]" if isinstance(value, list) else str(value)
