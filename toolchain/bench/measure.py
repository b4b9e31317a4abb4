"""One row of the benchmark: a layer and a kernel, or a built model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolchain.bench.cases import Case
from toolchain.codegen.selection import site
from toolchain.codegen.workbench import Bench, bench
from toolchain.kernels.base import Target
from toolchain.kernels.registry import kernels
from toolchain.quantization.ranges import bits
from toolchain.stages import read_json

WIDE, NARROW = 8, 7
"""The floor, in cycles a product: a load from flash (3), MUL (2) and an addition of 24 bits (3) or of 16 bits (2).

Only what leaves products out (zeros), has fewer bits a weight, or holds weights as immediates in code goes below it.
"""
NETWORK = "network"


@dataclass(frozen=True)
class Row:
    """``mean`` and ``worst`` over the inputs and ``possible`` for any input, in cycles; ``floor`` of all products.

    ``flash`` are bytes beyond the weights, ``ram`` those of the activations (of a model: all, with the stack).
    """

    name: str
    kernel: str
    products: int
    floor: int
    mean: int
    worst: int
    possible: int
    flash: int
    ram: int

    @property
    def key(self) -> str:
        return f"{self.name}: {self.kernel}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_kernels(case: Case, folder: Path) -> list[Row]:
    """A row for each kernel that computes the case's layer."""
    place = site(case.graph, 0, Target("avrxt"))
    fitting = {name: kernel for name, kernel in kernels().items() if kernel.fits(place)}
    narrow = (
        place.low is not None and place.high is not None and bits(int(place.low.min()), int(place.high.max())) <= 16
    )
    floor = NARROW if narrow else WIDE
    return [
        _row(case, name, floor, bench(case.graph, folder / name, forced=name, streamed=kernel.in_pieces))
        for name, kernel in fitting.items()
    ]


def _row(case: Case, kernel: str, floor: int, built: Bench) -> Row:
    core = built.core()
    size = case.graph.output.size
    typical, longest = core.infer_many(case.codes, size), core.infer_many(case.longest, size)
    weights = getattr(case.graph.layers[0].operator, "weights", None)
    program = core.image.program
    return Row(
        case.name,
        kernel,
        case.products,
        floor * case.products,
        round(float(typical.cycles.mean())),
        int(typical.cycles.max()),
        int(max(typical.cycles.max(), longest.cycles.max())),
        program.weights + program.kernels - (weights.size if weights is not None else 0),
        read_json(built.folder / "network.json")["arena"]["bytes"],
    )


def measure_model(folder: Path) -> Row | None:
    """A built model's row, from ``report.json`` and what it was made from; None if its image is too large to be run."""
    report, latency, ranges = (read_json(folder / f"{name}.json") for name in ("report", "latency", "ranges"))
    if latency["cycles"] is None:
        return None
    return Row(
        report["model"],
        NETWORK,
        sum(layer["macs"] for layer in latency["layers"]),
        sum(_floor(layer) for layer in ranges["layers"]),
        round(latency["cycles_mean"]),
        latency["cycles_worst"],
        latency["cycles_max"],
        report["program"]["used"] - report["program"]["weights"],
        report["data"]["used"],
    )


def _floor(layer: Mapping[str, Any]) -> int:
    accumulator = layer.get("accumulator")
    each = NARROW if accumulator and accumulator["bits"] <= 16 else WIDE
    return each * int(layer["macs"])
