"""The options of the command line as a table, written from the list that the build itself checks them with."""

from __future__ import annotations

from toolchain.graph.arguments import ARGUMENTS

MARK = "<!-- options: from toolchain/graph/arguments.py -->"


def table() -> str:
    """One row an option, in Markdown."""
    rows = [f"| `{each.name}={each.value}` | {each.help} |" for each in ARGUMENTS]
    return "\n".join(["| option | meaning |", "|---|---|", *rows])
