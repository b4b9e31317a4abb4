"""Every operator of TensorFlow Lite that is read, against TensorFlow's interpreter, value by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite

from tests.imports import reading
from tests.imports.lite_operators import NETWORKS
from toolchain import passes
from toolchain.importing.tflite_operators import OPERATORS
from toolchain.importing.tflite_tensors import operator_name


@pytest.mark.parametrize("name", NETWORKS)
def test_operator(made: Path, name: str) -> None:
    with np.load(made / f"lite_{name}.npz") as data:
        x, expected = data["x"].astype(np.float64), data["y"]
    graph = reading.graph(made / f"lite_{name}.tflite", NETWORKS[name][0])
    tolerance = 2e-5 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(graph.run(x), expected, atol=tolerance)
    passed = passes.run(passes.float_passes("probabilities"), graph)
    np.testing.assert_allclose(passed.run(passed.encoding.scaled(x)), expected, atol=tolerance)


def test_nearly_all_operators_are_met(made: Path) -> None:
    """What the converter has no use for is left: older forms of the same."""
    met = set()
    for path in made.glob("*.tflite"):
        model = tflite.Model.GetRootAs(path.read_bytes(), 0)
        met |= {operator_name(model.OperatorCodes(index)) for index in range(model.OperatorCodesLength())}
    assert set(OPERATORS) - met <= {"DIV", "GELU", "PADV2", "QUANTIZE", "RELU_N1_TO_1", "SQUEEZE"}
