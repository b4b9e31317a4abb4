"""What a JSON Schema says of its keys, in words: rows of tables, and the shortest example of a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolchain.manifest.hover import one_line
from toolchain.manifest.units import UNITS

Schema = Mapping[str, Any]

BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "nothing"}


def table(properties: Mapping[str, Schema], required: Any) -> Iterator[str]:
    """A row a key, those inside of it after it: ``split``, ``split.train``."""
    yield "| key | value | default | meaning |\n|---|---|---|:---|"  # flush left by name: prose, see extra.css
    for row in _rows(properties, required, ""):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _rows(properties: Mapping[str, Schema], required: Any, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, part in properties.items():
        path = f"{prefix}{name}"
        optional = name not in required
        yield _emphasis(path, optional), type_of(part), _default(part), _text(part)
        for inner in _inner(part):
            yield from _rows(inner["properties"], inner.get("required", ()), f"{path}.")
        for inner in _inner(part.get("additionalProperties") or {}):  # keys that the writer names
            yield from _rows(inner["properties"], inner.get("required", ()), f"{path}.NAME.")


def _inner(part: Schema) -> Iterator[Schema]:
    """The mappings that may stand in a key's place, or in its list."""
    for branch in part.get("anyOf", (part,)):
        if "properties" in branch:
            yield branch
    if "items" in part:
        yield from _inner(part["items"])


def mapping(part: Schema) -> Schema | None:
    """The branch that is a mapping with keys of its own, if there is one."""
    return next((branch for branch in part.get("anyOf", (part,)) if "properties" in branch), None)


def type_of(part: Schema) -> str:
    """What may be written, in words: ``number ≥ 0``, ```a` or `b```."""
    if "x-unit" in part:
        return f"text such as {_code(part['examples'][0])}: {', '.join(UNITS[part['x-unit']].factors)}"
    if "const" in part:
        return _code(part["const"])
    if "enum" in part:
        return _any([_code(value) for value in part["enum"]])
    if branches := part.get("anyOf", part.get("oneOf")):
        return _any([type_of(branch) for branch in branches if branch.get("type") != "null"])
    if "type" not in part:
        return "anything"
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    return _any([_plain(name, part) for name in types if name != "null"])


def _plain(name: str, part: Schema) -> str:
    if name == "array":
        items = type_of(part["items"])
        return f"list of {_length(part)}({items})" if " " in items else f"list of {_length(part)}{items}"
    if name == "object":
        if part.get("maxProperties") == 1:
            return "one of " + ", ".join(_code(key) for key in part["properties"]) + " with options"
        return "mapping"
    bounds = [f"{sign} {part[key]:g}" for key, sign in BOUNDS if key in part and abs(part[key]) < 2**31]
    return " ".join([NAMES[name], " and ".join(bounds)]).rstrip()


def _length(part: Schema) -> str:
    least, most = part.get("minItems"), part.get("maxItems")
    if least and least == most:
        return f"{least} "
    return f"up to {most} " if most else ""


def _text(part: Schema) -> str:
    variants = [
        f"`{name}`: {inner['description']}"
        for branch in part.get("anyOf", ())
        if branch.get("maxProperties") == 1
        for name, inner in branch["properties"].items()
        if not mapping(inner)["properties"]  # type: ignore[index]
    ]
    return " ".join([part["description"], *variants])


def _default(part: Schema) -> str:
    return "" if part.get("default") in (None, {}, [], "") else _code(part["default"])


def _emphasis(path: str, optional: bool) -> str:
    return f"*`{path}`*" if optional else f"`{path}`"


def _any(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _code(value: Any) -> str:
    return f"`{one_line(value)}`"


def sample(part: Schema) -> Any:
    """A value that the schema takes."""
    if "default" in part and part["default"] is not None:
        return part["default"]
    if "enum" in part:
        return part["enum"][min(1, len(part["enum"]) - 1)]
    if "anyOf" in part:
        return sample(part["anyOf"][0])
    if part["type"] == "array":
        return [sample(part["items"])] * part.get("minItems", 1)
    return {"integer": max(3, part.get("minimum", 3)), "number": 0.5, "string": "name"}[part["type"]]
