"""What a file holds and cannot be computed exactly is refused with the layer's name, at the manifest's line."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.imports import onnx_made, reading
from tests.imports.conftest import FILES
from toolchain.__main__ import main
from toolchain.datasets import base
from toolchain.errors import GoldcrestError

RNG = np.random.default_rng(0)


def keras_file(folder: Path, *entries: dict[str, Any]) -> Path:
    """A .keras file of these layers on eight values. None has weights: it must be refused before they are missed."""
    source = {"class_name": "InputLayer", "module": "keras.layers", "config": {"name": "x", "batch_shape": [None, 8]}}
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [source, *entries]}}
    import h5py

    with h5py.File(folder / "w.h5", "w") as file:
        file.create_group("layers")
    with zipfile.ZipFile(folder / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.write(folder / "w.h5", "model.weights.h5")
    return folder / "m.keras"


def layer(kind: str, name: str, module: str = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"class_name": kind, "module": module, "config": {"name": name, **more.pop("config", {})}, **more}


def unknown_layer(folder: Path) -> Path:
    return keras_file(folder, layer("UnitNormalization", "unit"))


def layer_of_ones_own(folder: Path) -> Path:
    return keras_file(folder, layer("Dense", "mine", module="my_module", registered_name="my_module>Dense"))


def arithmetic(folder: Path) -> Path:
    node = {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}, 2.0], "kwargs": {}}
    return keras_file(folder, layer("Add", "plus_two", module="keras.src.ops.numpy", inbound_nodes=[node]))


def threshold(folder: Path) -> Path:
    return keras_file(folder, layer("ReLU", "high", config={"max_value": 3.0, "negative_slope": 0.0, "threshold": 0.0}))


def channels_first(folder: Path) -> Path:
    return keras_file(folder, layer("Flatten", "flat", config={"data_format": "channels_first"}))


def lambda_layer(folder: Path) -> Path:
    return keras_file(folder, layer("Lambda", "square"))


def resized(folder: Path) -> Path:
    nodes = [helper.make_node("Resize", ["input", "", "scales"], ["y"], "upper/Resize", mode="nearest")]
    content = onnx_made.model(nodes, {"scales": np.float32([1, 1, 2, 2])}, (1, 8, 8), 1)
    for _ in range(2):
        content.graph.output[0].type.tensor_type.shape.dim.add()
    onnx.save(content, folder / "m.onnx")
    return folder / "m.onnx"


def two_outputs(folder: Path) -> Path:
    content = onnx_made.model([helper.make_node("Relu", ["input"], ["y"], "r")], {}, (8,), 8)
    content.graph.node.append(helper.make_node("Tanh", ["input"], ["z"], "t"))
    content.graph.output.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["batch", 8]))
    onnx.save(content, folder / "m.onnx")
    return folder / "m.onnx"


CASES: list[tuple[Callable[[Path], Path], tuple[int, ...], str]] = [
    (unknown_layer, (8,), "layer unit (UnitNormalization): UnitNormalization is not supported; supported are"),
    (layer_of_ones_own, (8,), "layer mine (Dense): a layer of one's own cannot be computed"),
    (arithmetic, (8,), "layer plus_two (Add): arithmetic with a constant is not supported; use a Rescaling layer"),
    (threshold, (8,), "layer high (ReLU): a ReLU layer may have a negative_slope or a max_value of 6"),
    (channels_first, (8,), "layer flat (Flatten): channels must come last"),
    (lambda_layer, (8,), "layer square (Lambda): Lambda is not supported"),
    (resized, (8, 8, 1), "layer upper_Resize (Resize): this operator is not supported; supported are Add, AveragePool"),
    (two_outputs, (8,), "the model has 2 outputs (y, z), and one is supported; export it with one"),
]


@pytest.mark.parametrize(("make", "shape", "words"), CASES, ids=[case[0].__name__ for case in CASES])
def test_refused_by_name(tmp_path: Path, make: Callable[[Path], Path], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(GoldcrestError) as refused:
        reading.graph(make(tmp_path), shape)
    assert words in str(refused.value)


def test_an_operator_of_tensorflow_lite(made: Path, tmp_path: Path) -> None:
    """A network that only lacks an operator here: the RESHAPE of a real file, called something else."""
    from toolchain.importing import tflite_operators

    without = {name: read for name, read in tflite_operators.OPERATORS.items() if name != "MAX_POOL_2D"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("toolchain.importing.tflite_file.OPERATORS", without)
        with pytest.raises(GoldcrestError) as refused:
            reading.graph(made / "convolutional.tflite", (8, 8, 1))
    message = str(refused.value)
    assert "layer max_pooling2d" in message and "(MAX_POOL_2D): this operator is not supported" in message


MANIFEST = """\
model: m
dataset: {{name: npz, file: data.npz}}
input: {{shape: [8]}}
network:
  keras: {file}
