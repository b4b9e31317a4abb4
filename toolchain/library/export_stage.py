"""``export``: the integer network in another runtime's format: ``weights.h`` of NNoM's layer interface."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from toolchain.files import atomic
from toolchain.ir import store
from toolchain.library.nnom_export import weights_h
from toolchain.library.nnom_input import raw_range
from toolchain.report import status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", type=Path, required=True, help="the integer network (quantized.npz)")
    parser.add_argument("--dataset", type=Path, required=True, help="the data set (.npz), for the range of its values")
    parser.add_argument("--output", type=Path, required=True, help="weights.h")


def run(args: argparse.Namespace) -> None:
    with np.load(args.dataset) as data:
        text = weights_h(store.load(args.network), *raw_range(data))
    with atomic(args.output, "w") as file:
        file.write(text)
    status.done(f"{len(text):,} characters")
