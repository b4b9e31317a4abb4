"""Three ways, one answer: the check that all exactness tests end in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toolchain.codegen.workbench import Bench, bench
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Operator
from toolchain.simulator.core import Batch

RAW = Encoding(np.zeros(1), np.ones(1), quantize=False)


def chain(source: Tensor, *steps: tuple[Operator, Tensor], decision: str = "none", threshold: int = 0) -> Graph:
    """An integer graph whose layers follow one another: each an operator with the type of its output."""
    layers: list[Layer] = []
    for index, (operator, output) in enumerate(steps):
        layers.append(Layer(f"layer_{index}", (layers[-1].name if layers else "input",), operator, output))
    return verify(Graph("test", source, RAW, tuple(layers), decision, threshold))


def check(
    graph: Graph,
    codes: np.ndarray,
    folder: Path,
    prefer: str = "speed",
    latency: str = "data_dependent",
    mcu: str = "atmega4809",
    optimize: str = "s",
    forced: str | None = None,
    streamed: bool = False,
) -> Batch:
    """Run ``codes`` (n, *input shape; int8 or uint8) three ways and assert that every output byte and class agree.

    ``forced`` names a kernel to take wherever it fits. Returns what the simulated AVR gave, with its cycles.
    """
    built: Bench = bench(graph, folder, prefer, latency, forced, streamed, mcu=mcu, optimize=optimize)
    expected = graph.run(codes.astype(np.int64))
    classes = graph.classify(expected)
    rows = (expected.reshape(len(codes), -1) & 0xFF).astype(np.uint8)
    host_rows, host_classes = built.host(codes)
    np.testing.assert_array_equal(host_rows, rows, "host C against numpy, outputs")
    np.testing.assert_array_equal(host_classes, classes, "host C against numpy, classes")
    batch = built.avr(codes)
    np.testing.assert_array_equal(batch.outputs, rows, "AVR against numpy, outputs")
    np.testing.assert_array_equal(batch.classes, classes, "AVR against numpy, classes")
    return batch
