"""``library``: the network as a folder of C sources that other build systems take as it stands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.codegen.generate_stage import target
from toolchain.errors import GoldcrestError
from toolchain.folders import whole_folder
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.library import nnom_calls
from toolchain.library.measure import measure
from toolchain.library.naming import prefix
from toolchain.library.nnom_input import raw_range
from toolchain.library.packages import Package, files
from toolchain.library.sources import compiled, sources
from toolchain.report import status
from toolchain.stages import add_files, read_json

REFERENCE_CHIPS = ("atmega4809", "atmega328p")
SAMPLES = 50
LICENCE = Path(__file__).resolve().parents[2] / "LICENSE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    outputs = "README.md; its folder is the library"
    add_files(parser, "network", "dataset", plan="plan/library.json: description, chip, wishes", output=outputs)


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    if plan.get("input") == "streamed":
        raise GoldcrestError("a library takes the whole input at once; write `target.input: whole` in the manifest")
    graph = store.load(args.network)
    with np.load(args.dataset) as data:
        raw = data["x_test"][:SAMPLES].reshape(-1, *graph.input.shape)
        bounds = raw_range(data)
    content = library(graph, plan, raw, bounds)
    replace(args.output.parent, content)
    status.done(f"{len(content)} files")


def library(graph: Graph, plan: dict[str, Any], raw: np.ndarray, bounds: tuple[float, float]) -> dict[str, str]:
    """Every file of the library by its path.

    ``raw`` are test samples (n, *input shape), of which the first is the example; ``bounds`` the data's least and
    greatest value.
    """
    name = prefix(graph.name)
    texts = sources(graph, target(plan), plan["mcu"], name, plan["description"])
    figures = []
    for mcu in dict.fromkeys((plan["mcu"], *REFERENCE_CHIPS)):
        status.update(f"measured on the {mcu}")
        figures.append(measure(texts, graph, name, mcu, raw))
    answer = int(graph.classify(graph.run(graph.encode(raw[:1]).astype(np.int64)))[0])
    adapter = nnom_calls.files(graph, name, *bounds)
    package = Package(graph, name, plan["description"], tuple(figures), plan["clock_hz"], raw[0], answer, bool(adapter))
    found = {f"src/{file}": text for file, text in texts.items()}
    found |= files(package, compiled(list(texts)))
    found |= {f"nnom/{file}": text for file, text in adapter.items()}
    found["LICENSE"] = LICENCE.read_text(encoding="utf-8")
    return dict(sorted(found.items()))


def replace(folder: Path, content: dict[str, str]) -> None:
    """Put the files where ``folder`` is, in the place of what was there: a whole library or none."""
    with whole_folder(folder) as fresh:
        for name, text in content.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
