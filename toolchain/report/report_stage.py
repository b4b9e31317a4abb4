"""Stage ``report``: one page about a model, report.html, that needs nothing but itself.

Everything on it is measured or read from what other stages made; here it is only gathered, and the distributions, the
profile and the wrong answers are computed. The page itself is in ``toolchain/report/page/``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from toolchain import manifest
from toolchain.files import atomic
from toolchain.ir import store
from toolchain.memory.elf import Image
from toolchain.quantization.quantize_stage import float_graph, threshold
from toolchain.report import answers, budget_stage, distributions, kept, memory_map, page, status
from toolchain.report.profile import profile
from toolchain.simulator.core import Core, TooLarge
from toolchain.stages import read_json

OBSERVED = 256
"""Training samples for the histograms."""

MEASURED = {
    "memory": "memory.json",
    "latency": "latency.json",
    "accuracy": "accuracy.json",
    "ranges": "ranges.json: each layer's range, saturation and error",
    "description": "network.json: the kernels that were chosen",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--budgets", type=Path, required=True, help="plan/memory.json: the budgets, in bytes")
    parser.add_argument("--quantization", type=Path, required=True, help="plan/quantization.json")
    for name, text in MEASURED.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--elf", type=Path, required=True, help="the linked firmware")
    parser.add_argument("--host", type=Path, required=True, help="the network as a program for this machine")
    parser.add_argument("--network", type=Path, required=True, help="the integer network (quantized.npz)")
    parser.add_argument("--model", type=Path, required=True, help="the trained model (.h5)")
    parser.add_argument("--dataset", type=Path, required=True, help="the data set (.npz)")
    parser.add_argument("--history", type=Path, help="model.history.json, if the model was trained here")
    parser.add_argument("--manifest", type=Path, required=True, help="the manifest")
    parser.add_argument("--evaluation", type=Path, help="evaluation.json, if the model was evaluated on a board")
    parser.add_argument("--output", type=Path, required=True, help="report.html")


def run(args: argparse.Namespace) -> None:
    content = gather(args)
    text = page.render(content)
    with atomic(args.output, "w") as file:
        file.write(text)
    status.done(f"{len(text.encode()) / 1000:,.0f} KB")


def gather(args: argparse.Namespace) -> dict[str, Any]:
    """All that the page shows; see ``page`` for its form. Plain JSON values."""
    measured = {name: read_json(getattr(args, name)) for name in MEASURED}
    memory, description = measured["memory"], measured["description"]
    given = [measured[name] for name in ("memory", "latency", "accuracy", "ranges")]
    image = Image(args.elf)
    report = budget_stage.make(args.output.parent.name, read_json(args.budgets), *given)
    flash = budget_stage.flash_of(image)
    report["accuracy"]["board"] = budget_stage.board_accuracy(args.evaluation, flash)
    declared = manifest.load(args.manifest)
    plan = read_json(args.quantization)
    network = store.load(args.network)
    with np.load(args.dataset) as data:
        x_train, x, y = data["x_train"][:OBSERVED], data["x_test"], data["y_test"]
        classes = int(data["classes"])
        names = [str(name) for name in data["names"]] if "names" in data else None
    trained = float_graph(args.model, plan, x.dtype, classes)
    status.update("distributions", 0.1)
    seen = distributions.layers(trained, network, x_train)
    status.update("answers", 0.4)
    answered = answers.answers(args.host, network, trained, x, y, threshold(plan["loss"], trained))
    status.update("profile", 0.8)
    try:
        spent = profile(Core(image, memory["mcu"]), description, network.encode(x[:1])[0])
    except TooLarge:
        spent = []
    chosen = {layer["name"]: layer for layer in description["layers"]}
    return {
        "report": report,
        "previous": kept.previous(args.output.parent, report),
        "about": declared.description,
        "program": memory_map.program(image),
        "data": memory_map.data(image, memory),
        "time": spent,
        "layers": [
            {**layer, **seen[layer["name"]], "choice": _choice(chosen.get(layer["name"]))}
            for layer in measured["ranges"]["layers"]
        ],
        "input": distributions.inputs(network, x_train),
        "observed": len(x_train),
        "history": _history(args.history),
        "answers": answered,
        "names": names,
        "manifests": [{"path": path, "text": Path(path).read_text(encoding="utf-8")} for path in declared.files],
    }


def _choice(described: dict[str, Any] | None) -> dict[str, Any] | None:
    """The kernel that a layer has, and the ones that it might have had."""
    return described and {key: described.get(key) for key in ("kernel", "constant_time", "candidates")}


def _history(path: Path | None) -> dict[str, Any] | None:
    """The training's epochs; None for a model that was not trained here."""
    if path is None or not path.exists():
        return None
    found = read_json(path)
    return found if found.get("epochs") else None
