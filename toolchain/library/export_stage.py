"""``export``: the integer network in another runtime's format: ``weights.h`` of NNoM's layer interface."""

from __future__ import annotations

import argparse

import numpy as np

from toolchain.files import atomic
from toolchain.ir import store
from toolchain.library.nnom_export import weights_h
from toolchain.library.nnom_input import raw_range
from toolchain.report import status
from toolchain.stages import add_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "network", "dataset", output="weights.h")


def run(args: argparse.Namespace) -> None:
    with np.load(args.dataset) as data:
        text = weights_h(store.load(args.network), *raw_range(data))
    with atomic(args.output, "w") as file:
        file.write(text)
    status.done(f"{len(text):,} characters")
