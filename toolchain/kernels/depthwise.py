"""Depthwise convolution with its weights as immediates: the code of full ones, without the zeros between channels."""

from __future__ import annotations

from toolchain.kernels.convolution import DepthwiseC
from toolchain.kernels.convolution_unrolled import Unrolled
from toolchain.layers.depthwise_convolution import IntegerDepthwiseConvolution


class DepthwiseUnrolled(Unrolled):
    """Every pixel is multiplied."""

    name = "depthwise_unrolled"
    operator = IntegerDepthwiseConvolution
    portable = DepthwiseC()
    skips = False


class DepthwiseUnrolledSkip(Unrolled):
    """Pixels of 0 are skipped."""

    name = "depthwise_unrolled_skip"
    operator = IntegerDepthwiseConvolution
    portable = DepthwiseC()
    skips = True
    constant_time = False


KERNELS = (DepthwiseUnrolled(), DepthwiseUnrolledSkip())
