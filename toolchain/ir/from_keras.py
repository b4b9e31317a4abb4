"""Trained Keras files (.h5) as float graphs, without TensorFlow: h5py and the configuration that the file holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np

from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.assembly import INPUT, Assembly, RefusedError
from toolchain.ir.graph import Encoding, Graph, Tensor
from toolchain.ir.operators import Operator, Pinned
from toolchain.layers.activation import activation
from toolchain.layers.base import Shape
from toolchain.layers.registry import by_keras_class

PINS = "goldcrest"
"""The HDF5 group beside Keras's own in which quantization-aware training notes scales, a group a layer."""

ALIKE = ("Add", "Subtract", "Multiply", "Concatenate", "Softmax")
"""The functions of keras.ops that are what the layers of the same name are."""


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
    return graph(str(path), config, weights, version, encoding, raw, pins)


def graph(
    origin: str,
    config: Mapping[str, Any],
    weights: Mapping[str, list[np.ndarray]],
    version: str,
    encoding: Encoding,
    raw: Tensor,
    pins: Mapping[str, Pinned] = MappingProxyType({}),
) -> Graph:
    """The float graph of a Keras configuration and its weights by layer; ``origin`` names the file in errors."""
    _refuse(origin, config, version)
    assembly = Assembly(raw)
    alias: dict[str, str] = {}
    last = INPUT
    for entry, sources in _in_order(config):
        name, what = entry["config"]["name"], entry["class_name"]
        if what == "InputLayer":
            alias[name] = assembly.begin(_input_shape(entry, raw.shape))
            continue
        last = ""
        try:
            for suffix, operator in _operators(entry, weights.get(name, []), len(sources)):
                if not last and name in pins:
                    operator = replace(operator, pinned=pins[name])  # type: ignore[call-arg]
                operands = (last,) if last else tuple(alias[source] for source in sources)
                last = assembly.add(name + suffix, what, operator, *operands)
        except RefusedError as error:
            raise GoldcrestError(f"{origin}: {error}") from error
        alias[name] = last
    outputs = _outputs(config["config"])
    output = alias[outputs[0]] if outputs else last
    return assembly.graph(Path(origin).stem, encoding, output)


def _refuse(origin: str, config: Mapping[str, Any], version: str) -> None:
    """Raise GoldcrestError for models that are not one net of layers from one input to one output."""
    content = config["config"]
    if sum(entry["class_name"] == "InputLayer" for entry in content["layers"]) > 1:
        raise GoldcrestError(f"{origin}: the model has several inputs, and one is supported; join them before it")
    if len(_outputs(content)) > 1:
        raise GoldcrestError(f"{origin}: the model has several outputs, and one is supported; concatenate them")
    for entry in content["layers"]:
        reason = _reason(entry, version)
        if reason:
            raise GoldcrestError(f"{origin}: layer {entry['config']['name']} ({entry['class_name']}): {reason}")


def _reason(entry: Mapping[str, Any], version: str) -> str | None:
    """Why an entry cannot be what its class name says, if so."""
    options, module = entry["config"], entry.get("module") or ""
    if len(entry.get("inbound_nodes", [])) > 1:
        return "it is used more than once; make a layer of its own for each use"
    functions = (options.get("activation"), options.get("recurrent_activation"))
    if version.split(".")[0] < "3" and "hard_sigmoid" in functions:
        return f"Keras {version} has another hard_sigmoid; train it with 3"
    if options.get("data_format") == "channels_first":
        return "channels must come last; train it with data_format='channels_last'"
    if "Quantized" in str(options.get("dtype")):
        return "its weights are quantized by Keras; save the model before quantize()"
    if entry.get("registered_name") and not module.startswith("keras."):
        return "a layer of one's own cannot be computed; build the model of Keras's layers"
    operation = _is_operation(entry, version)
    if operation and entry["class_name"] in by_keras_class() and entry["class_name"] not in ALIKE:
        return f"keras.ops has another {entry['class_name']} than keras.layers; use the layer"
    given = [word for node in entry.get("inbound_nodes", []) for word in _given(node)]
    if given and operation:
        return "arithmetic with a constant is not supported; use a Rescaling layer"
    if given:
        return f"it is called with {', '.join(given)}, which is not supported; call it with its input alone"
    return None


