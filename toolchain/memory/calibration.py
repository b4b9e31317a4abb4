"""What no manifest shows: bytes and cycles of kernels and of the application, measured on real builds.

The one place for such figures. They were read off builds at -Os for the ATmega4809 (tests/budget compares the estimates
with builds made there and then); a new kernel or a smaller application means to read them off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

APPLICATION = 1300  # start-up code, vectors, serial link, timer
LARGEST_APPLICATION = 1500  # the same with what the compiler's library may add: what kernels must leave free
STATIC = 21  # variables of the serial link
STREAM_STATIC = 3  # more of them, where the input comes in pieces
STREAM_BYTES = 350  # code that takes a piece, and code at the end, of network and link
PIECE_BYTES = 30  # its descriptor
PIECE_CYCLES = 230  # for a piece, and more for every output:
SUM_CYCLES = 33
DECISION = 50  # argmax or threshold, and gc_infer
LEAST_OVERHEAD = 1450  # application and kernels of the smallest images
LEAST_STACK = 45
WEIGHT_BITS: Mapping[str, float] = {"int8": 8, "int4": 4, "ternary": 1.6, "binary": 1}
SCALE = 3  # multiplier and shift of an output, where scales are no powers of two
TABLE = 256  # one byte for each input code
UNROLLED_MOST = 2048  # weights up to which a convolution becomes straight-line code
WIDEST_WINDOW = 257  # weights of one filter up to which the kernel with a table takes it
SHARE_OF_INPUT, SHARE_OF_HIDDEN = 0.25, 0.5  # values that are not zero: pictures on a background, after a relu

BLOCK, BLOCK_INPUT = 8, 5
"""Outputs that a dense layer computes together, and cycles that an input takes in each such block beside products."""

LEAST_PRODUCT: Mapping[str, float] = {"int8": 4, "int4": 4, "ternary": 2, "binary": 2}
"""Cycles below which no kernel brings the average product: multiplying takes 2, adding to a sum of two bytes 2. (What
straight-line code wins, which leaves out weights of 0, it pays with loading values: 4.8 is the best ever measured.)"""

CHEAPEST = 0.5
"""Cycles that a byte of flash is worth always, even where speed is wished for."""

DEAREST = 50
"""Cycles that a byte of flash is worth while a tenth of the chip can be kept free: code instead of tables is, a slow
dense layer is not."""


@dataclass(frozen=True)
class Cost:
    """What computing a layer costs.

    ``code`` bytes of the kernel, once for all layers that use it; ``library`` bytes of its libgcc functions;
    ``layer`` bytes of a layer's descriptor, ``function`` of a layer's function; ``weight`` bytes of code a weight;
    cycles a ``call``, a ``product``, an ``input`` value and an ``output`` value; ``skips``: products with zeros cost
    nothing, where the manifest lets time depend on data; ``looked_at`` cycles more an input value that then is not
    zero; ``slowest``: cycles of a product that takes longest, if not all take the same; ``room`` bytes of SRAM for
    every 255 inputs, ``scratch`` for every value of a window, while the layer is computed; ``least_bits`` of a weight,
    where the kernel does not store narrow ones in less; ``sum``: cycles more for each sum that a recurrent layer forms
    in a step, which is then rounded and goes through a table.
    """

    kernel: str
    code: int
    library: int = 0
    layer: int = 30
    function: int = 14
    weight: float = 0.0
    output_bytes: int = 3
    call: int = 0
    product: float = 0.0
    input: float = 0.0
    output: float = 0.0
    stack: int = 85
    skips: bool = False
    looked_at: float = 0.0
    slowest: float = 0.0
    room: int = 0
    scratch: float = 0.0
    least_bits: float = 8
    sum: float = 0.0


DENSE = Cost("dense8", 900, call=330, product=8.6, input=7, output=95, skips=True, looked_at=3.4, room=4, least_bits=1)
NARROW: Mapping[str, tuple[int, int, int]] = {"int4": (2, 1, 275), "ternary": (8, 3, 2050), "binary": (8, 1, 2200)}
"""Of dense layers of narrow weights: how many outputs share how many bytes a row, and how much larger the kernel is."""
SMALL_DENSE = Cost("dense_c", 400, layer=19, product=22.2, slowest=29.8, output=80, stack=52)
UNROLLED = Cost("convolution_unrolled", 0, layer=300, weight=12.5, output_bytes=0, product=6.2, output=25, skips=True)
ROWS = Cost("convolution_table", 0, layer=0, function=2600, product=8.4, output=80, stack=90, skips=True)
PATCHES = Cost(
    "convolution_dense8",
    1800,
    layer=55,
    function=18,
    product=8.6,
    output=130,
    stack=153,
    skips=True,
    scratch=1.5,
    least_bits=1,
)
CONVOLUTION = Cost("convolution_c", 700, library=570, product=36, output=250, stack=117)
DEPTHWISE = Cost("depthwise_c", 900, library=570, product=144, stack=113)
DEPTHWISE_UNROLLED = Cost("depthwise_unrolled", 0, layer=300, weight=14.5, output_bytes=0, product=6.2, output=33)
RECURRENT = Cost("recurrent_c", 1550, library=460, product=20, sum=1000, stack=147)
LOOKUP = Cost("lookup_c", 42, layer=TABLE, input=14)
MAXIMUM = Cost("max_pool_c", 380, input=60, stack=89)
AVERAGE = Cost("average_pool_c", 900, input=92, stack=89)
MERGE = Cost("merge", 450, library=300, input=60, output=150)
MOVE = Cost("move", 250, input=20)
ADDRESS = Cost("", 0, layer=0, function=0)  # only another view of the same bytes, or folded into a neighbour

FOLDED = ("flatten", "reshape", "dropout", "gaussian_noise", "batch_normalization", "rescaling")
CLAMPS = ("linear", "relu", "relu6", "softmax")  # of softmax only the greatest counts
MERGES = ("add", "average", "subtract", "multiply")


def narrowed(kernel: Cost, coding: str) -> Cost:
    """What the kernel costs for weights of this coding."""
    if kernel is not DENSE or coding not in NARROW:
        return kernel
    return replace(kernel, kernel=f"{kernel.kernel}_{coding}", code=kernel.code + NARROW[coding][2])


def packed(kernel: Cost, coding: str, weights: int, outputs: int) -> float:
    """Bytes of a layer's weights: those of a row fill whole bytes, and rows of few bits whole blocks of outputs."""
    if kernel.kernel.startswith(DENSE.kernel) and coding in NARROW and outputs:
        block, size, _code = NARROW[coding]
        return weights // outputs * size * -(-outputs // block)
    return weights * max(WEIGHT_BITS[coding], kernel.least_bits) / 8


