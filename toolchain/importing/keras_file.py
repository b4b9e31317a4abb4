"""Keras models of any make: .h5 of Keras 2 and 3, .keras, and SavedModel folders. TensorFlow is needed for the last."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.ir import from_keras
from toolchain.ir.graph import Encoding, Graph, Tensor


def read(path: Path, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    """The float graph of the model at ``path``. Raises GoldcrestError, naming the layer, for what cannot be done."""
    if path.is_dir():
        from toolchain.importing import saved_model

        return saved_model.read(path, name, encoding, raw)
    if zipfile.is_zipfile(path):
        return from_keras.graph(str(path), *_archive(path), encoding, raw)
    return from_keras.read(path, encoding, raw)


def _archive(path: Path) -> tuple[dict[str, Any], dict[str, list[np.ndarray]], str]:
    """Configuration, weights by layer, and Keras version of a .keras file."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            version = str(json.loads(archive.read("metadata.json"))["keras_version"])
            content = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(content), "r") as file:
            groups = file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"]
            return config, _by_layer(groups, config), version
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise GoldcrestError(f"{path}: not a Keras model file ({error}); save it again with model.save()") from error


def _by_layer(groups: Any, config: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
    """The weights of each layer by its name.

    Keras calls a group after the layer's class, with a number if there are several; newer versions also note the
    layer's own name beside its weights.
    """
    noted = {str(group["vars"].attrs["name"]): group for group in groups.values() if _has_name(group)}
    counts: dict[str, int] = {}
    found = {}
    for entry in config["config"]["layers"]:
        stem = _snake_case(entry["class_name"])
        number = counts[stem] = counts.get(stem, -1) + 1
        name = entry["config"]["name"]
        group = noted.get(name) if noted else groups.get(f"{stem}_{number}" if number else stem)
        found[name] = [] if group is None else _in_order(group)
    return found


def _has_name(group: Any) -> bool:
    return "vars" in group and "name" in group["vars"].attrs


def _in_order(group: Any) -> list[np.ndarray]:
    """The arrays of a layer's group: its own by number, then those of what it holds (the cell of a recurrent layer)."""
    own = group.get("vars", {})
    arrays = [np.asarray(own[key]) for key in sorted(own, key=int)]
    for key in group:
        if key != "vars" and not key.startswith("seed_generator"):
            arrays += _in_order(group[key])
    return arrays


def _snake_case(name: str) -> str:
    """A class name as Keras turns it into a name: Conv2D is conv2d, ReLU re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
