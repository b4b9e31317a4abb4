"""Flatten: the same bytes read as one axis, rows first. Costs nothing on the chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from toolchain.layers.base import Kind, Options, Shape


class FlattenKind(Kind):
    name = "flatten"
    summary = "Reads a many-dimensional input as one axis, rows first."
    keras = ("Flatten",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return (math.prod(inputs[0]),)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Flatten(name=name)


KIND = FlattenKind()
