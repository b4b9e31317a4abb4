"""What the operators of a graph have in common.

Float operators are what was trained; integer operators are what the chip computes, to the bit. Each layer file defines
its own; both kinds run on whole batches in numpy and are the reference for the generated code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.layers.base import Shape
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")


@dataclass(frozen=True, eq=False)
class Operator:
    """A pure function of tensors with its constants. Subclasses are registered by class name for the file format."""

    kind: ClassVar[str]
    classes: ClassVar[dict[str, type[Any]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if Operator.classes.setdefault(cls.__name__, cls) is not cls:
            raise TypeError(f"two operators are called {cls.__name__}")

    def output_shape(self, *inputs: Shape) -> Shape:
        """The output's shape without the batch axis. Raises ValueError if the operator does not take these inputs."""
        raise NotImplementedError

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """The output for inputs of shape (batch, *shape): float64 for float operators, int64 codes for integer ones."""
        raise NotImplementedError

    def products(self, *inputs: Shape) -> int:
        """Multiply-accumulate operations of one inference."""
        return 0


@dataclass(frozen=True, eq=False)
class Requantization:
    """From accumulator to 8-bit code: y = clamp(((acc · multiplier + 2^(shift-1)) >> shift) + zero_point, low, high).

    Rounds to nearest, halves upward; a shift of 0 adds nothing. ``multiplier`` and ``shift`` hold one entry an output
    channel, or a single one for all. Power-of-two scales have multiplier 1; else 2^14 ≤ multiplier < 2^15 and shift
    ≥ 9, so that (acc · multiplier) >> 8 can be had from 32-bit products (see ``firmware/kernels/gc_requantize.h``).

    Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018, section 2.2.
    """

    multiplier: np.ndarray  # int32 (channels,) or (1,)
    shift: np.ndarray  # int32, same shape
    zero_point: int
    low: int
    high: int
    low_is_activation: bool = False  # what falls below ``low`` is cut off by a fused activation, not by the code range
    high_is_activation: bool = False

    def apply(self, accumulator: np.ndarray) -> np.ndarray:
        """Codes (int64) of accumulators (int64) whose last axis is the channel."""
        return np.clip(self.unclamped(accumulator), self.low, self.high)

    def saturated(self, accumulator: np.ndarray) -> int:
        """How many of these accumulators lose value to the code range (what an activation cuts off is not counted)."""
        codes = self.unclamped(accumulator)
        below = 0 if self.low_is_activation else np.count_nonzero(codes < self.low)
        above = 0 if self.high_is_activation else np.count_nonzero(codes > self.high)
        return int(below + above)

    def unclamped(self, accumulator: np.ndarray) -> np.ndarray:
        """The codes before they are clamped (int64)."""
        shift = self.shift.astype(np.int64)
        half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        return ((accumulator * self.multiplier.astype(np.int64) + half) >> shift) + self.zero_point


@dataclass(frozen=True, eq=False)
class Pinned:
    """What quantization-aware training has decided for a weighted layer: quantization takes it as it is.

    ``steps`` float64 (channels,): weight = code · step. ``scale`` and ``zero_point`` belong to the output (uint8),
    after a fused activation.
    """

    steps: np.ndarray
    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class FloatOperator(Operator):
    """An operator as it was trained."""

    def fused(self, activation: str) -> FloatOperator | None:
        """This operator with an activation function applied to its result, or None if it cannot absorb that one."""
        return None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        """This operator with y · scale + offset (float64, (channels,) or (1,)) as its result, or None if it cannot."""
        return None

    def of_scaled(self, scale: np.ndarray, offset: np.ndarray) -> FloatOperator | None:
        """This operator applied to x · scale + offset (float64, (channels,) or (1,)), or None if it cannot."""
        return None

    def quantize(self, inputs: Sequence[Tensor], seen: tuple[float, float], scheme: Scheme) -> tuple[Operator, Tensor]:
        """The integer operator and the type of its output.

        ``inputs`` are the integer types of the operands, ``seen`` the range of this operator's output on the
        calibration set. Raises LayerError if the operator cannot be computed exactly in integers.
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class IntegerOperator(Operator):
    """An operator on 8-bit codes."""

    def accumulator_bounds(self, *inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray] | None:
        """The least and greatest accumulator (int64) of each channel, for codes within the given ranges (inclusive).

        None where the operator keeps no accumulator (it moves or looks up bytes).
        """
        return None

    def saturated(self, *inputs: np.ndarray) -> int:
        """How many output values of this batch of codes are clamped by the 8-bit range (not by a fused activation)."""
        return 0


class Requantized(IntegerOperator):
    """An integer operator whose output is its accumulator, requantized. Its fields include ``requantization``."""

    requantization: Requantization

    def accumulate(self, *inputs: np.ndarray) -> np.ndarray:
        """The accumulators (batch, *output shape), int64."""
        raise NotImplementedError

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        return self.requantization.apply(self.accumulate(*inputs))

    def saturated(self, *inputs: np.ndarray) -> int:
        return self.requantization.saturated(self.accumulate(*inputs))