def _is_operation(entry: Mapping[str, Any], version: str) -> bool:
    """Whether an entry is a function of keras.ops. In .h5 files these have no module, and nothing to be trained."""
    module = entry.get("module")
    if module is not None:
        return str(module).startswith("keras.src.ops")
    nameless = version.split(".")[0] >= "3" and "trainable" not in entry["config"]
    return nameless and entry["class_name"] != "InputLayer"


def _given(node: Any) -> list[str]:
    """What a layer is called with beside tensors, as Keras 3 and Keras 2 write it; None and False do nothing.

    Constant arrays are written as mappings too, of another class.
    """
    if isinstance(node, Mapping):
        named = node.get("kwargs", {}).items()
        words = [*(("", item) for item in _leaves(node.get("args", ()))), *named]
    else:
        more = [call[3] for call in node if isinstance(call, list) and len(call) > 3 and isinstance(call[3], Mapping)]
        words = [item for each in more for item in each.items() if not _names_tensors(item[1])]
    found = [(key, leaf) for key, value in words for leaf in _leaves(value) if not _does_nothing(leaf)]
    return [f"{key}={_short(leaf)}" if key else _short(leaf) for key, leaf in found]


def _leaves(value: Any) -> list[Any]:
    """The entries of lists in lists."""
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list | tuple) else [value]


def _does_nothing(value: Any) -> bool:
    is_tensor = isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"
    return is_tensor or value is None or value is False


def _names_tensors(value: Any) -> bool:
    """Whether a keyword's value in a Keras 2 file names layers: [name, node, tensor], or a list of these."""
    return isinstance(value, list) and (_is_history(value) or all(map(_names_tensors, value)))


def _is_history(value: list[Any]) -> bool:
    return len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int)


def _short(value: Any) -> str:
    return "an array" if isinstance(value, Mapping) else repr(value)


def _input_shape(entry: Mapping[str, Any], declared: Shape) -> Shape:
    """Of one sample, as the file has it; ``declared`` where it leaves an extent open."""
    options = entry["config"]
    written = options.get("batch_shape") or options.get("batch_input_shape") or [None]
    shape = tuple(written[1:])
    return shape if shape and None not in shape else declared


def _outputs(content: Mapping[str, Any]) -> list[str]:
    """The layers that ``output_layers`` names: [name, 0, 0], or a list or a dictionary of such; none if sequential."""
    written = content.get("output_layers") or []
    if isinstance(written, Mapping):
        written = list(written.values())
    if written and isinstance(written[0], str):
        written = [written]
    return [str(each[0]) for each in written]


def _operators(entry: Mapping[str, Any], weights: list[np.ndarray], given: int) -> Iterator[tuple[str, Operator]]:
    """The operators of one Keras layer with the suffix of their names: itself and the activation that it may carry.

    ``given`` is how many tensors it is called with.

    Raises RefusedError.
    """
    config, class_name = entry["config"], entry["class_name"]
    name = config["name"]
    kind = by_keras_class().get(class_name)
    if kind is None:
        known = ", ".join(sorted(by_keras_class()))
        raise RefusedError(name, class_name, f"{class_name} is not supported; supported are {known}")
    least, most = kind.inputs
    if given > most and most == 1:
        reason = "it is called with more tensors than its input (an initial state, or a mask); call it with that alone"
        raise RefusedError(name, class_name, reason)
    if not least <= given <= most:
        raise RefusedError(name, class_name, f"it takes {least} to {most} inputs, and it is called with {given}")
    try:
        yield "", kind.from_keras({**config, "class_name": class_name}, weights)
        function = config.get("activation", "linear")
        if kind.carries_activation and function not in (None, "linear"):
            yield f"_{function}" if isinstance(function, str) else "_activation", activation(function)
    except LayerError as error:
        raise RefusedError(name, class_name, str(error)) from error
    except (IndexError, ValueError) as error:
        raise RefusedError(name, class_name, f"its weights are not what its class has ({error})") from error


def _in_order(config: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Every layer entry with the names of the layers that it reads, in the order of execution."""
    layers = config["config"]["layers"]
    if config["class_name"] == "Sequential":
        previous = "input"
        if layers[0]["class_name"] != "InputLayer":
            shape = layers[0]["config"].get("batch_input_shape")  # where Keras 2 notes it
            yield {"class_name": "InputLayer", "config": {"name": previous, "batch_shape": shape}}, []
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
            if _is_history(value):  # Keras 2: name, node, tensor, and what else the layer is called with
                found.append(value[0])
                visit(value[3:])
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
