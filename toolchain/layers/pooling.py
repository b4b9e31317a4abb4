"""Two-dimensional max and average pooling without overlap; a rest at the right and bottom is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolchain.errors import LayerError
from toolchain.ir.operators import FloatOperator, IntegerOperator, Operator, Requantization
from toolchain.layers.base import Kind, Option, Options, Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

SIZE = Option("size", {"type": "integer", "minimum": 1, "default": 2, "description": "Side of the window, in pixels."})


def pooled_shape(shape: Shape, size: int) -> Shape:
    """Height and width divided by the window's side, rounded down; the channels stay."""
    height, width, channels = shape
    return (height // size, width // size, channels)


def windows(values: np.ndarray, size: int) -> np.ndarray:
    """The windows of (batch, height, width, channels) as (batch, height/size, width/size, size², channels)."""
    batch, height, width, channels = values.shape
    rows, columns = height // size, width // size
    cut = values[:, : rows * size, : columns * size]
    tiles = cut.reshape(batch, rows, size, columns, size, channels).transpose(0, 1, 3, 2, 4, 5)
    return tiles.reshape(batch, rows, columns, size * size, channels)


class _PoolingKind(Kind):
    options = (SIZE,)
    shorthand = "size"
    keras_name: str
    operator: type[FloatOperator]

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        size = options["size"]
        if len(shape) != 3:
            raise LayerError(
                f"pooling takes height × width × channels, and this layer gets {' × '.join(map(str, shape))}"
            )
        if min(shape[:2]) < size:
            raise LayerError(f"a window of {size} × {size} does not fit into {shape[0]} × {shape[1]} pixels", "size")
        return pooled_shape(shape, size)

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        return getattr(keras.layers, self.keras_name)(pool_size=options["size"], name=name)

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        size = config["pool_size"][0]
        if tuple(config["pool_size"]) != (size, size) or tuple(config["strides"]) != (size, size):
            raise LayerError("pooling windows must be square and must not overlap")
        if config.get("padding", "valid") != "valid":
            raise LayerError("pooling with padding is not supported")
        return self.operator(size)  # type: ignore[call-arg]


@dataclass(frozen=True, eq=False)
class _Pooling(FloatOperator):
    size: int

    def output_shape(self, *inputs: Shape) -> Shape:
        return pooled_shape(inputs[0], self.size)


@dataclass(frozen=True, eq=False)
class MaxPooling(_Pooling):
    """The largest value of each window."""

    kind = "max_pooling"

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(windows(inputs[0], self.size).max(axis=3))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        return IntegerMaxPooling(self.size), replace(inputs[0], shape=self.output_shape(inputs[0].shape))


@dataclass(frozen=True, eq=False)
class IntegerMaxPooling(IntegerOperator):
    """The largest code of each window: scales are positive, so that order is kept."""

    kind = "max_pooling"
    size: int

    def output_shape(self, *inputs: Shape) -> Shape:
        return pooled_shape(inputs[0], self.size)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(windows(inputs[0], self.size).max(axis=3).astype(np.int64))


@dataclass(frozen=True, eq=False)
class AveragePooling(_Pooling):
    """The mean of each window."""

    kind = "average_pooling"

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(windows(inputs[0], self.size).mean(axis=3))

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        from toolchain.quantization.scheme import fixed_point

        (source,) = inputs
        count = self.size * self.size
        # The mean of codes is the code of the mean, whatever the zero point: nothing but a division is left.
        if count & (count - 1) == 0:
            factor, shift = np.ones(1, np.int32), np.array([count.bit_length() - 1], np.int32)
        else:
            factor, shift = fixed_point(np.array([1 / count]))
        requantization = Requantization(factor, shift, 0, source.low, source.high)
        output = replace(source, shape=self.output_shape(source.shape))
        return IntegerAveragePooling(self.size, requantization), output


@dataclass(frozen=True, eq=False)
class IntegerAveragePooling(IntegerOperator):
    """The rounded mean of the codes of each window (halves upward)."""

    kind = "average_pooling"
    size: int
    requantization: Requantization

    def output_shape(self, *inputs: Shape) -> Shape:
        return pooled_shape(inputs[0], self.size)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return self.requantization.apply(windows(inputs[0].astype(np.int64), self.size).sum(axis=3))

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        low, high = inputs[0]
        count = self.size * self.size
        return np.array([low * count]), np.array([high * count])


class MaxPoolingKind(_PoolingKind):
    name = "max_pooling"
    summary = "Keeps the largest value of each window."
    keras_name = "MaxPooling2D"
    keras = ("MaxPooling2D",)
    operator = MaxPooling


class AveragePoolingKind(_PoolingKind):
    name = "average_pooling"
    summary = "Keeps the mean of each window."
    keras_name = "AveragePooling2D"
    keras = ("AveragePooling2D",)
    operator = AveragePooling


KINDS = (MaxPoolingKind(), AveragePoolingKind())
