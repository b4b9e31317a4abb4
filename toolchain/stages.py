"""What the stages' command lines share: the names of the files that they read, and JSON in and out.

A stage is one process that makes one file out of others; see ``toolchain.__main__``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from toolchain.files import atomic

INPUTS = {
    "model": "the trained network (.h5, or .npz if imported)",
    "network": "the integer network (quantized.npz)",
    "dataset": "the data set (.npz)",
    "elf": "the linked firmware",
    "description": "network.json of the code generator",
    "memory": "memory.json",
    "latency": "latency.json",
    "accuracy": "accuracy.json",
    "ranges": "ranges.json: each layer's range and saturation",
}
"""Files that one stage makes and others read, by their option."""


def add_files(parser: argparse.ArgumentParser, *inputs: str, output: str, plan: str | None = None) -> None:
    """The options that every stage has: ``--plan`` (its section of the plan), ``--output``, and some of ``INPUTS``.

    ``plan`` and ``output`` are the help texts of these options.
    """
    described = {**({"plan": plan} if plan else {}), **{name: INPUTS[name] for name in inputs}, "output": output}
    for name, text in described.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)


def read_json(path: Path) -> Any:
    """The content of a JSON file that another stage wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON, the whole file or none."""
    with atomic(path, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
