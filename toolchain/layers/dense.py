"""Dense (fully connected) layer: y = x·W + b."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolchain.errors import LayerError
from toolchain.layers.base import Kind, Option, Options, Shape

UNITS = Option("units", {"type": "integer", "minimum": 1, "description": "Number of outputs."})
BIAS = Option("bias", {"type": "boolean", "default": True, "description": "Whether a bias is added to each output."})


class DenseKind(Kind):
    name = "dense"
    summary = "Fully connected layer: every output is a weighted sum of all inputs."
    options = (UNITS, BIAS)
    keras = ("Dense",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise LayerError(
                f"a dense layer takes a flat input, and this one gets {' × '.join(map(str, shape))}; "
                "put `- flatten` before it"
            )
        return (options["units"],)

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(inputs[0][0] * options["units"])

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        return int(options["units"]) if options["bias"] else 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        return self.weights(options, inputs)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Dense(options["units"], use_bias=options["bias"], name=name)


KIND = DenseKind()
