"""Operators that work byte by byte or only move bytes: tables and views."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.kernels.base import Code, Constant, Cost, Kernel, Site
from toolchain.layers.activation import Lookup
from toolchain.layers.flatten import View


class LookupC(Kernel):
    """One table access a value."""

    name = "lookup_c"
    in_place = True

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, Lookup)

    def cost(self, site: Site) -> Cost:
        cycles = 14 * site.output.size + 20
        return Cost(cycles, cycles, 256 + 12, 40)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = site.layer.operator
        assert isinstance(operator, Lookup)
        table = Constant(f"{prefix}_table", "uint8_t", operator.table)
        call = f"gc_k_lookup({inputs[0]}, {output}, {site.output.size}, {prefix}_table);"
        return Code((table,), (call,), ("gc_lookup.h",))


class ViewKernel(Kernel):
    """The same bytes in another shape: no code at all. The memory plan gives both tensors one place."""

    name = "view"
    in_place = True

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, View)

    def cost(self, site: Site) -> Cost:
        return Cost(0, 0, 0, 0)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        return Code()


KERNELS = (LookupC(), ViewKernel())
