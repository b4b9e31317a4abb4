"""``quantize``: a trained model and its data in; the integer network (``quantized.npz``) and ``ranges.json`` out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from toolchain import passes
from toolchain.errors import GoldcrestError
from toolchain.ir import from_keras, store
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.quantization import errors
from toolchain.quantization.calibration import Calibration
from toolchain.quantization.quantize import quantize
from toolchain.quantization.ranges import proof
from toolchain.quantization.scheme import SCHEMES
from toolchain.report import status
from toolchain.stages import add_files, read_json, write_json

COMPARED = 256
"""Calibration samples on which the integer network is held against the float one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "model", "dataset", plan="plan/quantization.json", output="the integer network (.npz)")
    parser.add_argument("--ranges", type=Path, required=True, help="the proof of the ranges (.json)")
    parser.add_argument("--manifest", type=Path, help="the manifest, for the line in an error")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    wanted = plan["quantization"]
    calibration = Calibration.of(wanted["calibration"])
    with np.load(args.dataset) as data:
        samples = data["x_train"][: calibration.samples]
        classes = int(data["classes"])
    status.update("calibrating")
    network = float_graph(args.model, plan, samples.dtype, classes)
    integer = quantize(network, SCHEMES[wanted["scheme"]](), samples, threshold(plan["loss"], network), calibration)
    ranges = proof(integer, integer.encode(samples))
    compared = errors.report(network, integer, samples[:COMPARED])
    for layer in ranges["layers"]:
        layer["error"] = compared[layer["name"]]
    write_json(args.ranges, ranges)
    store.save(integer, args.output)
    worst = max(ranges["layers"], key=lambda layer: layer["saturated"])
    refuse_saturation(worst["name"], worst["saturated"], wanted.get("saturation"))
    status.done(f"saturated {worst['saturated']:.2%}")


def refuse_saturation(name: str, share: float, limit: float | None) -> None:
    """Raise GoldcrestError if more of a layer's values are cut off by the 8-bit range than the manifest allows."""
    if limit is not None and share > limit:
        raise GoldcrestError(
            f"layer {name}: {share:.2%} of its values on the calibration set lie outside of its range, and "
            f"quantization.saturation allows {limit:.2%}; use calibration method min_max or more samples"
        )


def float_graph(model: Path, plan: dict[str, Any], dtype: np.dtype[Any], classes: int) -> Graph:
    """The float graph of a model file after the float passes, ready to be quantized or to serve as reference.

    ``plan`` is the quantization plan, ``dtype`` the data set's (uint8 samples reach the chip as they are), ``classes``
    the number of classes (0: regression).
    """
    declared = plan["input"]
    offset, divide = (np.atleast_1d(np.asarray(declared[key], np.float64)) for key in ("offset", "divide"))
    as_they_are = dtype == np.uint8 and offset.size == divide.size == 1 and divide[0] > 0
    encoding = Encoding(offset, divide, quantize=not as_they_are)
    raw = Tensor(tuple(declared["shape"]))
    graph = store.load(model) if model.suffix == ".npz" else from_keras.read(model, encoding, raw)
    decision = "none" if classes == 0 else "argmax" if graph.output.size > 1 else "threshold"
    steps = passes.float_passes(plan["quantization"].get("output", "class"))
    return passes.run(steps, Graph(model.parent.name, raw, encoding, graph.layers, decision))


def threshold(loss: str | None, network: Graph) -> float:
    """The output from which a single-output classifier says 1: hinge losses train on -1 and 1, others on 0 and 1.

    Of a network from a file (``loss`` None) the last function decides: a sigmoid puts out a probability, anything else
    a score that is positive for class 1.
    """
    if loss is None:
        function = getattr(network.layers[-1].operator, "function", "linear")
        return 0.5 if function in ("sigmoid", "hard_sigmoid") else 0.0
    return 0.0 if loss in ("hinge", "squared_hinge") else 0.5
