"""The layers of a quantization-aware training: real values on the chip's grid while training, its integers otherwise.

Between the layers flow real values, scale · (code - zero point). A layer recovers the codes from them, so that whatever
keeps or moves values (flatten, max pooling, relu) needs no form of its own. In training a layer computes in float32 and
rounds its result to the grid; otherwise it computes what the chip does, in floating point wide enough for every integer
to be exact (below 2^24 float32, else float64):

    acc = Σ codes · weights + bias      code = clamp(floor((acc · M + 2^(s-1)) / 2^s) + zero point)

with the constants that quantization will find in the model file (``freeze``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Pinned, Requantization
from toolchain.layers import convolution_geometry as geometry
from toolchain.layers.base import Shape
from toolchain.layers.convolution_base import pad_code
from toolchain.layers.pooling import AveragePooling
from toolchain.quantization.linear import quantize_linear
from toolchain.quantization.scheme import Affine
from toolchain.training.aware_weights import LIMITS, Weights
from toolchain.training.session import Session

STEP = 1 / 32
"""One code of a normalized layer after relu: 0 to 7.97, eight deviations above the mean."""
MOMENTUM = 0.99
FLOAT32_INTEGERS = 1 << 24
LARGEST_BIAS = 2.0**30
CONSTANT_FACTOR = 2.0**-8


class Grid:
    """What the codes of a tensor stand for: in training as of the last batch, for the integers as of ``freeze``."""

    def __init__(self, session: Session, shape: Shape) -> None:
        self._tf = session.tf
        self.tensor = Tensor(shape, "uint8", 1.0, 0, 0, 255)
        self.scale, self._zero = (session.tf.Variable(value, dtype=session.tf.float64) for value in (1.0, 0.0))

    def set(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.scale.assign(tensor.scale)
        self._zero.assign(tensor.zero_point)

    def codes(self, values: Any) -> Any:
        """The codes (float64) of real values that lie on the grid, but for the rounding of float32."""
        return self._tf.round(self._tf.cast(values, self._tf.float64) / self.scale + self._zero)

    def values(self, codes: Any) -> Any:
        """The real values (float32) of codes."""
        return self._tf.cast((codes - self._zero) * self.scale, self._tf.float32)


class Rule:
    """A requantization in the graph."""

    def __init__(self, session: Session, entries: int) -> None:
        tf = self._tf = session.tf
        self._multiplier, self._unit = (tf.Variable(np.ones(entries), dtype=tf.float64) for _ in range(2))
        self._zero, self._low, self._high = (tf.Variable(0.0, dtype=tf.float64) for _ in range(3))

    def set(self, rule: Requantization) -> None:
        entries = self._multiplier.shape
        self._multiplier.assign(np.broadcast_to(rule.multiplier, entries).astype(np.float64))
        self._unit.assign(2.0 ** np.broadcast_to(rule.shift, entries).astype(np.float64))
        for variable, value in ((self._zero, rule.zero_point), (self._low, rule.low), (self._high, rule.high)):
            variable.assign(value)

    def apply(self, accumulator: Any) -> Any:
        """Codes of whole accumulators (float64): products stay below 2^53, so nothing is lost."""
        tf = self._tf
        half = tf.where(self._unit > 1, self._unit / 2, 0.0)
        shifted = tf.floor((accumulator * self._multiplier + half) / self._unit)
        return tf.clip_by_value(shifted + self._zero, self._low, self._high)


class Range:
    """The range that a layer's values take in training: a moving mean of the batches' least and greatest."""

    def __init__(self, session: Session, name: str) -> None:
        tf, keras = session.tf, session.keras
        self._tf = tf
        self._ends = keras.Variable(np.zeros(2), dtype="float32", trainable=False, name=f"{name}_range")
        self.variables = [self._ends]

    def follow(self, values: Any) -> tuple[Any, Any]:
        """Scale and zero point for a batch, float32, by the rule of the affine scheme."""
        tf = self._tf
        seen = tf.stack([tf.minimum(tf.reduce_min(values), 0.0), tf.maximum(tf.reduce_max(values), 0.0)])
        known = tf.convert_to_tensor(self._ends)
        ends = tf.stop_gradient(tf.where(known[1] > known[0], MOMENTUM * known + (1 - MOMENTUM) * seen, seen))
        self._ends.assign(ends)
        scale = tf.maximum((ends[1] - ends[0]) / 255.0, 1e-12)
        return scale, tf.clip_by_value(tf.round(-ends[0] / scale), 0.0, 255.0)

    def found(self, shape: Shape) -> Tensor:
        low, high = (float(value) for value in self._ends.numpy())
        return Affine().tensor(shape, low, high)


class Weighted:
    """A dense or convolutional layer with the normalization and the relu that follow it.

    ``layer`` is the built Keras layer that holds the weights; ``normalization`` a Keras BatchNormalization or None;
    ``function`` relu, relu6 or linear.
    """

    def __init__(
        self,
        session: Session,
        layer: Any,
        kind: str,
        coding: str,
        shapes: tuple[Shape, Shape],
        normalization: Any = None,
        function: str = "linear",
    ) -> None:
        tf = self._tf = session.tf
        self.layer, self.normalization = layer, normalization
        self._kind, self._function, self._shape = kind, function, shapes[1]
        kernel = layer.kernel
        self._depthwise = kind == "depthwise_convolution"
        rank = len(kernel.shape)
        self._weights = Weights(session, coding, kernel, (rank - 2, rank - 1) if self._depthwise else (rank - 1,))
        self._range = None if normalization is not None and function != "linear" else Range(session, layer.name)
        if kind == "dense":
            self._window = None
        else:
            stride, dilation = geometry.pair(layer.strides), geometry.pair(layer.dilation_rate)
            size = geometry.pair(tuple(kernel.shape[:2]))
            self._window = (stride, geometry.pads(shapes[0], size, stride, dilation, layer.padding), dilation)
        self.source, self.grid = Grid(session, shapes[0]), Grid(session, shapes[1])
        largest = 255 * LIMITS[coding] * int(np.prod(kernel.shape[:-1]))
        self._exact = tf.float32 if largest < FLOAT32_INTEGERS else tf.float64
        self._codes = tf.Variable(np.zeros(tuple(kernel.shape)), dtype=self._exact)
        self._around = tf.Variable(0.0, dtype=tf.float64)
        self._bias = tf.Variable(np.zeros(shapes[1][-1]), dtype=tf.float64)
        self._rule = Rule(session, shapes[1][-1])

    @property
    def variables(self) -> list[Any]:
        """All that training changes, in a fixed order."""
        parts = [self.layer.variables, self._weights.variables]
        parts += [self.normalization.variables] if self.normalization is not None else []
        parts += [self._range.variables] if self._range is not None else []
        return [variable for part in parts for variable in part]

    @property
    def zeros(self) -> float:
        """The share of zero codes, as of the last freeze."""
        return float(np.mean(self._codes.numpy() == 0))

    def __call__(self, values: Any, training: bool) -> Any:
        return self._train(values) if training else self._infer(values)

    def _train(self, values: Any) -> Any:
        tf = self._tf
        sums = self._sums(values, self._weights.effective(tf.convert_to_tensor(self.layer.kernel)), 0.0)
        if self.layer.bias is not None:
            sums = sums + self.layer.bias
        if self.normalization is not None:
            sums = self.normalization(sums, training=True)
        if self._function != "linear":
            sums = tf.nn.relu(sums)
        if self._function == "relu6":
            sums = tf.minimum(sums, 6.0)
        scale, zero = (STEP, 0.0) if self._range is None else self._range.follow(sums)
        self.grid.scale.assign(tf.cast(scale, tf.float64))
        exact = tf.clip_by_value(sums / scale + zero, 0.0, 255.0)
        return (exact + tf.stop_gradient(tf.round(exact) - exact) - zero) * scale

    def _infer(self, values: Any) -> Any:
        tf = self._tf
        sums = self._sums(tf.cast(self.source.codes(values), self._exact), self._codes, self._around)
        return self.grid.values(self._rule.apply(tf.cast(sums, tf.float64) + self._bias))

    def _sums(self, values: Any, weights: Any, around: Any) -> Any:
        tf = self._tf
        if self._window is None:
            return tf.matmul(values, weights)
        stride, pads, dilation = self._window
        if any(pads):
            edges = ((0, 0), pads[:2], pads[2:], (0, 0))
            values = tf.pad(values, edges, constant_values=tf.cast(around, values.dtype))
        if self._depthwise:
            return tf.nn.depthwise_conv2d(values, weights, (1, *stride, 1), "VALID", dilations=dilation)
        return tf.nn.conv2d(values, weights, stride, "VALID", dilations=dilation)

    def freeze(self, source: Tensor) -> tuple[np.ndarray, np.ndarray, Pinned]:
        """Sets the constants of the integer arithmetic for inputs of the type ``source``.

        Returns what the model file gets: kernel and bias (float32), normalization folded in, and what is pinned.
        Raises LayerError for a layer that the integers cannot hold.
        """
        output = self._range.found(self._shape) if self._range is not None else replace(self.grid.tensor, scale=STEP)
        codes, steps, bias = self._folded()
        # A channel whose weights are nothing beside its bias is that bias, at a resolution of its own.
        constant = ~(np.abs(bias) < LARGEST_BIAS * steps * source.scale)
        codes[..., constant] = 0
        steps[constant] = output.scale * CONSTANT_FACTOR / source.scale
        kernel, offset = (codes * steps).astype(np.float32), bias.astype(np.float32)
        pinned = Pinned(steps, output.scale, int(output.zero_point))
        linear = quantize_linear(kernel, offset, -1, source, self._shape, (0.0, 0.0), self._function, Affine(), pinned)
        self.source.set(source)
        self.grid.set(linear.output)
        self._codes.assign(linear.weights.astype(self._exact.as_numpy_dtype).reshape(self._codes.shape))
        self._bias.assign(linear.bias.astype(np.float64))
        self._rule.set(linear.requantization)
        if self._window is not None:
            self._around.assign(pad_code(source, self._window[1]))
        return kernel.reshape(self._codes.shape), offset, pinned

    def _folded(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes (…, channels), steps and biases (channels,), float64, normalization folded in."""
        found, step = self._weights.coded(self._tf.convert_to_tensor(self.layer.kernel))
        channels = self._shape[-1]
        codes = found.numpy().astype(np.float64)
        codes = codes.reshape(*codes.shape[:2], channels) if self._depthwise else codes
        steps = step.numpy().astype(np.float64).reshape(channels)
        bias = np.zeros(channels) if self.layer.bias is None else self.layer.bias.numpy().astype(np.float64)
        if self.normalization is None:
            return codes, steps, bias
        gamma, beta, mean, variance = (part.numpy().astype(np.float64) for part in self.normalization.weights)
        factor = gamma / np.sqrt(variance + self.normalization.epsilon)
        return codes * np.where(factor < 0, -1.0, 1.0), steps * np.abs(factor), beta + (bias - mean) * factor


