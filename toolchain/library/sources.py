"""The library's C: the generated network and the kernels that it needs, under its own prefix."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from toolchain.codegen.network import generate
from toolchain.ir.graph import Graph
from toolchain.kernels.base import Target
from toolchain.library import closure, interface
from toolchain.library.naming import file_name, renamed

GENERATED = ("network.c", "network.S", "weights.h")
LICENCE = "SPDX-License-Identifier: Apache-2.0"
TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


def sources(graph: Graph, target: Target, mcu: str, prefix: str, description: str = "") -> dict[str, str]:
    """The text of every source and header by its name: what goes into the package's folder ``src``."""
    texts = generate(graph, target).files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        own = [folder / file for file in GENERATED]
        kernels = closure.needed([path for path in own if path.suffix in (".c", ".S")], mcu)
        headers = closure.headers([*own, *kernels])
    found = {f"{prefix}.h": interface.header(graph, prefix, description)}
    found[f"{prefix}_predict.c"] = interface.source(graph, prefix)
    for file in GENERATED:
        text = texts[file]
        if file.endswith(".S"):
            if "gc_" not in text:
                continue  # no kernel was made for this network alone
            text = f"#ifdef __AVR__\n{text}#endif\n"
        found[file_name(f"gc_{file}", prefix)] = renamed(text, prefix)
    for path in (*kernels, *headers):
        found[file_name(path.name, prefix)] = renamed(path.read_text(encoding="utf-8"), prefix)
    return {name: TRAILING.sub("", _licensed(name, found[name])) for name in sorted(found)}


def _licensed(name: str, text: str) -> str:
    return text if LICENCE in text else f"/* {LICENCE} */\n{text}"


def compiled(names: Sequence[str]) -> list[str]:
    """Those of the files that a compiler is given."""
    return [name for name in names if name.endswith((".c", ".S"))]
