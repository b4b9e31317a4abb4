"""The words that shells complete (``completions/``): each run leaves its targets and options in ``build/.completion``.

So the shell need not start SCons to know them. A line is ``target NAME``, ``option NAME=`` or ``value NAME=CHOICE``.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.graph.arguments import Argument

NAME = ".completion"


def words(targets: Iterable[str], options: Iterable[Argument]) -> str:
    """The file's content."""
    lines = [f"target {target}" for target in targets]
    for option in options:
        lines.append(f"option {option.name}=")
        lines += [f"value {option.name}={choice}" for choice in option.choices]
    return "\n".join(lines) + "\n"


def remember(folder: Path, content: str) -> None:
    """Write the file if it says anything else by now. Completion is a convenience: what hinders it hinders no build."""
    path = folder / NAME
    with suppress(OSError, GoldcrestError):
        if path.exists() and path.read_text(encoding="utf-8") == content:
            return
        from toolchain.files import atomic

        with atomic(path, "w") as file:
            file.write(content)
