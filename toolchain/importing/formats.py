"""The formats of model files, as a manifest names them. Light: reading a manifest imports nothing that reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Format:
    """``packages`` are those whose versions have a say in what is read."""

    name: str
    summary: str
    suffixes: tuple[str, ...]
    packages: tuple[str, ...]
    folder: bool = False


FORMATS = {
    each.name: each
    for each in (
        Format(
            "keras",
            "A Keras model: .h5 or .keras, or the folder of a SavedModel.",
            (".h5", ".hdf5", ".keras"),
            ("h5py", "numpy", "tensorflow", "tflite"),
            folder=True,
        ),
        Format("onnx", "An ONNX model.", (".onnx",), ("onnx", "numpy")),
        Format("tflite", "A TensorFlow Lite model, of floats or of 8-bit integers.", (".tflite",), ("tflite", "numpy")),
    )
}


def schema() -> dict[str, Any]:
    """The JSON Schema of ``network: {keras: model.h5}``: one format with its file."""
    text = "The path is read from the folder that holds the build."
    files = {
        name: {"type": "string", "minLength": 1, "description": f"{each.summary} {text}"}
        for name, each in FORMATS.items()
    }
    return {
        "type": "object",
        "properties": files,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "description": "A trained network from a file, instead of `training`.",
    }


def path_of(plan: Mapping[str, Any]) -> Path:
    """The file or folder of a plan's ``import`` section."""
    return Path(plan["file"]).expanduser()


def sources(plan: Mapping[str, Any]) -> list[Path]:
    """The files whose content decides what is imported; all of a SavedModel's."""
    path = path_of(plan)
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