def longest(kernel: Cost, products: float, inputs: int, outputs: int, skipping: bool) -> float:
    """Cycles of a layer for the input that takes longest: nothing in it is skipped."""
    cycles = kernel.call + (kernel.slowest or kernel.product) * products + kernel.output * outputs
    cycles += (kernel.input + (kernel.looked_at if skipping else 0)) * inputs
    if kernel.kernel.startswith(DENSE.kernel):  # the last block may be narrow, and an input costs as much in it
        cycles += BLOCK_INPUT * inputs * (-outputs % BLOCK) / BLOCK
    return cycles


def cost(entry: Mapping[str, Any], weights: int, prefer: str) -> Cost:
    """The kernel that a layer of the plan will probably get. ``weights`` is the number of its weights.

    ``prefer`` is the manifest's wish, or ``dense``: a convolution as dense layer over windows, its weights stored in as
    few bits as they have.
    """
    kind = entry["kind"]
    if kind == "activation":
        return ADDRESS if entry.get("function") in CLAMPS else LOOKUP
    if kind in FOLDED:
        return ADDRESS
    if kind == "dense":
        return SMALL_DENSE if prefer == "size" else DENSE
    if kind in ("convolution", "convolution_1d"):
        if prefer == "size":
            return CONVOLUTION
        if prefer == "dense" or weights // entry["filters"] > WIDEST_WINDOW:
            return PATCHES
        return UNROLLED if prefer == "speed" and weights <= UNROLLED_MOST else ROWS
    if kind in ("depthwise_convolution", "separable_convolution"):
        return DEPTHWISE if prefer == "size" or weights > UNROLLED_MOST else DEPTHWISE_UNROLLED
    if weights:
        return RECURRENT
    if "pooling" in kind:
        return MAXIMUM if "max" in kind else AVERAGE
    return MERGE if kind in MERGES else MOVE
