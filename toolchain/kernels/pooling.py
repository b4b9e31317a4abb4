"""Pooling in portable C (``firmware/kernels/gc_max_pool.c``, ``gc_average_pool.c``)."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Code, Cost, Kernel, Site, Structure, flip
from toolchain.kernels.dense import clamp, has_multiplier, rounding
from toolchain.layers.pooling import IntegerAveragePooling, IntegerMaxPooling


class _PoolC(Kernel):
    in_place = True
    operator: type[IntegerMaxPooling] | type[IntegerAveragePooling]
    function: str

    def fits(self, site: Site) -> bool:
        small = all(extent <= 255 for extent in (*site.inputs[0].shape, *site.output.shape))
        return isinstance(site.layer.operator, self.operator) and small

    def cost(self, site: Site) -> Cost:
        operator = site.layer.operator
        assert isinstance(operator, IntegerMaxPooling | IntegerAveragePooling)
        cycles = site.output.size * (14 * operator.size**2 + 40) + 60
        return Cost(cycles, cycles, 28, 260)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = site.layer.operator
        assert isinstance(operator, IntegerMaxPooling | IntegerAveragePooling)
        rows, columns, channels = site.output.shape
        flipped = flip(site.inputs[0])
        requantization = getattr(operator, "requantization", None)
        scaled = requantization is not None and has_multiplier(requantization)
        structure = Structure(
            prefix,
            "struct gc_pool",
            (
                ("rows", str(rows)),
                ("columns", str(columns)),
                ("channels", str(channels)),
                ("size", str(operator.size)),
                ("pitch", str(site.inputs[0].shape[1] * channels)),
                ("flip", str(flipped)),
                ("start", str(_start(requantization, flipped, operator.size))),
                ("multiplier", str(int(requantization.multiplier[0])) if scaled and requantization else "0"),
                ("shift", str(int(requantization.shift[0])) if requantization else "0"),
                ("clamp", clamp(requantization) if requantization else "{0, 0, 0}"),
            ),
        )
        return Code((structure,), (f"{self.function}({inputs[0]}, {output}, &{prefix});",), ("gc_pool.h",))


def _start(requantization: Requantization | None, flipped: int, size: int) -> int:
    if requantization is None:
        return 0
    term = 0 if has_multiplier(requantization) else int(rounding(requantization)[0])
    return term - flipped * size * size


class MaxPoolC(_PoolC):
    """Window by window, channel by channel."""

    name = "max_pool_c"
    operator = IntegerMaxPooling
    function = "gc_k_max_pool"


class AveragePoolC(_PoolC):
    """Window by window, channel by channel, with a 24-bit sum."""

    name = "average_pool_c"
    operator = IntegerAveragePooling
    function = "gc_k_average_pool"


KERNELS = (MaxPoolC(), AveragePoolC())
