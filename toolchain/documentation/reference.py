"""The reference page of the manifest, written from the schema: every key with type, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolchain.manifest import schema as manifest
from toolchain.manifest.hover import one_line
from toolchain.manifest.units import UNITS

Schema = Mapping[str, Any]

HEAD = """# The manifest

Every key that a manifest may have, written from the schema that the build itself checks manifests with. Editors with a
YAML language server (VS Code's YAML extension, for one) complete keys and show this help while you write, if the file
begins with

```yaml
# yaml-language-server: $schema=schema.json
```

A key in *italics* may be left out. Sizes and clocks are text with a unit
(`48 KiB`, `20 MHz`).
"""
EXTENDS = """
A manifest with `extends: other.yaml` starts from that one: mappings are merged key by key, lists (the network's layers)
are replaced as a whole.
"""
COMMON = """
Layers are a list; each item is a layer's kind, with its options if it has any. Every kind takes these options too:
"""
BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "nothing"}


def page() -> str:
    """The whole page as Markdown."""
    document = manifest.sections()
    parts = [HEAD]
    scalars = {name: part for name, part in document["properties"].items() if not _is_section(part)}
    parts += ["\n## At the top\n", *_table(scalars, document["required"]), EXTENDS]
    for name, part in document["properties"].items():
        if _is_section(part):
            need = "" if name in document["required"] else " May be left out."
            parts += [f"\n## {name}\n", f"{part['description']}{need}\n", *_section(name, part)]
    return "\n".join(parts) + "\n"


def example(kind: str, part: Schema) -> Any:
    """The shortest way to write a layer: its name alone, the shorthand, or the options that it must have."""
    body = _mapping(part)
    assert body is not None
    required = body.get("required", ())
    if "x-shorthand" in part:
        return {kind: _sample(body["properties"][part["x-shorthand"]])}
    return {kind: {name: _sample(body["properties"][name]) for name in required}} if required else kind


def kinds(part: Schema) -> dict[str, Schema]:
    """What a choice offers: the alternatives of which one stands in the manifest, by name."""
    named = next(branch for branch in part["anyOf"] if branch.get("maxProperties") == 1)
    return dict(named["properties"])


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


def _section(name: str, part: Schema) -> Iterator[str]:
    if name == "network":
        yield from _network(part)
    elif "oneOf" in part:
        for branch in part["oneOf"]:
            chosen = branch["properties"]["name"]
            rest = {key: value for key, value in branch["properties"].items() if key != "name"}
            yield f"\n### {name}: {chosen['const']}\n"
            yield f"{chosen['description']}\n"
            yield from _table(rest, branch["required"])
    else:
        yield from _table(part["properties"], part.get("required", ()))


def _network(part: Schema) -> Iterator[str]:
    layers = next(branch for branch in part.get("anyOf", (part,)) if "items" in branch)
    for branch in part.get("anyOf", ()):
        if "properties" in branch:
            yield from _table(branch["properties"], branch.get("required", ()))
    yield COMMON
    common = {option.name: option.schema for option in (*manifest.LAYER_OPTIONS, manifest.WEIGHTS)}
    yield from _table(common, ())
    yield "\n`weights` belongs to the kinds that can be learned as integers; their tables have it.\n"
    for kind, layer in kinds(layers["items"]).items():
        body = _mapping(layer)
        assert body is not None
        own = {key: value for key, value in body["properties"].items() if key not in ("name", "inputs")}
        yield f"\n### {kind}\n"
        yield f"{layer['description']}\n"
        yield f"```yaml\n{yaml_item(example(kind, layer))}\n```\n"
        if own:
            yield from _table(own, body.get("required", ()))


def _table(properties: Mapping[str, Schema], required: Any) -> Iterator[str]:
    yield "| key | value | default | |\n|---|---|---|---|"
    for row in _rows(properties, required, ""):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _rows(properties: Mapping[str, Schema], required: Any, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, part in properties.items():
        path = f"{prefix}{name}"
        optional = name not in required
        yield _emphasis(path, optional), type_of(part), _default(part), _text(part)
        for inner in _inner(part):
            yield from _rows(inner["properties"], inner.get("required", ()), f"{path}.")


def _inner(part: Schema) -> Iterator[Schema]:
    """The mappings that may stand in a key's place, or in its list."""
    for branch in part.get("anyOf", (part,)):
        if "properties" in branch:
            yield branch
    if "items" in part:
        yield from _inner(part["items"])


def _mapping(part: Schema) -> Schema | None:
    return next((branch for branch in part.get("anyOf", (part,)) if "properties" in branch), None)


def _is_section(part: Schema) -> bool:
    return any("properties" in branch or "items" in branch for branch in part.get("anyOf", part.get("oneOf", (part,))))


def _sample(part: Schema) -> Any:
    """A value that the schema takes."""
    if "default" in part and part["default"] is not None:
        return part["default"]
    if "enum" in part:
        return part["enum"][min(1, len(part["enum"]) - 1)]
    if "anyOf" in part:
        return _sample(part["anyOf"][0])
    if part["type"] == "array":
        return [_sample(part["items"])] * part.get("minItems", 1)
    return {"integer": max(3, part.get("minimum", 3)), "number": 0.5, "string": "name"}[part["type"]]


def _text(part: Schema) -> str:
    variants = [
        f"`{name}`: {inner['description']}"
        for branch in part.get("anyOf", ())
        if branch.get("maxProperties") == 1
        for name, inner in branch["properties"].items()
        if not _mapping(inner)["properties"]  # type: ignore[index]
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


def yaml_item(value: Any) -> str:
    """An item of the list of layers, as one writes it."""
    if isinstance(value, str):
        return f"- {value}"
    ((name, inner),) = value.items()
    return f"- {name}: {one_line(inner)}"
