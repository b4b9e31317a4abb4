"""What the pieces of ``firmware/kernels/gc_dense8*.S`` cost, counted from their listings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.ir.operators import Requantization

BLOCK = 8
CHUNK = 256
RUN_LENGTH = 5.6
"""Values between zeros in a picture of thin strokes (MNIST). Elsewhere zeros are taken to fall independently."""

STUB = 14 + 2  # a layer's C function, and the call of it
DRIVER = 298
STORE = 58
THREADED = ("ternary_rows", "ternary_runs", "binary_rows", "binary_runs")
FOLD = 222
SUM_INPUTS = 128
"""Inputs whose sum 16 bits hold."""
STORE_CYCLES = {"nibbles": 213, "nibble_runs": 213, "sparse": 0, **dict.fromkeys(THREADED, 0)}
PIECES = {"rows": (24, 10), "runs": (30, 10), "nibbles": (34, 20), "nibble_runs": (36, 20)}
SPARSE = 158
NIBBLES = 76
FOLDED = 142
POSITIVE = 0.5
"""The share of binary weights that are 1."""
FINISH = {"shift": 112, "scale": 182}
PREPARE = {"sum": 88, "copy": 52, "skip": 222, "window": 198, "none": 2}
UNROLLED = {"rows_8x2": 204, "rows_8x4": 384, "runs_8x2": 202, "nibbles_4x2": 218, "nibble_runs_4x2": 212}
PAGES = {"ternary_rows": 1024, "ternary_runs": 1056, "binary_rows": 1190, "binary_runs": 1222}
WHOLE = {**UNROLLED, **PAGES}


@dataclass(frozen=True)
class Traffic:
    """What a skipping kernel finds in its input: zeros, values that it multiplies, and runs of them."""

    zeros: float
    values: float
    runs: float
    singles: float = 0.0  # zeros among the values: alone between two


def expected(inputs: int, nonzero: float, picture: bool) -> Traffic:
    """The mean for a share of nonzero inputs; ``picture``: they come in strokes."""
    values = inputs * nonzero
    if picture:
        return Traffic(inputs - values, values, values / RUN_LENGTH)
    singles = values * nonzero * (1 - nonzero)
    return Traffic(
        inputs - values - singles, values + singles, values * (1 - nonzero) ** 2 + (1 if values else 0), singles
    )


def densest(inputs: int) -> Traffic:
    """The worst case: nothing to skip."""
    return Traffic(0, inputs, math.ceil(inputs / 255))


def prepare_cycles(piece: str, inputs: int, live: int, runs: int, traffic: Traffic) -> float:
    """One pass over ``inputs`` bytes, of which ``live`` in ``runs`` runs have weights."""
    if piece == "sum":
        return 35 + 7 * (inputs % CHUNK) + 1223 * (inputs // CHUNK)
    if piece == "none":
        return 4
    if piece == "window":
        return 75 + 7 * traffic.zeros + 11 * traffic.values + 25 * traffic.runs
    if piece == "copy":
        return 20 + 11 * live + 16 * runs
    return 64 + 28 * runs + 3.5 * traffic.zeros + 11 * traffic.values + 28 * traffic.runs


def rows_cycles(piece: str, width: int, live: int, traffic: Traffic, dense: float) -> float:
    """One block of ``width`` outputs; ``dense`` is the share of eight weights that are not zero."""
    if piece in THREADED:
        begin, each, run = (72, 21 + 16 * dense, 22) if "ternary" in piece else (86, 18 + 16 * POSITIVE * dense, 21)
        if piece.endswith("rows"):
            return begin + each * live + (FOLDED + 16) * math.ceil(live / SUM_INPUTS)
        return begin + each * traffic.values + run * traffic.runs + FOLDED * (1 + int(traffic.values / SUM_INPUTS))
    if piece.startswith("nibble"):
        pairs = (width + 1) // 2
        each = 61.5 if piece in UNROLLED else 8 + 14 * pairs
        if piece.startswith("nibbles"):
            return 14 + each * live + 8 * (live // CHUNK)
        return 16 + each * traffic.values + 17 * traffic.runs
    if piece.startswith("rows"):
        each = {"rows_8x4": 67, "rows_8x2": 68}.get(piece, 5 + BLOCK * width)
        return 14 + each * live + 5 * (live // CHUNK)
    if piece == "runs_8x2":
        return 7 + 68 * traffic.values + 14.6 * traffic.runs
    return 16 + (5 + BLOCK * width) * traffic.values + 12.1 * traffic.runs


def finish_cycles(requantization: Requantization, outputs: int, scaled: bool, extra_bits: int = 0) -> float:
    """All outputs, without what each block costs."""
    if not scaled:
        return outputs * (54 + 7 * ((int(requantization.shift[0]) + extra_bits - 1) // 8))
    shift = np.broadcast_to(np.maximum(requantization.shift + extra_bits - 9, 0), outputs)
    return float(93 * outputs + (9 * (shift // 8) + 7 * (shift % 8)).sum())


def driver_cycles(blocks: int, parts: int, rows: str) -> float:
    """``gc_k_dense8`` with the call of it, and what is done once a block; storing the sums of ``rows`` included."""
    return 130 + 32 * parts + (90 + STORE_CYCLES.get(rows, 33) + 15) * blocks


def common_pieces(prepare: str, scaled: bool, rows: str) -> dict[str, int]:
    """Flash of the pieces around the multiplication, by name: what stores the sums of ``rows`` among them."""
    finish = "scale" if scaled else "shift"
    pieces = {"gc_k_dense8": DRIVER, prepare: PREPARE[prepare], finish: FINISH[finish]}
    if rows == "sparse":
        return {**pieces, "sparse": SPARSE}
    if rows.startswith("nibble"):
        pieces["nibbles"] = NIBBLES
    if rows in THREADED:
        return {**pieces, "fold" if rows.startswith("ternary") else "fold_twice": FOLD}
    return {**pieces, "store": STORE}


def piece_bytes(piece: str) -> int:
    """Flash of one piece that multiplies, such as ``rows_3``."""
    if piece in WHOLE:
        return WHOLE[piece]
    kind, _, width = piece.rpartition("_")
    fixed, each = PIECES[kind]
    return fixed + each * int(width)
