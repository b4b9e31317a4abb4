"""A manifest on its way to a plan: the nodes, what could be read of them, and what is wrong so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolchain.layers.base import Shape
from toolchain.manifest import extends
from toolchain.manifest.diagnostics import Diagnostic, KeyPath
from toolchain.manifest.reader import Node


@dataclass(frozen=True)
class Layer:
    """One layer with its place in the manifest; ``options`` with defaults filled in."""

    index: int
    kind: str
    name: str
    inputs: tuple[str, ...]
    options: dict[str, Any]


@dataclass
class Draft:
    """What the checks work on. ``values`` holds what could be read; wrong values are missing from it.

    ``layers`` and ``shapes`` (by layer name; ``input`` is the network's own) go as far as the network could be
    followed; ``output`` is the last layer's shape if all of it could. ``open_widths`` are layers and options that the
    manifest leaves to the compiler (``units: fit``); they count as 1 until a plan is made.
    """

    path: Path
    top: Node
    values: dict[str, Any]
    problems: list[Diagnostic]
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    output: Shape | None = None
    open_widths: list[tuple[Layer, str]] = field(default_factory=list)

    def get(self, *key_path: str) -> Any:
        """The value at ``key_path``, or None if it is missing or wrong."""
        value: Any = self.values
        for key in key_path:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value

    def report(self, key_path: KeyPath, message: str, *notes: str | None) -> None:
        """Puts an error beside the value at ``key_path``; if that is not written, beside the mapping that lacks it."""
        message, _, remedy = message.partition("; ")  # layers and data sets say both in one sentence
        kept = tuple(note for note in (remedy, *notes) if note)
        self.problems.append(Diagnostic(message, extends.place_of(self.top, key_path, value=True), kept, key_path))

    def report_key(self, key_path: KeyPath, message: str, *notes: str) -> None:
        """Puts an error beside a key rather than its value: a whole section is at fault."""
        self.problems.append(Diagnostic(message, extends.place_of(self.top, key_path), notes, key_path))

    def report_layer(self, layer: Layer, message: str, *notes: str | None, option: str | None = None) -> None:
        """Puts an error beside a layer, or beside one of its options."""
        item = self.top.value["network"].value[layer.index]
        here: KeyPath = ("network", layer.index)
        if item.is_mapping and option is not None:
            value = item.value[layer.kind]
            if value.is_mapping and option not in value.value:
                here = (*here, layer.kind)  # the option has its default: the layer's own line
            else:
                here = (*here, layer.kind, option) if value.is_mapping else (*here, layer.kind)
        self.report(here, message, *notes)