class Average:
    """Average pooling: the mean on the grid of its input, ``source``, which belongs to the layer that made that.

    ``size`` is the window, ``shape`` the output's.
    """

    def __init__(self, session: Session, layer: Any, size: Shape, shape: Shape, source: Grid) -> None:
        self._tf = session.tf
        self._layer, self._count = layer, math.prod(size)
        self.source, self._shape = source, shape
        self._rule = Rule(session, 1)

    def __call__(self, values: Any, training: bool) -> Any:
        tf = self._tf
        if training:
            mean = self._layer(values)
            codes = mean / tf.cast(self.source.scale, tf.float32)
            return mean + tf.stop_gradient((tf.floor(codes + 0.5) - codes) * tf.cast(self.source.scale, tf.float32))
        # The mean of codes in float32 is exact but for its last bit: whole sums come back from it.
        codes = tf.cast(self.source.codes(values), tf.float32)
        sums = tf.round(tf.cast(self._layer(codes), tf.float64) * self._count)
        return self.source.values(self._rule.apply(sums))

    def freeze(self, source: Tensor) -> Tensor:
        """Sets the constants for inputs of the type ``source``, the grid's; returns the type of the output."""
        operator, output = AveragePooling((self._count,), (self._count,)).quantize(
            [replace(source, shape=(self._count, 1))], (0.0, 0.0), Affine()
        )
        self._rule.set(operator.requantization)  # type: ignore[attr-defined]
        return replace(output, shape=self._shape)
