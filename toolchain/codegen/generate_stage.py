"""``generate``: the integer network in; ``weights.h`` and ``network.c``, ``.h``, ``.S`` and ``.json`` out."""

from __future__ import annotations

import argparse
from typing import Any

from toolchain.board import chips
from toolchain.codegen.network import generate
from toolchain.files import together
from toolchain.ir import store
from toolchain.kernels.base import Target
from toolchain.memory import chip
from toolchain.report import status
from toolchain.stages import add_files, read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "network", plan="plan/generation.json", output="weights.h; the other files go beside it")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    sources = generate(store.load(args.network), target(plan))
    files, folder = sources.files(), args.output.parent
    with together(*reversed([folder / name for name in files])) as paths:
        for path in paths:
            path.write_text(files[path.name], encoding="utf-8")
    kernels = [layer["kernel"] for layer in sources.description["layers"][:-1] if layer["function"]]
    status.done(f"kernels {', '.join(dict.fromkeys(kernels))}")


def target(plan: dict[str, Any]) -> Target:
    """What the generation section of a plan asks of the code."""
    flash = min(plan.get("program", 1 << 32), chip.facts(plan["mcu"]).flash_size)
    return Target(chips.chip(plan["mcu"]).core, plan["prefer"], plan["latency"], flash, plan.get("input") == "streamed")
