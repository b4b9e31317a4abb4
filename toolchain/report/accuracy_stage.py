"""Stage ``accuracy``: how often the network is right on all test samples, as trained and as the chip computes it.

The chip's figure comes from the same C compiled for this machine; its answers are held byte by byte against the integer
reference on the first samples. The float figure comes from the trained model, in numpy.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError, ToolError
from toolchain.files import atomic
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.quantization.quantize_stage import float_graph, threshold
from toolchain.report import status
from toolchain.stages import add_files, read_json, write_json

COMPARED = 256  # samples on which C and integer reference are held against each other
BATCH = 500  # samples at a time through the float network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "network", "model", "dataset", plan="plan/quantization.json", output="accuracy.json")
    parser.add_argument("--host", type=Path, required=True, help="the network as a program for this machine")
    parser.add_argument("--answers", type=Path, required=True, help="what each says of every test sample (.npz)")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    graph = store.load(args.network)
    with np.load(args.dataset) as data:
        x, y, classes = data["x_test"], data["y_test"], int(data["classes"])
    trained = float_graph(args.model, plan, x.dtype, classes)
    report = measure(args.host, graph, trained, x, y, threshold(plan["loss"], trained))
    with atomic(args.answers) as file:
        np.savez(file, **report.pop("answers"))
    write_json(args.output, report)
    status.done(_closing(report))


def measure(host: Path, graph: Graph, trained: Graph, x: np.ndarray, y: np.ndarray, limit: float) -> dict[str, Any]:
    """The content of accuracy.json. ``x`` raw test samples (n, …), ``y`` classes (n,) or target values (n, k).

    Its ``answers`` go into a file of their own: ``labels``, ``model`` and ``chip``, the classes (n,) that are right and
    that each of them says, uint8; nothing for values.
    ``limit`` is the float output from which a single-output classifier says 1. Raises GoldcrestError if the host's C
    and the reference differ.
    """
    status.update("integer network")
    codes = graph.encode(x)
    outputs, found = run_host(host, codes, graph.output.size)
    compare(host, graph, codes[:COMPARED], outputs[:COMPARED], found[:COMPARED])
    real = forward(trained, x)
    report: dict[str, Any] = {
        "schema": 1, "samples": len(x), "compared": min(COMPARED, len(x)),
        "float": None, "quantized": None, "error": None, "answers": {},
    }  # fmt: skip
    if graph.decision == "none":
        values = graph.output.real(outputs.view(graph.output.dtype).astype(np.int64))
        report["error"] = {
            "measure": "mean absolute error",
            "float": float(np.abs(real - y.reshape(len(y), -1)).mean()),
            "quantized": float(np.abs(values - y.reshape(len(y), -1)).mean()),
        }
        return report
    labels = classes_of(y)
    says = decided(real, graph.decision, limit)
    report["float"] = float((says == labels).mean())
    report["quantized"] = float((found == labels).mean())
    report["agreement"] = float((found == says).mean())
    classes = {"labels": labels, "model": says, "chip": found}
    report["answers"] = {name: values.astype(np.uint8) for name, values in classes.items()}
    return report


def run_host(host: Path, codes: np.ndarray, output_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Output bytes (n, bytes) and classes (n,), both uint8, of the network's program. Raises ToolError if it fails."""
    try:
        done = subprocess.run([host.resolve()], input=codes.tobytes(), capture_output=True, check=False)
    except OSError as error:
        raise ToolError(f"{host} cannot be run ({error.strerror}); delete it and build again") from error
    if done.returncode or len(done.stdout) != len(codes) * (output_bytes + 1):
        reason = done.stderr.decode(errors="replace").strip() or f"{len(done.stdout)} bytes came back"
        raise ToolError(f"{host} failed on {len(codes)} inputs: {reason}; delete it and build again")
    rows = np.frombuffer(done.stdout, np.uint8).reshape(len(codes), output_bytes + 1)
    return rows[:, :-1].copy(), rows[:, -1].copy()


def compare(host: Path, graph: Graph, codes: np.ndarray, outputs: np.ndarray, classes: np.ndarray) -> None:
    """Raises GoldcrestError if any output byte or class is not the reference's."""
    expected = graph.run(codes.astype(np.int64)).reshape(len(codes), -1)
    same = ((expected & 0xFF).astype(np.uint8) == outputs).all(axis=1) & (graph.classify(expected) == classes)
    if not same.all():
        raise GoldcrestError(
            f"{host}: the network in C and the integer reference differ on {int((~same).sum())} of {len(codes)} "
            f"test samples, first on sample {int(np.argmin(same))}; this is a defect of the compiler, please report "
            "it with the manifest"
        )


def forward(trained: Graph, x: np.ndarray) -> np.ndarray:
    """The float network's outputs (n, values), float64."""
    rows = []
    for start in range(0, len(x), BATCH):
        status.update("float network", start / len(x))
        part = trained.encoding.scaled(x[start : start + BATCH].reshape(-1, *trained.input.shape))
        rows.append(trained.run(part).reshape(len(part), -1))
    return np.concatenate(rows)


def decided(real: np.ndarray, decision: str, limit: float) -> np.ndarray:
    """Classes (n,) int64 that float outputs (n, values) stand for: 1 from ``limit`` on, or the largest."""
    return (real[:, 0] >= limit).astype(np.int64) if decision == "threshold" else np.argmax(real, axis=1)


def classes_of(y: np.ndarray) -> np.ndarray:
    """Classes (n,) int64 from classes, one-hot rows, or a single column of 0 and 1 (or -1 and 1)."""
    if y.ndim == 1:
        return y.astype(np.int64)
    return np.argmax(y, axis=1) if y.shape[1] > 1 else (y[:, 0] > 0.5).astype(np.int64)


def _closing(report: dict[str, Any]) -> str:
    if report["error"]:
        return f"mean absolute error {report['error']['quantized']:.4g}, float {report['error']['float']:.4g}"
    return f"{100 * report['quantized']:.2f} %, float {100 * report['float']:.2f} %, {report['samples']:,} samples"