target: {{mcu: atmega4809, clock: 20 MHz}}
"""
EXPECTED = """\
m.yaml:5:10: error: m.keras: layer unit (UnitNormalization): UnitNormalization is not supported
    5 |   keras: m.keras
      |          ^
"""


def test_the_whole_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    unknown_layer(tmp_path)
    Path("m.yaml").write_text(MANIFEST.format(file="m.keras"))
    x, y = RNG.normal(size=(20, 8)).astype(np.float32), (np.arange(20) % 2).astype(np.int32)
    base.save(base.Splits(dict.fromkeys(base.PARTS, x), dict.fromkeys(base.PARTS, y), 2), Path("data.npz"))
    given = {"shape": [8], "offset": 0.0, "divide": 1.0}
    Path("plan.json").write_text(json.dumps({"input": given, "import": {"format": "keras", "file": "m.keras"}}))
    names = {"plan": "plan.json", "dataset": "data.npz", "output": "out.npz", "manifest": "m.yaml"}
    assert main(["import", *(word for key, value in names.items() for word in (f"--{key}", value))]) == 2
    message = capsys.readouterr().err
    assert message.startswith(EXPECTED) and "\n  supported are Activation, " in message
    assert not Path("out.npz").exists()


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m.onnx", "m.tflite"])
@pytest.mark.parametrize("content", [b"", b"not a model at all, but some text"])
def test_files_that_are_no_models(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GoldcrestError, match=r"not an? \w+.* file|holds no|has 0"):
        reading.graph(tmp_path / name, (8,))


@pytest.mark.parametrize("name", ["tf2onnx_residual.onnx", "keras2_residual.h5", "keras2_separable.keras"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_torn_files(tmp_path: Path, name: str, share: float) -> None:
    content = (FILES / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(GoldcrestError):
        reading.graph(tmp_path / name, (8, 8, 1))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_torn_lite_files(made: Path, tmp_path: Path, share: float) -> None:
    content = (made / "convolutional.tflite").read_bytes()
    (tmp_path / "m.tflite").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(GoldcrestError):
        reading.graph(tmp_path / "m.tflite", (8, 8, 1))


@pytest.mark.parametrize("name", ["tf2onnx_residual.onnx", "keras2_residual.h5", "residual_int8.tflite"])
def test_files_with_wrong_bytes(made: Path, tmp_path: Path, name: str) -> None:
    """They are read or refused, and nothing else happens."""
    content = next(folder / name for folder in (FILES, made) if (folder / name).exists()).read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(40):
        changed = np.frombuffer(content, np.uint8).copy()
        places = rng.integers(0, min(len(changed), 3000), rng.choice([1, 3, 10]))
        changed[places] = rng.integers(0, 256, len(places))
        (tmp_path / name).write_bytes(changed.tobytes())
        with contextlib.suppress(GoldcrestError):
            reading.graph(tmp_path / name, (8, 8, 1))


def test_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(GoldcrestError, match=r"a folder without saved_model\.pb"):
        reading.graph(tmp_path, (8,))
