"""``import``: a model file of somebody else's; the float network that the other stages read (``imported.npz``).

Beside it ``imported.json`` says what the network consists of, for the estimate of ``check``.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.datasets import base
from toolchain.datasets.base import goes_with, shape_text
from toolchain.errors import DataError, GoldcrestError
from toolchain.importing import formats, words
from toolchain.ir import store
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.report import status
from toolchain.stages import add_files, read_json, write_json
from toolchain.training import targets

TORN = (AttributeError, LookupError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError, struct.error)
"""What libraries raise over bytes that are no model of their format, wherever they notice it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "dataset", plan="plan/training.json: input and import", output="the float network (.npz)")
    parser.add_argument("--manifest", type=Path, help="the manifest, for the line in an error")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    splits = base.read(args.dataset)
    try:
        graph = read(plan, args.output.parent.name)
        check(graph, splits, str(args.dataset))
    except GoldcrestError as error:
        at_fault = ("dataset", "name") if isinstance(error, DataError) else ("network", plan["import"]["format"])
        error.key_path = error.key_path or at_fault
        raise
    described = words.network(graph)
    write_json(args.output.with_suffix(".json"), described)
    store.save(graph, args.output)
    parameters = sum(entry["counts"]["weights"] + entry["counts"]["biases"] for entry in described)
    status.done(f"{len(graph.layers)} layers, {parameters:,} parameters")


def read(plan: dict[str, Any], name: str) -> Graph:
    """The float graph of the file that ``plan["import"]`` names.

    Raises GoldcrestError for what the file holds and cannot be computed exactly, WrongInputError if it takes other
    samples than ``plan["input"]`` declares.
    """
    path = formats.path_of(plan["import"])
    given = plan["input"]
    offset, divide = (np.atleast_1d(np.asarray(given[key], np.float64)) for key in ("offset", "divide"))
    encoding = Encoding(offset, divide, quantize=False)  # whether bytes go in as they are is for quantization to say
    try:
        return _reader(plan["import"]["format"])(path, name, encoding, Tensor(tuple(given["shape"])))
    except TORN as error:
        raise GoldcrestError(f"{path}: not readable ({error}); it may be torn: save or convert it again") from error


def _reader(name: str) -> Callable[[Path, str, Encoding, Tensor], Graph]:
    """The format's reader, imported only when it is needed: each brings libraries with it."""
    if name == "onnx":
        from toolchain.importing import onnx_file

        return onnx_file.read
    if name == "tflite":
        from toolchain.importing import tflite_file

        return tflite_file.read
    from toolchain.importing import keras_file

    return keras_file.read


def check(graph: Graph, splits: base.Splits, origin: str) -> None:
    """Raises DataError if the data set's samples or classes do not go with the network."""
    shape = splits.x["train"].shape[1:]
    if not goes_with(shape, graph.input.shape):
        raise DataError(
            f"the samples are {shape_text(shape)}, and the network takes {shape_text(graph.input.shape)}; "
            "set input.shape, or the data set's preprocess, so that they agree"
        )
    targets.check(splits, graph.output.size, "", origin)
