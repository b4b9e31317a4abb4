"""The network of a manifest: names, who feeds whom, and the shape of every layer's output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.errors import LayerError
from toolchain.layers import registry
from toolchain.layers.base import Shape
from toolchain.manifest.diagnostics import expected
from toolchain.manifest.draft import Draft, Layer
from toolchain.manifest.validate import INVALID

INPUT = "input"
WIDTHS = ("units", "filters")
FIT = "fit"
MULTIPLE = "widths"
"""The manifest's key for a number that all widths but the last are multiplied by."""


def follow(draft: Draft) -> None:
    """Fills in ``layers``, ``shapes`` and ``output`` of the draft; what does not go together is reported."""
    items = draft.get("network")
    if not items or isinstance(items, dict):  # a network from a file
        return
    names = _names(items)
    _check_names(draft, items, names)
    shape = draft.get("input", "shape")
    if shape:
        draft.shapes[INPUT] = tuple(shape)
    previous = INPUT
    complete = True
    multiple = draft.get(MULTIPLE)
    last = answering([{} if item is INVALID else next(iter(item.values())) for item in items])
    for index, item in enumerate(items):
        if item is INVALID:
            previous, complete = "", False
            continue
        layer = _layer(index, item, names, previous)
        if multiple not in (None, FIT) and index != last:
            layer.options.update(multiplied(layer.options, multiple))
        _open_widths(draft, layer)
        draft.layers.append(layer)
        result = _output(draft, layer, names)
        if result is not None:
            draft.shapes.setdefault(layer.name, result)
        complete = complete and result is not None
        draft.output = result
        previous = layer.name
    if not complete:
        draft.output = None
    _check_use(draft, names)


def plan(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """The NETWORK of the plan."""
    return [{"kind": layer.kind, "name": layer.name, "inputs": list(layer.inputs), **layer.options} for layer in layers]


def answering(layers: Sequence[Mapping[str, Any]]) -> int | None:
    """Which of the layers (their options) has the last width: how many outputs there are is the data set's to say."""
    return next((i for i in reversed(range(len(layers))) if set(WIDTHS) & layers[i].keys()), None)


def multiplied(options: Mapping[str, Any], multiple: float) -> dict[str, Any]:
    """The options with a layer's width multiplied: rounded, at least 1."""
    wide = {name: max(1, round(options[name] * multiple)) for name in WIDTHS if isinstance(options.get(name), int)}
    return {**options, **wide}


def _names(items: Sequence[Any]) -> list[str]:
    """The name of every layer: the one it is given, else its kind and how many of this kind there are so far."""
    counts: dict[str, int] = {}
    names = []
    for item in items:
        if item is INVALID:
            names.append("")
            continue
        ((kind, options),) = item.items()
        counts[kind] = counts.get(kind, 0) + 1
        names.append(options.get("name", f"{kind}_{counts[kind]}"))
    return names


def _check_names(draft: Draft, items: Sequence[Any], names: list[str]) -> None:
    """Reports names that cannot be, and replaces them, so that the network can be followed all the same."""
    for index, (item, name) in enumerate(zip(items, list(names), strict=True)):
        if item is INVALID:
            continue
        ((kind, options),) = item.items()
        given = options.get("name") is not None
        if name != INPUT and name not in names[:index]:
            continue
        names[index] = f"{name} of layer {index + 1}"
        if name == INPUT:
            here, note = ("network", index, kind, "name"), "that is the network's own input"
            draft.report(here, "no layer can be called `input`", note)
        else:
            note = f"layer {names.index(name) + 1} is the other one: give one of them a `name`"
            draft.report(
                ("network", index, *((kind, "name") if given else ())), f"two layers are called `{name}`", note
            )


def _layer(index: int, item: Mapping[str, Any], names: Sequence[str], previous: str) -> Layer:
    ((kind, options),) = item.items()
    inputs = tuple(options.get("inputs", (previous,)))
    own = {key: value for key, value in options.items() if key not in ("name", "inputs")}
    return Layer(index, kind, names[index], inputs, own)


def _open_widths(draft: Draft, layer: Layer) -> None:
    """Notes a width that the compiler is to find."""
    for option in WIDTHS:
        if layer.options.get(option) == FIT:
            layer.options[option] = 1
            draft.open_widths.append((layer, option))


def _output(draft: Draft, layer: Layer, names: Sequence[str]) -> Shape | None:
    """The shape of the layer's output, None if it cannot be known."""
    kind = registry.kinds()[layer.kind]
    known = True
    for position, source in enumerate(layer.inputs):
        here = ("network", layer.index, layer.kind, "inputs", position)
        if source == "" or source == INPUT or source in names[: layer.index]:
            continue
        known = False
        if source in names:
            draft.report(here, f"`{source}` does not come before this layer", "a layer takes what earlier ones put out")
        else:
            draft.report(
                here, f"no layer is called `{source}`", *expected(source, [INPUT, *filter(None, names[: layer.index])])
            )
    least, most = kind.inputs
    count = len(layer.inputs)
    if not least <= count <= most:
        limit = f"{least}" if least == most else f"{least} to {most}" if most < 1000 else f"at least {least}"
        plural = "" if limit == "1" else "s"
        message = f"`{layer.kind}` takes {limit} input{plural}, and {count} {'is' if count == 1 else 'are'} given"
        draft.report_layer(
            layer, message, "name them with `inputs: [a, b]`" if count < least else None, option="inputs"
        )
        return None
    if not known or any(source not in draft.shapes for source in layer.inputs):
        return None
    required = [option.name for option in kind.options if option.name not in layer.options]
    if required:  # an option is wrong and was reported
        return None
    try:
        return tuple(kind.output_shape(layer.options, [draft.shapes[source] for source in layer.inputs]))
    except LayerError as error:
        draft.report_layer(layer, f"`{layer.name}`: {error}", option=error.option)
        return None


def _check_use(draft: Draft, names: Sequence[str]) -> None:
    """Every output but the last must go somewhere."""
    if "" in names:
        return
    used = {source for layer in draft.layers for source in layer.inputs}
    for layer in draft.layers[:-1]:
        if layer.name not in used:
            draft.report_layer(
                layer, f"nothing takes the output of `{layer.name}`", "remove it, or name it in some `inputs`"
            )
    if draft.layers and INPUT not in used:
        draft.report(("network",), "no layer takes the network's input")
