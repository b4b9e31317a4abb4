"""The first dense layer, where the input comes a piece at a time (``firmware/kernels/gc_stream.h`` says how).

Every piece is a dense layer of its own, computed by the kernels of ``dense8``; only the sums stay in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from toolchain.ir.graph import Layer
from toolchain.ir.operators import Requantization
from toolchain.kernels import dense8_cost as costs
from toolchain.kernels.base import Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.kernels.dense8 import (
    BYTE,
    Dense8,
    Dense8Copy,
    Dense8Skip,
    channel_constants,
    finish_fields,
    integer_dense,
    scaled,
)
from toolchain.memory.stream import PIECE, SUM_BYTES

ADDING = 30
"""Cycles to add an accumulator to its sum."""
ADD_BYTES, FINISH_BYTES, FEED_BYTES = 36, 120, 70
"""Flash of gc_k_dense8_finish_add, gc_k_stream_finish_x and gc_k_stream_feed."""


class _Adding(Dense8):
    """A piece: what comes out of it are sums."""

    def constants(self, site: Site) -> np.ndarray:
        return np.zeros((integer_dense(site).weights.shape[1], 0), np.uint8)

    def in_objects(self, site: Site) -> bool:
        return True  # each piece has an object of its own

    def finish(self, site: Site) -> str:
        return "add"

    def finish_cycles(self, site: Site) -> float:
        return ADDING * integer_dense(site).weights.shape[1]


class _CopiedPiece(_Adding, Dense8Copy):
    """Constant time."""


class _SkippedPiece(_Adding, Dense8Skip):
    """Zeros cost little."""


class _Stream(Kernel):
    """Pieces of ``PIECE`` inputs, and the outputs from their sums."""

    in_pieces = True
    piece: Dense8

    def fits(self, site: Site) -> bool:
        return (
            self.piece.fits(site)
            and integer_dense(site).weights.shape[1] <= BYTE
            and site.inputs[0].size <= BYTE * PIECE
        )

    def held(self, site: Site) -> int:
        return min(PIECE, site.inputs[0].size)

    def room(self, site: Site) -> tuple[int, int]:
        rooms = [self.piece.room(piece) for piece in pieces(site)]
        return max(front for front, _back in rooms), max(back for _front, back in rooms)

    def scratch(self, site: Site) -> int:
        return SUM_BYTES * site.output.size

    def cost(self, site: Site) -> Cost:
        each = [self.piece.cost(piece) for piece in pieces(site)]
        operator = integer_dense(site)
        outputs = operator.weights.shape[1]
        multiplied = scaled(operator.requantization)
        ending = round(costs.finish_cycles(operator.requantization, outputs, multiplied)) + 130
        ending += 13 * SUM_BYTES * outputs  # the sums are cleared first
        finish = "scale" if multiplied else "shift"
        shared = {name: size for cost in each for name, size in cost.pieces if name not in costs.FINISH}
        shared |= {
            "add": ADD_BYTES,
            finish: costs.FINISH[finish],
            f"stream_{finish}": FINISH_BYTES,
            "stream": FEED_BYTES,
        }
        return Cost(
            sum(cost.mean for cost in each) + ending,
            sum(cost.worst for cost in each) + ending,
            sum(cost.flash + 2 for cost in each) + 27 + channel_constants(operator).size,
            sum(shared.values()),
            sum(self.room(site)) + self.scratch(site),
            tuple(shared.items()),
        )

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator, (place, sums) = integer_dense(site), inputs
        constants: list[Constant | Structure] = []
        names = []
        for number, piece in enumerate(pieces(site)):
            names.append(f"{prefix}_{number}")
            constants += self.piece.emit(piece, names[-1], [place], sums).constants
        last = f"{prefix}_finish"
        block = f"{{{{1, {site.output.size}, {last}_stream, 0}}}}"
        constants += [
            Constant(f"{last}_stream", "uint8_t", channel_constants(operator, flip(site.inputs[0])).reshape(-1)),
            Structure(
                last,
                "struct gc_dense8",
                (*finish_fields(operator.requantization), ("parts", block)),
            ),
            Structure(
                prefix,
                "struct gc_stream",
                (
                    ("bytes", str(self.scratch(site))),
                    ("pieces", "{" + ", ".join(f"&{name}" for name in names) + "}"),
                ),
            ),
        ]
        finish = "scale" if scaled(operator.requantization) else "shift"
        return Code(
            tuple(constants),
            (f"gc_k_stream_finish_{finish}({sums}, {output}, &{last});",),
            ("gc_stream.h",),
            feed=(f"if (gc_fed != {len(names)})", f"    gc_k_stream_feed({place}, {sums}, &{prefix}, gc_fed++);"),
        )


class Dense8Stream(_Stream):
    """Constant time."""

    name = "dense8_stream"
    piece = _CopiedPiece()


class Dense8StreamSkip(_Stream):
    """Zeros are skipped; the input must not be signed."""

    name = "dense8_stream_skip"
    piece = _SkippedPiece()
    constant_time = False


def pieces(site: Site) -> Iterator[Site]:
    """The layer's pieces, each a dense layer without biases that reads its inputs alone."""
    operator, tensor = integer_dense(site), site.inputs[0]
    plain = Requantization(np.ones(1, np.int32), np.ones(1, np.int32), 0, -128, 127)
    for start in range(0, tensor.size, PIECE):
        weights = operator.weights[start : start + PIECE]
        part = replace(operator, weights=weights, bias=np.zeros_like(operator.bias), requantization=plain)
        layer = Layer(site.layer.name, site.layer.inputs, part, site.layer.output)
        yield replace(site, layer=layer, inputs=(replace(tensor, shape=(len(weights),)),))


KERNELS = (Dense8Stream(), Dense8StreamSkip())
