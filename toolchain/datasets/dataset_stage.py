"""Stage `dataset`: from the plan's data set to one .npz of raw samples. Same plan, same files, same bytes."""

from __future__ import annotations

import argparse

from toolchain.datasets import base, registry
from toolchain.files import atomic
from toolchain.report import status
from toolchain.stages import add_files, read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, plan="the plan's `dataset` section, as JSON", output="the .npz to write")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    splits = registry.load(plan)
    with atomic(args.output) as file:
        base.save(splits, file)
    sizes = " + ".join(f"{len(splits.x[part]):,}" for part in base.PARTS)
    status.done(f"{sizes} samples of {base.shape_text(splits.x['train'].shape[1:])}")
