"""Stage `dataset`: from the plan's data set to one .npz of raw samples. Same plan, same files, same bytes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from toolchain.datasets import base, registry
from toolchain.files import atomic
from toolchain.report import status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=Path, required=True, help="the plan's `dataset` section, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .npz to write")


def run(args: argparse.Namespace) -> None:
    plan = json.loads(args.plan.read_text(encoding="utf-8"))
    splits = registry.load(plan)
    with atomic(args.output) as file:
        base.save(splits, file)
    sizes = " + ".join(f"{len(splits.x[part]):,}" for part in base.PARTS)
    status.done(f"{sizes} samples of {base.shape_text(splits.x['train'].shape[1:])}")
