"""Softmax in integers: y_i = e_i / Σ e_j with e_i = exp(x_i - max x) from a table of 16-bit numbers.

Definition, for codes x along the last axis and one = 1 / output scale (255 for bytes, 128 for power-of-two scales):

    e_i = table[max x - x_i],  table[d] = round(65535 · exp(-scale · d))
    y_i = min((e_i · one + floor(S / 2)) // S, greatest code),  S = Σ e_j

The table's rounding moves e_i by at most 1/2 and S by at most n/2, and S ≥ 65535: the result is within
1/2 + one · (n + 1) / 131070 units in the last place of the real softmax of its input codes (0.52 for ten classes); with
power-of-two scales 1 becomes 127/128, as everywhere in that scheme.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.errors import LayerError
from toolchain.ir.operators import IntegerOperator, Operator
from toolchain.layers.base import Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.graph import Tensor
    from toolchain.quantization.scheme import Scheme
else:
    np = LazyModule("numpy")

FULL = 65535
MOST_VALUES = 32767


def integer_softmax(source: Tensor, scheme: Scheme) -> tuple[Operator, Tensor]:
    """The operator and the type of its output. Raises LayerError above 32,767 values."""
    if source.shape[-1] > MOST_VALUES:
        raise LayerError(f"softmax over {source.shape[-1]:,} values needs a sum of more than 32 bits")
    output = replace(scheme.tensor(source.shape, 0.0, 1.0), low=0)
    table = np.rint(FULL * np.exp(-source.scale * np.arange(source.high - source.low + 1)))
    used = table[table > 0].astype(np.uint16)
    return Softmax(used, round(1 / output.scale), output.high), output


@dataclass(frozen=True, eq=False)
class Softmax(IntegerOperator):
    """See above; ``table`` uint16 ends before its first 0."""

    kind = "softmax"
    table: np.ndarray
    one: int
    high: int

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        codes = inputs[0].astype(np.int64)
        distance = codes.max(axis=-1, keepdims=True) - codes
        table = np.zeros(256, np.int64)
        table[: len(self.table)] = self.table
        powers = table[distance]
        total = powers.sum(axis=-1, keepdims=True)
        return np.minimum((powers * self.one + total // 2) // total, self.high)

    def error(self, count: int) -> float:
        """The greatest error for ``count`` values, in units in the last place, apart from what ``high`` cuts off."""
        return 0.5 + self.one * (count + 1) / (2 * FULL)
