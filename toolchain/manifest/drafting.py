"""From a manifest's file to a draft in which everything wrong is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolchain.manifest import changes, checks, extends, network, schema, validate
from toolchain.manifest.changes import Change
from toolchain.manifest.diagnostics import Diagnostic
from toolchain.manifest.draft import Draft


def read(
    path: Path, sections: Mapping[str, Any], problems: list[Diagnostic], given: Sequence[Change] = ()
) -> tuple[Draft | None, list[Path]]:
    """The manifest at ``path`` with the changes ``given``, held against the schema ``sections``, and every file read.

    None if it cannot be read as YAML. Raises InvalidManifest if it cannot be opened.
    """
    top, files = extends.read(path, schema.choices(), problems)
    if top is None:
        return None, files
    top = changes.changed(top, given, problems)
    values = validate.check(top, sections, (), problems)
    draft = Draft(path, top, values, problems)
    network.follow(draft)
    checks.run(draft)
    return draft, files
