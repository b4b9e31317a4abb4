"""Operators that work byte by byte: tables, clamps, scalings, softmax; and views, which do nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.kernels.base import Code, Constant, Cost, Kernel, OperatorKernel, Site, Structure, flip
from toolchain.kernels.merge import sum_start
from toolchain.layers.activation import Clamp, Lookup
from toolchain.layers.flatten import View
from toolchain.layers.normalization import IntegerScaling
from toolchain.layers.softmax import Softmax


class LookupC(OperatorKernel[Lookup]):
    """One table access a value."""

    name = "lookup_c"
    in_place = True
    operator = Lookup

    def cost(self, site: Site) -> Cost:
        return Cost.steady(17 * site.output.size + 40, 256 + 12, 40)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        table = Constant(f"{prefix}_table", "uint8_t", operator.table)
        call = f"gc_k_lookup({inputs[0]}, {output}, {site.output.size}, {prefix}_table);"
        return Code((table,), (call,), ("gc_lookup.h",))


class ClampC(OperatorKernel[Clamp]):
    """Two comparisons a value."""

    name = "clamp_c"
    in_place = True
    operator = Clamp

    def cost(self, site: Site) -> Cost:
        return Cost.steady(18 * site.output.size + 40, 24, 50)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        flipped = flip(site.inputs[0])
        ends = f"{operator.low + flipped}, {operator.high + flipped}"
        call = f"gc_k_clamp({inputs[0]}, {output}, {site.output.size}, {flipped}, {ends});"
        return Code((), (call,), ("gc_clamp.h",))


class ScalingC(OperatorKernel[IntegerScaling]):
    """One 16-bit product a value."""

    name = "scaling_c"
    in_place = True
    constant_time = False  # the clamp of the result
    operator = IntegerScaling

    def cost(self, site: Site) -> Cost:
        operator = self.of(site)
        return Cost.steady(138 * site.output.size + 100, 8 * operator.bias.size + 20, 190)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        flipped, rule = flip(site.inputs[0]), operator.requantization
        start = operator.bias.astype(np.int64) - flipped * operator.multipliers.astype(np.int64) + sum_start(rule)
        channels = operator.bias.size
        constants = (
            Constant(f"{prefix}_multiplier", "int32_t", operator.multipliers),
            Constant(f"{prefix}_start", "int32_t", start),
            Structure.of(
                prefix,
                "struct gc_scaling",
                multiplier=f"{prefix}_multiplier",
                start=f"{prefix}_start",
                channels=channels,
                pixels=site.output.size // channels,
                flip=flipped,
                low=rule.low,
                high=rule.high,
            ),
        )
        return Code(constants, (f"gc_k_scaling({inputs[0]}, {output}, &{prefix});",), ("gc_merge.h",))


class SoftmaxC(OperatorKernel[Softmax]):
    """A table access and a 32-bit division a value."""

    name = "softmax_c"
    in_place = True
    constant_time = False  # the search for the greatest value, and libgcc's division
    operator = Softmax

    def cost(self, site: Site) -> Cost:
        operator = self.of(site)
        return Cost.steady(760 * site.output.size + 60, 2 * operator.table.size + 14, 420)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        count = site.output.shape[-1]
        constants = (
            Constant(f"{prefix}_table", "uint16_t", operator.table),
            Structure.of(
                prefix,
                "struct gc_softmax",
                table=f"{prefix}_table",
                entries=operator.table.size,
                rows=site.output.size // count,
                count=count,
                one=operator.one,
                high=operator.high,
                flip=flip(site.inputs[0]),
            ),
        )
        return Code(constants, (f"gc_k_softmax({inputs[0]}, {output}, &{prefix});",), ("gc_softmax.h",))


class ViewKernel(Kernel):
    """The same bytes in another shape: no code at all. The memory plan gives both tensors one place."""

    name = "view"
    in_place = True

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, View) and site.dying[0]

    def cost(self, site: Site) -> Cost:
        return Cost(0, 0, 0, 0)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        return Code()


class ViewCopyC(Kernel):
    """A view of something that others read later: its own copy."""

    name = "view_copy_c"

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, View) and not site.dying[0]

    def cost(self, site: Site) -> Cost:
        return Cost.steady(8 * site.output.size + 40, 24, 60)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        size = site.output.size
        return Code((), (f"gc_k_copy({inputs[0]}, {output}, 1, {size}, {size}, {size});",), ("gc_move.h",))


KERNELS = (LookupC(), ClampC(), ScalingC(), SoftmaxC(), ViewKernel(), ViewCopyC())
