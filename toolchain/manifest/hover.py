"""What editors show beside a key: the description, with the default, which they would not show by themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def with_defaults(schema: Any) -> Any:
    """The schema with ``Default: …`` at the end of the description of every key that has a default worth saying.

    ``None`` and an empty mapping or list say only that the key may be left out; the description tells what that means.
    """
    if isinstance(schema, list):
        return [with_defaults(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    spoken = {
        key: inner if key in ("default", "examples", "enum") else with_defaults(inner) for key, inner in schema.items()
    }
    default = spoken.get("default")
    if isinstance(spoken.get("description"), str) and default not in (None, {}, [], ""):
        spoken["description"] = f"{spoken['description']} Default: {one_line(default)}."
    return spoken


def one_line(value: Any) -> str:
    """A value as a manifest would have it, in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {one_line(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(one_line, value))}]"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return value if isinstance(value, str) else json.dumps(value)
