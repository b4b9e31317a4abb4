"""Trained Keras files (.h5) as float graphs, without TensorFlow: h5py and the configuration that the file holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.ir.operators import Operator, Pinned
from toolchain.layers.activation import activation
from toolchain.layers.base import Shape
from toolchain.layers.registry import by_keras_class

PINS = "goldcrest"
"""The HDF5 group beside Keras's own in which quantization-aware training notes scales, a group a layer."""


def read(path: Path, encoding: Encoding, raw: Tensor) -> Graph:
    """The float graph of a Keras model.

    ``encoding`` and ``raw`` describe the samples that the chip gets; the model's own input is the scaled sample.
    Raises GoldcrestError, naming the layer, for what the file holds and cannot be computed exactly.
    """
    try:
        with h5py.File(path, "r") as file:
            config = json.loads(file.attrs["model_config"])
            weights = {name: _layer_weights(group) for name, group in file["model_weights"].items()}
            version = _text(file.attrs.get("keras_version", "3"))
            pins = {name: _pinned(group) for name, group in file.get(PINS, {}).items()}
    except (OSError, KeyError, ValueError) as error:
        raise GoldcrestError(f"{path}: not a Keras model file ({error}); train it again") from error
    _refuse(path, config, version)
    layers: list[Layer] = []
    shapes: dict[str, Shape] = {}
    alias: dict[str, str] = {}
    for entry, sources in _in_order(config):
        name = entry["config"]["name"]
        if entry["class_name"] == "InputLayer":
            shapes["input"] = raw.shape
            alias[name] = "input"
            continue
        inputs = tuple(alias[source] for source in sources)
        for step, (suffix, operator) in enumerate(_operators(path, entry, weights.get(name, []))):
            layer_name = name + suffix
            if step == 0 and name in pins:
                operator = replace(operator, pinned=pins[name])  # type: ignore[call-arg]
            operands = inputs if step == 0 else (layers[-1].name,)
            try:
                shape = operator.output_shape(*(shapes[operand] for operand in operands))
            except (ValueError, LayerError) as error:
                raise GoldcrestError(f"{path}: layer {layer_name}: {error}") from error
            shapes[layer_name] = shape
            layers.append(Layer(layer_name, operands, operator, Tensor(shape)))
        alias[name] = layers[-1].name
    return verify(Graph(path.stem, Tensor(raw.shape), encoding, tuple(layers)))


def _refuse(path: Path, config: Mapping[str, Any], version: str) -> None:
    """Raise GoldcrestError for models that are not one chain of layers from one input to one output."""
    content = config["config"]
    if sum(entry["class_name"] == "InputLayer" for entry in content["layers"]) > 1:
        raise GoldcrestError(f"{path}: the model has several inputs, and one is supported; join them before the model")
    outputs = content.get("output_layers", [])
    if sum(isinstance(item, list) for item in outputs) > 1:
        raise GoldcrestError(f"{path}: the model has several outputs, and one is supported; concatenate them")
    for entry in content["layers"]:
        name, options = entry["config"]["name"], entry["config"]
        if len(entry.get("inbound_nodes", [])) > 1:
            raise GoldcrestError(f"{path}: layer {name} is used more than once; make a layer of its own for each use")
        functions = (options.get("activation"), options.get("recurrent_activation"))
        if version.split(".")[0] < "3" and "hard_sigmoid" in functions:
            raise GoldcrestError(f"{path}: layer {name}: Keras {version} has another hard_sigmoid; train it with 3")


def _operators(path: Path, entry: Mapping[str, Any], weights: list[np.ndarray]) -> Iterator[tuple[str, Operator]]:
    """The operators of one Keras layer with the suffix of their names: itself and the activation that it may carry."""
    config, class_name = entry["config"], entry["class_name"]
    kind = by_keras_class().get(class_name)
    if kind is None:
        known = ", ".join(sorted(by_keras_class()))
        raise GoldcrestError(f"{path}: layer {config['name']}: {class_name} is not supported; supported are {known}")
    try:
        yield "", kind.from_keras({**config, "class_name": class_name}, weights)
        function = config.get("activation", "linear")
        if kind.carries_activation and function not in (None, "linear"):
            yield f"_{function}" if isinstance(function, str) else "_activation", activation(function)
    except LayerError as error:
        raise GoldcrestError(f"{path}: layer {config['name']}: {error}") from error


def _in_order(config: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Every layer entry with the names of the layers that it reads, in the order of execution."""
    layers = config["config"]["layers"]
    if config["class_name"] == "Sequential":
        previous = "input"
        if layers[0]["class_name"] != "InputLayer":
            yield {"class_name": "InputLayer", "config": {"name": previous}}, []
        for entry in layers:
            yield entry, [] if entry["class_name"] == "InputLayer" else [previous]
            previous = entry["config"]["name"]
        return
    waiting = list(layers)
    done: set[str] = set()
    while waiting:
        ready = [entry for entry in waiting if done.issuperset(_sources(entry))]
        if not ready:
            raise GoldcrestError(f"the layers {', '.join(e['config']['name'] for e in waiting)} form a cycle")
        for entry in ready:
            yield entry, _sources(entry)
            done.add(entry["config"]["name"])
        waiting = [entry for entry in waiting if entry["config"]["name"] not in done]


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """The layers that a functional model's entry reads, as Keras 3 and Keras 2 write them."""
    found: list[str] = []

    def visit(value: Any) -> None:
        if isinstance(value, Mapping):
            history = value.get("config", {}).get("keras_history") if "config" in value else None
            if history:
                found.append(history[0])
            else:
                for item in value.values():
                    visit(item)
        elif isinstance(value, list):
            if (
                len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int)
            ):  # Keras 2: name, node, tensor
                found.append(value[0])
            else:
                for item in value:
                    visit(item)

    visit(entry.get("inbound_nodes", []))
    return found


def _pinned(group: h5py.Group) -> Pinned:
    """What quantization-aware training has noted for a layer."""
    return Pinned(np.asarray(group["steps"]), float(group.attrs["scale"]), int(group.attrs["zero_point"]))


def _text(value: str | bytes) -> str:
    """An attribute as text: Keras 2 wrote bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _layer_weights(group: h5py.Group) -> list[np.ndarray]:
    """A layer's weights in Keras's order (the ``weight_names`` attribute)."""
    names = [_text(name) for name in group.attrs.get("weight_names", [])]
    return [np.asarray(group[name]) for name in names]
