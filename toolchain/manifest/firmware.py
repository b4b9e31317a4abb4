"""The user's own program around the network: ``firmware: {sources: […], include: […]}``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.manifest.draft import Draft

NOTE = "the path is relative to the folder that holds the build"

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "sources": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "description": "A .c or .S file."},
            "minItems": 1,
            "uniqueItems": True,
            "description": "The program's files, with `main()`; paths from the folder that holds the build. They "
            "include `network.h`.",
        },
        "include": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "description": "A folder."},
            "uniqueItems": True,
            "default": [],
            "description": "Folders of their headers.",
        },
    },
    "required": ["sources"],
    "additionalProperties": False,
    "description": "A program of your own around the network; the budgets then hold for all of it. Left out: the "
    "evaluation firmware, which `flash` and `evaluate` talk to.",
}


def files(draft: Draft) -> None:
    """Sources and folders must be there, and be something that the compiler is given."""
    for key, kind, there in (("sources", "file", Path.is_file), ("include", "folder", Path.is_dir)):
        for index, name in enumerate(draft.get("firmware", key) or []):
            if not isinstance(name, str):
                continue
            here = ("firmware", key, index)
            if key == "sources" and not name.endswith((".c", ".S")):
                draft.report(here, f"`{name}` is no C and no assembly", "expected a file that ends in `.c` or `.S`")
            elif not there(Path(name).expanduser()):
                draft.report(here, f"there is no {kind} `{name}`", NOTE)
