"""Two-dimensional max and average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolchain.errors import LayerError
from toolchain.layers.base import Kind, Option, Options, Shape

SIZE = Option("size", {"type": "integer", "minimum": 1, "default": 2, "description": "Side of the window, in pixels."})


class _PoolingKind(Kind):
    options = (SIZE,)
    shorthand = "size"
    keras_name: str

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        size = options["size"]
        if len(shape) != 3:
            raise LayerError(
                f"pooling takes height × width × channels, and this layer gets {' × '.join(map(str, shape))}"
            )
        height, width, channels = shape
        if min(height, width) < size:
            raise LayerError(f"a window of {size} × {size} does not fit into {height} × {width} pixels", "size")
        return (height // size, width // size, channels)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return getattr(keras.layers, self.keras_name)(pool_size=options["size"], name=name)


class MaxPoolingKind(_PoolingKind):
    name = "max_pooling"
    summary = "Keeps the largest value of each window."
    keras_name = "MaxPooling2D"
    keras = ("MaxPooling2D",)


class AveragePoolingKind(_PoolingKind):
    name = "average_pooling"
    summary = "Keeps the mean of each window."
    keras_name = "AveragePooling2D"
    keras = ("AveragePooling2D",)


KINDS = (MaxPoolingKind(), AveragePoolingKind())
