"""Imported networks on real inputs: their integer classes are those of the frameworks that made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.imports import reading
from tests.imports.conftest import FILES
from tests.imports.samples import cells, digits

KERAS = {
    "keras2_residual.h5": "digits",
    "keras2_separable.keras": "digits",
    "keras2_cells.h5": "cells",
    "dense.keras": "digits",
    "residual_dense.h5": "cells",
    "convolutional.keras": "digits",
    "residual.h5": "digits",
    "branches.keras": "digits",
    "rows.h5": "digits",
    "small": "digits",  # a SavedModel
}
ONNX = {
    "tf2onnx_residual.onnx": "digits",
    "image_net.onnx": "digits",
    "wide_net.onnx": "digits",
    "matrices.onnx": "cells",
}
LITE = {
    "convolutional.tflite": "digits",
    "residual_int8.tflite": "digits",
    "small_int8.tflite": "digits",
    "branches_float16.tflite": "digits",
}
INTEGERS = {name for name in LITE if "int8" in name}  # their own framework rounds too


@pytest.mark.parametrize(("name", "data"), [*KERAS.items(), *ONNX.items(), *LITE.items()])
def test_classes_agree(made: Path, classes: dict[str, np.ndarray], name: str, data: str) -> None:
    path = next(folder / name for folder in (FILES, made) if (folder / name).exists())
    x, _, test, labels = digits() if data == "digits" else cells()
    offset, divide = (0.0, 16.0) if data == "digits" else ((-x.mean(axis=0)).tolist(), x.std(axis=0).tolist())
    trained = reading.graph(path, x.shape[1:], offset, divide)
    network = reading.integer(trained, x, "affine")
    real = trained.run(trained.encoding.scaled(test)).reshape(len(test), -1)
    limit = 0.5 if trained.output.size == 1 else None
    floats = real.argmax(axis=1) if limit is None else (real[:, 0] >= limit).astype(int)
    assert (floats == classes[name]).mean() >= (0.99 if name in INTEGERS else 0.998)
    agreement = (reading.classes(network, test) == classes[name]).mean()
    assert agreement >= 0.99, f"{agreement:.4f}"
    assert (classes[name] == labels).mean() >= 0.9  # a network that has learned something
