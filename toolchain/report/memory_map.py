"""Where the bytes of an image are: by layer and symbol for flash, by use and symbol for data memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from toolchain.memory.elf import ARENA, INFER, KERNELS, WEIGHTS, Image
from toolchain.memory.memory_stage import layer_names

OWNER = re.compile(r"gc_(?:w|k|layer)_(\d+)_")
"""Constants, code of its own and function of one layer, by its number."""

Groups = list[dict[str, Any]]


def program(image: Image) -> Groups:
    """Flash: ``[{name, kind, bytes, symbols: [{name, what, bytes}]}]``; all bytes add up to what the image takes.

    ``kind`` is ``layer`` (in the network's order), ``kernels`` (shared by layers) or ``application``.
    """
    stored = {section.name for section in image.sections if section.in_flash}
    names = layer_names(image)
    layers: dict[int, list[dict[str, Any]]] = {}
    kernels: list[dict[str, Any]] = []
    application: list[dict[str, Any]] = []
    for symbol in image.symbols:
        if symbol.section not in stored:
            continue
        entry = {"name": symbol.name, "what": _what(symbol.name, symbol.function), "bytes": symbol.size}
        if owner := OWNER.match(symbol.name):
            layers.setdefault(int(owner[1]), []).append(entry)
        elif symbol.name.startswith(KERNELS) or symbol.name.split(".")[0] == INFER:
            kernels.append(entry)
        else:
            application.append(entry)
    named = sum(entry["bytes"] for part in (*layers.values(), kernels, application) for entry in part)
    if image.program.used > named:
        rest = image.program.used - named
        application.append({"name": "without a symbol", "what": "vectors, start-up, padding", "bytes": rest})
    groups = [_group(names.get(index, f"layer {index}"), "layer", layers[index]) for index in sorted(layers)]
    groups += [_group("shared kernels", "kernels", kernels), _group("application", "application", application)]
    return [group for group in groups if group["symbols"]]


def data(image: Image, memory: Mapping[str, Any]) -> Groups:
    """Data memory in the same form: ``kind`` is ``activations``, ``static`` or ``stack``. ``memory``: memory.json."""
    in_ram = {section.name for section in image.sections if section.in_ram}
    activations: list[dict[str, Any]] = []
    static: list[dict[str, Any]] = []
    for symbol in image.symbols:
        if symbol.section in in_ram:
            own = symbol.name.split(".")[0] == ARENA
            entry = {"name": symbol.name, "what": "all tensors, one after the other" if own else "variable"}
            (activations if own else static).append({**entry, "bytes": symbol.size})
    rest = memory["data"]["static"] - sum(entry["bytes"] for entry in static)
    if rest > 0:
        static.append({"name": "without a symbol", "what": "padding", "bytes": rest})
    depth = memory["stack"]
    stack = [
        {"name": "main program", "what": " → ".join(depth["main_path"]), "bytes": depth["main"]},
        {"name": "interrupts", "what": " → ".join(depth["interrupts_path"]), "bytes": depth["interrupts"]},
    ]
    groups = [
        _group("activations", "activations", activations),
        _group("static", "static", static),
        _group("stack, worst case", "stack", stack),
    ]
    return [group for group in groups if group["symbols"]]


def _what(name: str, function: bool) -> str:
    if name.startswith(WEIGHTS):
        return "weights"
    return "code" if function else "constants"


def _group(name: str, kind: str, symbols: list[dict[str, Any]]) -> dict[str, Any]:
    kept = sorted((entry for entry in symbols if entry["bytes"]), key=lambda entry: (-entry["bytes"], entry["name"]))
    return {"name": name, "kind": kind, "bytes": sum(entry["bytes"] for entry in kept), "symbols": kept}
