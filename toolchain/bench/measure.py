"""One row of the benchmark: a layer and a kernel, or a built model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolchain.bench.cases import Case
from toolchain.codegen.selection import site
from toolchain.codegen.workbench import Bench, bench
from toolchain.kernels.base import Target
from toolchain.kernels.registry import kernels

FLOOR = 8.0
"""Cycles a product that no kernel with 24-bit sums of 8-bit products undercuts without leaving some out: a load from
flash (3), MUL (2) and three additions with carry (3)."""


@dataclass(frozen=True)
class Row:
    """``mean`` and ``worst`` in cycles, ``flash`` beyond the weights and ``ram`` of the activations in bytes."""

    name: str
    kernel: str
    products: int
    mean: int
    worst: int
    flash: int
    ram: int

    @property
    def per_product(self) -> float | None:
        return self.worst / self.products if self.products else None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_kernels(case: Case, folder: Path) -> list[Row]:
    """A row for each kernel that computes the case's layer."""
    target = Target("avrxt")
    place = site(case.graph, 0, target)
    fitting = [name for name, kernel in kernels().items() if kernel.fits(place)]
    return [_row(case, name, bench(case.graph, folder / name, forced=name)) for name in fitting]


def _row(case: Case, kernel: str, built: Bench) -> Row:
    core = built.core()
    size = case.graph.output.size
    typical, longest = core.infer_many(case.codes, size), core.infer_many(case.longest, size)
    weights = getattr(case.graph.layers[0].operator, "weights", None)
    description = json.loads((built.folder / "network.json").read_text())
    return Row(
        case.name,
        kernel,
        case.products,
        round(float(typical.cycles.mean())),
        int(max(typical.cycles.max(), longest.cycles.max())),
        core.image.program.weights + core.image.program.kernels - (weights.size if weights is not None else 0),
        description["arena"]["bytes"],
    )


def measure_model(report: dict[str, Any]) -> Row:
    """A built model's row, from its ``report.json``."""
    latency, program, data = report["latency"], report["program"], report["data"]
    return Row(
        report["model"],
        "network",
        sum(layer["macs"] for layer in latency["layers"]),
        latency["cycles_mean"],
        latency["cycles_max"],
        program["used"] - program["weights"],
        data["used"],
    )
