"""Batch normalization and scaling: y = x · scale + offset, channel by channel.

Passes fold it into the layer before or after it; where neither can take it, it is computed in integers:

    y = clamp(((x · multiplier_c + bias_c + 2^15) >> 16) + zero point, low, high)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, Operator, Requantization, Requantized
from toolchain.layers.activation import FUSABLE, apply
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.layers.merge import sum_rule
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

EPSILON = Option(
    "epsilon",
    {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.001,
        "description": "Added to the variance before its root is taken.",
    },
)
MOMENTUM = Option(
    "momentum",
    {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.99,
        "description": "How slowly the running mean and variance follow the batches in training.",
    },
)
NUMBERS = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]}
SCALE = Option("scale", {**NUMBERS, "description": "What each value is multiplied by: one number, or one a channel."})
OFFSET = Option(
    "offset", {**NUMBERS, "default": 0.0, "description": "What is added then: one number, or one a channel."}
)


class BatchNormalizationKind(Kind):
    name = "batch_normalization"
    summary = "Brings each channel to mean 0 and deviation 1 as seen in training; folded into the layer beside it."
    options = (EPSILON, MOMENTUM)
    keras = ("BatchNormalization",)

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.BatchNormalization(epsilon=options["epsilon"], momentum=options["momentum"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        rest = [values.astype(np.float64) for values in weights]
        gamma = rest.pop(0) if config.get("scale", True) else 1.0
        beta = rest.pop(0) if config.get("center", True) else 0.0
        mean, variance = rest
        scale = gamma / np.sqrt(variance + config["epsilon"])
        axis = config.get("axis", -1)
        return Scaling(scale, beta - mean * scale, (axis if isinstance(axis, int) else int(axis[0])))


class RescalingKind(Kind):
    name = "rescaling"
    summary = "Multiplies by a number and adds another; folded into the layer beside it."
    options = (SCALE, OFFSET)
    shorthand = "scale"
    keras = ("Rescaling", "Normalization")

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        for key in ("scale", "offset"):
            value = options[key]
            if isinstance(value, list | tuple) and len(value) not in (1, inputs[0][-1]):
                raise LayerError(f"{len(value)} entries for {inputs[0][-1]} channels", key)
        return inputs[0]

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return keras.layers.Rescaling(options["scale"], offset=options["offset"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        if "scale" in config:
            return Scaling(_along_last(config["scale"]), _along_last(config["offset"]))
        axis = config.get("axis", -1)
        axes = [] if axis is None else np.asarray(axis, np.int64).reshape(-1).tolist()
        if len(axes) > 1:
            raise LayerError("normalization along several axes is not supported; use axis=-1")
        where = axes[0] if axes else -1
        if config.get("mean") is not None:
            mean, variance = (np.asarray(config[key], np.float64).reshape(-1) for key in ("mean", "variance"))
        else:
            mean, variance = (np.asarray(values, np.float64).reshape(-1) for values in weights[:2])
        deviation = np.maximum(np.sqrt(variance), 1e-7)  # Keras's epsilon
        if config.get("invert"):
            return Scaling(deviation, mean, where)
        return Scaling(1 / deviation, -mean / deviation, where)


def _along_last(value: Any) -> np.ndarray:
    """One number, or one a channel. Raises LayerError for an array that differs along other axes than the last."""
    values = np.asarray(value, np.float64)
    if values.size != (values.shape or (1,))[-1]:
        raise LayerError(f"an array of shape {values.shape} is not supported; use one number, or one a channel")
    return values.reshape(-1)


@dataclass(frozen=True, eq=False)
class Scaling(FloatOperator):
    """y = activation(x · scale + offset); ``scale`` and ``offset`` float64 (channels,) or (1,).

    ``axis`` is where Keras counts the channels; only the last one is supported.
    """

    kind = "scaling"
    scale: np.ndarray
    offset: np.ndarray
    axis: int = -1
    activation: str = "linear"

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if self.axis not in (-1, len(shape)):
            raise LayerError(f"the channels are axis {self.axis}, and must be the last axis")
        if not {self.scale.size, self.offset.size} <= {1, shape[-1]}:
            raise LayerError(f"scales for {self.scale.size} channels, and the input has {shape[-1]}")
        return shape

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return apply(self.activation, inputs[0] * self.scale + self.offset)

    def fused(self, activation: str) -> FloatOperator | None:
        return replace(self, activation=activation) if self.activation == "linear" and activation in FUSABLE else None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        if self.activation != "linear":
            return None
        return replace(self, scale=self.scale * scale, offset=self.offset * scale + offset)

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.linear import bounded
        from toolchain.quantization.scheme import SUM_SHIFT, coarse_enough, sum_multipliers

        (source,) = inputs
        channels = source.shape[-1]
        units = np.broadcast_to(self.scale, channels) * source.scale
        output = coarse_enough(scheme.tensor(source.shape, *seen), float(np.abs(units).max()))
        multipliers = sum_multipliers(units / output.scale)
        offsets = np.broadcast_to(self.offset, channels) / output.scale
        exact = offsets * 2.0**SUM_SHIFT - multipliers * source.zero_point
        if np.any(np.abs(exact) >= 1 << 29):
            raise LayerError("an offset is too large for a 32-bit sum; its scale is far too small")
        rule, output = bounded(sum_rule(output), output, self.activation)
        return IntegerScaling(multipliers, np.rint(exact).astype(np.int32), rule), output


@dataclass(frozen=True, eq=False)
class IntegerScaling(Requantized):
    """See above; ``multipliers`` and ``bias`` int32 (channels,)."""

    kind = "scaling"
    multipliers: np.ndarray
    bias: np.ndarray
    requantization: Requantization

    def output_shape(self, *inputs: Shape) -> Shape:
        if inputs[0][-1] != self.bias.size:
            raise ValueError(f"takes {self.bias.size} channels, not {inputs[0][-1]}")
        return inputs[0]

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        """The accumulators, int64, of the input's shape."""
        return np.asarray(inputs[0].astype(np.int64) * self.multipliers.astype(np.int64) + self.bias)

    def products(self, *inputs: Shape) -> int:
        return math.prod(inputs[0])

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        ends = np.array(inputs[0], np.int64)[:, None] * self.multipliers.astype(np.int64) + self.bias
        return ends.min(axis=0), ends.max(axis=0)


KINDS = (BatchNormalizationKind(), RescalingKind())
