"""The reference pages of manifests and studies, written from their schemas: every key with type, default, meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolchain.documentation.words import Schema, mapping, sample, table
from toolchain.manifest import schema as manifest
from toolchain.manifest.hover import one_line
from toolchain.studies import schema as studies

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
STUDY = """# The study

Every key of a file in `studies/`, written from the schema that the build checks studies with (`studies/schema.json` for
editors). A key in *italics* may be left out; NAME stands for a name of your own.
"""


def page() -> str:
    """The whole page as Markdown."""
    document = manifest.sections()
    parts = [HEAD]
    scalars = {name: part for name, part in document["properties"].items() if not _is_section(part)}
    parts += ["\n## At the top\n", *table(scalars, document["required"]), EXTENDS]
    for name, part in document["properties"].items():
        if _is_section(part):
            need = "" if name in document["required"] else " May be left out."
            parts += [f"\n## {name}\n", f"{part['description']}{need}\n", *_section(name, part)]
    return "\n".join(parts) + "\n"


def example(kind: str, part: Schema) -> Any:
    """The shortest way to write a layer: its name alone, the shorthand, or the options that it must have."""
    body = mapping(part)
    assert body is not None
    required = body.get("required", ())
    if "x-shorthand" in part:
        return {kind: sample(body["properties"][part["x-shorthand"]])}
    return {kind: {name: sample(body["properties"][name]) for name in required}} if required else kind


def kinds(part: Schema) -> dict[str, Schema]:
    """What a choice offers: the alternatives of which one stands in the manifest, by name."""
    named = next(branch for branch in part["anyOf"] if branch.get("maxProperties") == 1)
    return dict(named["properties"])


def study_page() -> str:
    """The page of studies as Markdown."""
    document = studies.sections()
    return "\n".join([STUDY, *table(document["properties"], document["required"])]) + "\n"


def _section(name: str, part: Schema) -> Iterator[str]:
    if name == "network":
        yield from _network(part)
    elif "oneOf" in part:
        for branch in part["oneOf"]:
            chosen = branch["properties"]["name"]
            rest = {key: value for key, value in branch["properties"].items() if key != "name"}
            yield f"\n### {name}: {chosen['const']}\n"
            yield f"{chosen['description']}\n"
            yield from table(rest, branch["required"])
    else:
        yield from table(part["properties"], part.get("required", ()))


def _network(part: Schema) -> Iterator[str]:
    layers = next(branch for branch in part.get("anyOf", (part,)) if "items" in branch)
    for branch in part.get("anyOf", ()):
        if "properties" in branch:
            yield from table(branch["properties"], branch.get("required", ()))
    yield COMMON
    common = {option.name: option.schema for option in (*manifest.LAYER_OPTIONS, manifest.WEIGHTS)}
    yield from table(common, ())
    yield "\n`weights` belongs to the kinds that can be learned as integers; their tables have it.\n"
    for kind, layer in kinds(layers["items"]).items():
        body = mapping(layer)
        assert body is not None
        own = {key: value for key, value in body["properties"].items() if key not in ("name", "inputs")}
        yield f"\n### {kind}\n"
        yield f"{layer['description']}\n"
        yield f"```yaml\n{yaml_item(example(kind, layer))}\n```\n"
        if own:
            yield from table(own, body.get("required", ()))


def _is_section(part: Schema) -> bool:
    return any("properties" in branch or "items" in branch for branch in part.get("anyOf", part.get("oneOf", (part,))))


def yaml_item(value: Any) -> str:
    """An item of the list of layers, as one writes it."""
    if isinstance(value, str):
        return f"- {value}"
    ((name, inner),) = value.items()
    return f"- {name}: {one_line(inner)}"
