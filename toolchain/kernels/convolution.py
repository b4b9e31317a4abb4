"""Convolutions in portable C, output by output (``firmware/kernels/gc_convolution.c``, ``gc_depthwise.c``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.kernels import dense
from toolchain.kernels.base import FLASH_OBJECT_LIMIT, Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.kernels.dense import clamp, has_multiplier
from toolchain.layers import convolution_geometry
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.convolution_geometry import as_image
from toolchain.layers.depthwise_convolution import IntegerDepthwiseConvolution

AnyConvolution = IntegerConvolution | IntegerDepthwiseConvolution


def operator_of(site: Site) -> AnyConvolution:
    operator = site.layer.operator
    assert isinstance(operator, AnyConvolution)
    return operator


def flat_weights(operator: AnyConvolution) -> np.ndarray:
    """The weights as int64 (window, filters): rows in the order of the window's pixels and, if mixed, channels."""
    return operator.weights.reshape(-1, operator.filters).astype(np.int64)


def start(site: Site) -> np.ndarray:
    """What the accumulators start from (int64): the bias, less the flips, and with the rounding of a plain shift."""
    operator = operator_of(site)
    return dense.start(operator.bias, flat_weights(operator), site.inputs[0], operator.requantization)


def windows_computed(site: Site) -> int:
    """How many windows one inference computes."""
    image = as_image(site.output.shape)
    return image[0] * image[1] * operator_of(site).pool ** 2


def row_distance(site: Site) -> int:
    """How far the output must begin before the input, if row after row is written once its windows' rows are read."""
    operator = operator_of(site)
    step, top = operator.stride[0] * operator.pool, operator.pads[0]
    return convolution_geometry.row_distance(site.inputs[0].shape, site.output.shape, step, top)


def windows_fields(site: Site, flipped: int, pad: int) -> str:
    """The C initializer of a ``struct gc_windows``, with what inputs are flipped by and what stands around them."""
    operator = operator_of(site)
    rows, columns, channels = as_image(site.inputs[0].shape)
    output_rows, output_columns, filters = as_image(site.output.shape)
    top, _bottom, left, _right = operator.pads
    values = (
        rows, columns, channels, *operator.kernel, *operator.stride, *operator.dilation, top, left,
        output_rows, output_columns, operator.pool, filters, flipped, pad,
    )  # fmt: skip
    return f"{{{', '.join(map(str, values))}}}"


class _ConvolutionC(Kernel):
    operator: type[AnyConvolution]
    function: str
    step: int  # cycles a product
    row: int  # cycles a row of the window

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, self.operator)

    def cost(self, site: Site) -> Cost:
        operator = operator_of(site)
        size = self.accumulator(site)
        filters = operator.filters
        window = operator.weights.size // filters  # products of one output
        scaled = has_multiplier(operator.requantization)
        step = self.step if size == 24 else self.step + 6
        each = window * step + operator.kernel[0] * self.row + (715 if scaled else 450)
        if operator.dilation[1] > 1:
            each += operator.weights.size // operator.weights[0, 0].size * 32
        cycles = windows_computed(site) * filters * each + 200
        per_filter = 6 if scaled else 3
        return Cost.steady(cycles, operator.weights.size + filters * per_filter + 46, 700)

    def distance(self, site: Site) -> int | None:
        parts = operator_of(site).filters > self.filters_a_part(site, len(flat_weights(operator_of(site))))
        return None if parts else row_distance(site)

    def accumulator(self, site: Site) -> int:
        """The width of the accumulator in bits, 24 or 32."""
        return dense.accumulator(site, start(site), operator_of(site).requantization)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = operator_of(site)
        rule = operator.requantization
        scaled, flipped = has_multiplier(rule), flip(site.inputs[0])
        size = self.accumulator(site)
        weights = flat_weights(operator)
        window, filters = weights.shape
        most = self.filters_a_part(site, window)
        constants: list[Constant | Structure] = []
        statements: list[str] = []
        biases: list[str] = []
        for part, first in enumerate(range(0, filters, most)):
            chosen = slice(first, min(filters, first + most))
            count = chosen.stop - first
            name = prefix if filters <= most else f"{prefix}_part{part}"
            shift = np.broadcast_to(rule.shift, (filters,))[chosen] if scaled else rule.shift[:1]
            constants += [
                Constant(f"{name}_weights", "int8_t", weights.T[chosen].reshape(-1)),
                Constant(f"{name}_bias", f"gc_acc{size}_t", start(site)[chosen]),
                Constant(f"{name}_shift", "uint8_t", shift),
            ]
            if scaled:
                multiplier = np.broadcast_to(rule.multiplier, (filters,))[chosen]
                constants.append(Constant(f"{name}_multiplier", "int16_t", multiplier))
            constants.append(
                Structure.of(
                    name,
                    f"struct gc_convolution_{size}",
                    windows=windows_fields(site, flipped, (operator.pad_code & 0xFF) ^ flipped),
                    weights=f"{name}_weights",
                    bias=f"{name}_bias",
                    multiplier=f"{name}_multiplier" if scaled else "0",
                    shift=f"{name}_shift",
                    filters=count,
                    clamp=clamp(rule),
                )
            )
            kernel = f"gc_k_{self.function}_{'scale' if scaled else 'shift'}_{size}"
            target = output if first == 0 else f"{output} + {first}"
            statements.append(f"{kernel}({inputs[0]}, {target}, &{name});")
            biases.append(f"{name}_bias")
        return Code(tuple(constants), tuple(statements), ("gc_convolution.h",), biases=tuple(biases))

    def filters_a_part(self, site: Site, window: int) -> int:
        """How many filters go into one object of flash."""
        return FLASH_OBJECT_LIMIT // window


class ConvolutionC(_ConvolutionC):
    """One output after the other; the accumulator has 24 bits where that is proven enough, else 32."""

    name = "convolution_c"
    operator = IntegerConvolution
    function = "convolution"
    step = 29
    row = 122


class DepthwiseC(_ConvolutionC):
    """One output after the other; the accumulator has 24 bits where that is proven enough, else 32."""

    name = "depthwise_c"
    operator = IntegerDepthwiseConvolution
    function = "depthwise"
    step = 79
    row = 60

    def filters_a_part(self, site: Site, window: int) -> int:
        return site.output.shape[-1]  # filters go with channels: they stay together


KERNELS = (ConvolutionC(), DepthwiseC())
