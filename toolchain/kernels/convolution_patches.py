"""Convolution as a dense layer over each window (``firmware/kernels/gc_patches.h``), with every kernel of ``dense8``.

Weights of any coding, windows of any length; a layer takes as much flash as a dense layer with its window as input. The
window is copied, so that kernels which overwrite their input leave the picture alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toolchain.ir.graph import Layer, Tensor
from toolchain.kernels import dense8_cost as costs
from toolchain.kernels.base import Code, Cost, Kernel, Site, Structure
from toolchain.kernels.convolution import flat_weights, operator_of, row_distance, windows_computed
from toolchain.kernels.convolution_walk import geometry_of, pad_counts
from toolchain.kernels.dense8 import BYTE, WIDTH, Dense8, Dense8Copy, Dense8Skip, Run, integer_dense
from toolchain.kernels.dense8_binary import Dense8Binary, Dense8BinarySkip
from toolchain.kernels.dense8_int4 import Dense8Int4, Dense8Int4Copy, Dense8Int4Skip
from toolchain.kernels.dense8_sparse import Dense8Sparse
from toolchain.kernels.dense8_ternary import Dense8Ternary, Dense8TernarySkip
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.dense import IntegerDense

DESCRIPTOR = 28
CODE = {"GC_PATCHES": 1106, "GC_PATCHES_RUNS": 876}


class Patches(Kernel):
    """A kernel of dense layers, applied to copies of windows."""

    call = "GC_PATCHES"

    def __init__(self, dense: Dense8) -> None:
        self.dense = dense
        self.name = f"convolution_{dense.name}"
        self.constant_time = dense.constant_time

    def fits(self, site: Site) -> bool:
        if not isinstance(site.layer.operator, IntegerConvolution):
            return False
        at, pads = geometry_of(site), operator_of(site).pads
        plain = max(*at.kernel, *at.stride, at.pool) <= BYTE and at.dilation == (1, 1)
        inside = max(pads[:2]) < at.kernel[0] and max(pads[2:]) < at.kernel[1]  # of each window something
        return plain and inside and self.before(site) <= BYTE and self.dense.fits(window_site(site))

    def cost(self, site: Site) -> Cost:
        dense, windows = self.dense.cost(window_site(site)), windows_computed(site)
        around = self.around(site) + self.pooling(site)
        return Cost(
            round(windows * (dense.mean + around)),
            round(windows * (self.longest(site) + around)),
            dense.flash + DESCRIPTOR,
            dense.shared + CODE[self.call],
            self.scratch(site),
            (*dense.pieces, (self.call, CODE[self.call])),
        )

    def around(self, site: Site) -> float:
        """Cycles of one window besides those of the dense layer."""
        at = geometry_of(site)
        taps = at.kernel[0] * at.kernel[1] * at.channels
        return 290 + 45 * at.kernel[0] + 11.9 * taps

    def longest(self, site: Site) -> float:
        """Cycles of the dense layer where nothing can be skipped."""
        return self.dense.cost(window_site(site)).worst

    def pooling(self, site: Site) -> float:
        """Cycles of one window for comparing outputs, on average."""
        at = geometry_of(site)
        return 14 * at.filters * (1 - 1 / at.pool**2)

    def scratch(self, site: Site) -> int:
        return _pooled(site) + self.before(site) + self.values(site)

    def before(self, site: Site) -> int:
        """Bytes that the dense layer needs before the window."""
        return self.dense.room(window_site(site))[0]

    def values(self, site: Site) -> int:
        """Bytes that the window and what the dense layer needs behind it take."""
        window = window_site(site)
        return window.inputs[0].size + self.dense.room(window)[1]

    def distance(self, site: Site) -> int | None:
        return row_distance(site)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        window, at = window_site(site), geometry_of(site)
        source, patch = inputs
        dense = self.dense.emit(window, f"{prefix}_dense", [patch], output)
        structure = Structure.of(
            prefix,
            "struct gc_patches",
            rows=at.rows,
            columns=at.columns,
            pitch=at.pitch,
            pixel=at.channels,
            whole=at.kernel[1] * at.channels,
            kernel_rows=at.kernel[0],
            kernel_columns=at.kernel[1],
            stride_down=at.stride[0],
            stride_right=at.stride[1],
            top=at.top,
            left=at.left,
            output_rows=at.window_rows // at.pool,
            output_columns=at.window_columns // at.pool,
            filters=at.filters,
            pool=at.pool,
            order="0x80" if operator_of(site).requantization.low < 0 else "0",
            pad=operator_of(site).pad_code & 0xFF,
            before=self.before(site),
            layer=f"&{prefix}_dense",
        )
        call = f"{self.call}({self.dense.entry(window)}, {source}, {output}, {patch}, &{prefix});"
        return Code((*dense.constants, structure), (call,), ("gc_patches.h",))


class PatchesOfRuns(Patches):
    """Of a window only the values other than zero are copied, as runs between zeros."""

    call = "GC_PATCHES_RUNS"

    def fits(self, site: Site) -> bool:
        if not super().fits(site):
            return False
        at = geometry_of(site)
        return at.kernel[1] * at.channels <= BYTE and not pad_counts(site)

    def around(self, site: Site) -> float:
        at, blocks = geometry_of(site), -(-operator_of(site).filters // WIDTH)
        return 100 + at.kernel[0] * (20 + 12 * blocks)

    def longest(self, site: Site) -> float:
        full = replace(site, inputs=(replace(site.inputs[0], nonzero=1.0),))
        return self.dense.cost(window_site(full)).mean

    def before(self, site: Site) -> int:
        return 0

    def values(self, site: Site) -> int:
        at = geometry_of(site)
        # The portable twin copies the window as it is.
        runs = at.kernel[0] * (3 * (at.kernel[1] * at.channels + 1) // 2) + 2
        return max(runs, len(flat_weights(operator_of(site))))


class _Window(Dense8Skip):
    """A dense layer whose values between zeros come from a window. Runs are short: loops are not unrolled."""

    prepare = "window"

    def runs(self, site: Site) -> list[Run]:
        return [Run(0, 0, len(integer_dense(site).weights))]

    def piece(self, site: Site, width: int) -> str:
        return f"{self.rows}_{width}"

    def traffic(self, site: Site, live: int) -> costs.Traffic:
        share = site.inputs[0].nonzero
        return costs.Traffic(live * (1 - share), live * share, live * share * (1 - share))


class _Int4Window(Dense8Int4Skip, _Window):
    prepare = "window"

    def piece(self, site: Site, width: int) -> str:
        return f"{self.rows}_{(width + 1) // 2}"


class _TernaryWindow(_Window, Dense8TernarySkip):
    prepare = "window"
    rows = "ternary_runs"

    def piece(self, site: Site, width: int) -> str:
        return self.rows


class _BinaryWindow(_Window, Dense8BinarySkip):
    rows = "binary_runs"

    def piece(self, site: Site, width: int) -> str:
        return self.rows


def _pooled(site: Site) -> int:
    """Room for one output pixel, where pooling compares them."""
    operator = operator_of(site)
    return operator.filters if operator.pool > 1 else 0


def window_site(site: Site) -> Site:
    """The dense layer that one window is."""
    operator, source = operator_of(site), site.inputs[0]
    weights = flat_weights(operator).astype(operator.weights.dtype)
    dense = IntegerDense(weights, operator.bias, operator.requantization)
    share = geometry_of(site).inside() if operator.pad_code == 0 else 1.0
    values = Tensor(
        (len(weights),),
        source.dtype,
        source.scale,
        source.zero_point,
        min(source.low, operator.pad_code) if any(operator.pads) else source.low,
        max(source.high, operator.pad_code) if any(operator.pads) else source.high,
        source.nonzero * share,
    )
    output = replace(site.output, shape=(operator.filters,))
    layer = Layer(site.layer.name, site.layer.inputs, dense, output)
    return replace(site, layer=layer, inputs=(values,), output=output, dying=(True,))


KERNELS = (
    *map(
        Patches,
        (
            Dense8(), Dense8Copy(), Dense8Int4(), Dense8Int4Copy(), Dense8Sparse(), Dense8Ternary(), Dense8Binary(),
        ),
    ),
    *map(PatchesOfRuns, (_Window(), _Int4Window(), _TernaryWindow(), _BinaryWindow())),
)  # fmt: skip
