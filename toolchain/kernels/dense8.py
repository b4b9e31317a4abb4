"""Dense layers, eight outputs at once in registers (``firmware/kernels/gc_dense8.h`` says how they are computed)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.ir.operators import Requantization
from toolchain.kernels import dense8_cost as costs
from toolchain.kernels.base import FLASH_OBJECT_LIMIT, Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.kernels.dense import has_multiplier, rounding
from toolchain.layers.dense import IntegerDense
from toolchain.quantization.ranges import bits

WIDTH = 8
BYTE = 255
GREATEST_SHIFT = 39
"""What the C twin's 32-bit arithmetic can shift by, with multipliers."""
SURELY_AN_OBJECT = 1500
"""So many inputs never fill an object of avr-gcc: no kernel stores a weight in more than two bytes, and little else."""
GAP_BYTES = 4
"""Fewer bytes of weights are not worth an entry of three in the list of live runs."""
SHORTEST_GAP = 2
"""Fewer dead inputs in a row leave no room for the two sentinels of gc_k_dense8_skip."""


@dataclass(frozen=True)
class Run:
    """Inputs that are looked at, with the number of dead ones before them."""

    dead: int
    start: int
    length: int


def live_runs(weights: np.ndarray, shortest: int = SHORTEST_GAP) -> list[Run]:
    """The live rows of a matrix (inputs, outputs), at most 255 runs of them.

    Rows of zeros are dead where at least ``shortest`` follow each other and it saves flash. Dead rows
    at the end are left away. At least one row is live.
    """
    alive = np.any(weights != 0, axis=1)
    shortest = max(shortest, -(-GAP_BYTES // weights.shape[1]))
    while len(runs := _runs(alive, shortest)) > BYTE:
        shortest += 1
    return runs


def _runs(alive: np.ndarray, shortest: int) -> list[Run]:
    """The runs of live rows, gaps of less than ``shortest`` dead ones filled, those cut that a byte cannot count."""
    runs: list[Run] = []
    end = 0
    for position in map(int, np.flatnonzero(alive)):
        while position - end > BYTE:
            runs.append(Run(BYTE, end + BYTE, 1))
            end += BYTE + 1
        gap = position - end
        if runs and gap < shortest:
            runs[-1] = Run(runs[-1].dead, runs[-1].start, position + 1 - runs[-1].start)
        elif gap < shortest:
            runs.append(Run(0, 0, position + 1))
        else:
            runs.append(Run(gap, position, 1))
        end = position + 1
    return runs or [Run(0, 0, 1)]


class Dense8(Kernel):
    """Every input is multiplied; the input stays as it is, so it must not be signed. Constant time."""

    name = "dense8"
    function = "gc_k_dense8"
    prepare = "sum"
    rows = "rows"
    skips = False
    least, most = -127, 127
    extra_bits = 0  # by which sums and biases are scaled up

    def proven(self, site: Site) -> bool:
        """Whether the weights are storable and 24 bits are proven to hold the accumulator."""
        return fits(site, self.least, self.most, self.extra_bits) and self.in_objects(site)

    def in_objects(self, site: Site) -> bool:
        """Whether each block's stream is an object that avr-gcc takes."""
        if len(integer_dense(site).weights) <= SURELY_AN_OBJECT:
            return True
        return all(len(stream) <= FLASH_OBJECT_LIMIT for _width, stream in self.streams(site))

    def fits(self, site: Site) -> bool:
        return self.proven(site) and not flip(site.inputs[0])

    def runs(self, site: Site) -> list[Run]:
        return [Run(0, 0, len(integer_dense(site).weights))]

    def piece(self, site: Site, width: int) -> str:
        """The piece of assembly that multiplies blocks of this width."""
        unrolled = {"speed": "x2" if self.skips else "x4", "balanced": "x2", "size": ""}[site.target.prefer]
        return f"{self.rows}_{width}{unrolled if width == WIDTH else ''}"

    def cost(self, site: Site) -> Cost:
        operator, runs = integer_dense(site), self.runs(site)
        inputs = len(operator.weights)
        multiplied = scaled(operator.requantization, self.extra_bits)
        widths = [block.stop - block.start for block in blocks(operator)]
        pieces = {self.piece(site, width): width for width in widths}
        live = _count(runs)

        dense = np.count_nonzero(operator.weights) / (live * WIDTH * len(widths))

        def cycles(traffic: costs.Traffic) -> int:
            rows = sum(costs.rows_cycles(self.piece(site, width), width, live, traffic, dense) for width in widths)
            return round(
                costs.driver_cycles(len(widths), len(pieces), self.rows)
                + costs.prepare_cycles(self.prepare, inputs, live, len(runs), traffic)
                + self.finish_cycles(site)
                + rows
            )

        stored = sum(len(self.packed(site, operator.weights[:live, block])) for block in blocks(operator))
        descriptor = 17 + 6 * len(pieces) + 1 + 3 * len(runs)
        shared = {
            **costs.common_pieces(self.prepare, multiplied, self.rows),
            **{piece: costs.piece_bytes(piece) for piece in pieces},
        }
        return Cost(
            cycles(self.traffic(site, live)),
            cycles(costs.densest(live)),
            stored + self.constants(site).size + descriptor + costs.STUB,
            sum(shared.values()),
            sum(self.room(site)),
            tuple(shared.items()),
        )

    def traffic(self, site: Site, live: int) -> costs.Traffic:
        """What is to be expected among ``live`` inputs."""
        return costs.expected(live, site.inputs[0].nonzero, picture=site.layer.inputs[0] == "input")

    def passes(self, site: Site) -> int:
        """The descriptor's ``rows``."""
        return _count(self.runs(site))

    def entry(self, site: Site) -> str:
        """The C function that computes the layer."""
        return self.function

    def packed(self, site: Site, weights: np.ndarray) -> np.ndarray:
        """The weights of a block (live rows, up to 8 outputs; int8) as they are stored (uint8, one axis)."""
        return (128 - weights.astype(np.int64)).astype(np.uint8).reshape(-1)

    def constants(self, site: Site) -> np.ndarray:
        """What the stream holds of each output besides its weights (outputs, some; uint8)."""
        return channel_constants(integer_dense(site), flip(site.inputs[0]), self.extra_bits)

    def finish(self, site: Site) -> str:
        """Which piece of assembly takes the accumulators."""
        return "scale" if scaled(integer_dense(site).requantization, self.extra_bits) else "shift"

    def finish_cycles(self, site: Site) -> float:
        """What that piece takes for all outputs."""
        operator = integer_dense(site)
        multiplied = scaled(operator.requantization, self.extra_bits)
        return costs.finish_cycles(operator.requantization, operator.weights.shape[1], multiplied, self.extra_bits)

    def streams(self, site: Site) -> Iterator[tuple[int, np.ndarray]]:
        """Each block's width and stream (uint8): its live rows' weights, then its biases."""
        operator = integer_dense(site)
        weights = np.concatenate([operator.weights[run.start : run.start + run.length] for run in self.runs(site)])
        constants = self.constants(site)
        for block in blocks(operator):
            yield (
                block.stop - block.start,
                np.concatenate([self.packed(site, weights[:, block]), constants[block].reshape(-1)]),
            )

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        runs, flipped = self.runs(site), flip(site.inputs[0])
        requantization = integer_dense(site).requantization
        constants: list[Constant | Structure] = []
        parts: list[str] = []
        grouped = _parts(self.streams(site))
        for number, (width, streams) in enumerate(grouped):
            name = f"{prefix}_stream{number or ''}"
            constants.append(Constant(name, "uint8_t", np.concatenate(streams)))
            last = " | GC_DENSE8_LAST" if number == len(grouped) - 1 else ""
            parts.append(f"{{{len(streams)}, {width}{last}, {name}, GC_PIECE({self.piece(site, width)})}}")
        live = [len(runs), *(value for run in runs for value in (run.dead, run.length & BYTE, run.length >> 8))]
        constants.append(Constant(f"{prefix}_live", "uint8_t", np.array(live)))
        fields = (
            ("prepare", f"GC_PIECE({self.prepare})"),
            ("live", f"{prefix}_live"),
            ("room", str(self.room(site)[0])),
            ("flip", str(flipped)),
            ("finish", f"GC_PIECE(finish_{self.finish(site)})"),
            *finish_fields(requantization, self.extra_bits),
            ("rows", str(self.passes(site))),
            ("parts", "{" + ", ".join(parts) + "}"),
        )
        constants.append(Structure(prefix, "struct gc_dense8", fields))
        return Code(tuple(constants), (f"{self.entry(site)}({inputs[0]}, {output}, &{prefix});",), ("gc_dense8.h",))


class Dense8Copy(Dense8):
    """The live inputs are moved together first, and their signs flipped. Constant time; less code than ``dense8``."""

    name = "dense8_copy"
    prepare = "copy"
    consumes = True

    def fits(self, site: Site) -> bool:
        return self.proven(site)

    def runs(self, site: Site) -> list[Run]:
        return live_runs(integer_dense(site).weights, shortest=1)


class Dense8Skip(Dense8):
    """The input is rewritten in place as runs of values between zeros, and only values are multiplied."""

    name = "dense8_skip"
    prepare = "skip"
    rows = "runs"
    skips = True
    consumes = True
    constant_time = False

    def fits(self, site: Site) -> bool:
        return self.proven(site) and not flip(site.inputs[0])

    def runs(self, site: Site) -> list[Run]:
        return live_runs(integer_dense(site).weights)

    def room(self, site: Site) -> tuple[int, int]:
        return 2 * (1 + _count(self.runs(site)) // BYTE), 2


def integer_dense(site: Site) -> IntegerDense:
    assert isinstance(site.layer.operator, IntegerDense)
    return site.layer.operator


def scaled(requantization: Requantization, extra_bits: int = 0) -> bool:
    """Whether gc_k_dense8_finish_scale is needed: gc_k_dense8_finish_shift shifts by 1 at least."""
    return has_multiplier(requantization) or int(requantization.shift[0]) + extra_bits == 0


def finish_fields(requantization: Requantization, extra_bits: int = 0) -> tuple[tuple[str, str], ...]:
    """The fields of ``struct gc_dense8`` that say how an accumulator becomes a code."""
    multiplied, shift = scaled(requantization, extra_bits), int(requantization.shift[0]) + extra_bits - 1
    return (
        ("factor", "0" if multiplied else str(128 >> shift % 8)),
        ("bytes", "0" if multiplied else str(shift // 8)),
        ("low", str(requantization.low - requantization.zero_point)),
        ("high", str(requantization.high - requantization.zero_point)),
        ("zero_point", str(requantization.zero_point & BYTE)),
    )


def _count(runs: Sequence[Run]) -> int:
    return sum(run.length for run in runs)


def fits(site: Site, least: int, most: int, extra_bits: int = 0) -> bool:
    """Weights of ``least`` to ``most``, and a final accumulator proven to fit 24 bits.

    The accumulator is scaled up by ``extra_bits`` and has the rounding term in it.
    """
    operator = site.layer.operator
    if not isinstance(operator, IntegerDense):
        return False
    if not least <= operator.weights.min(initial=0) <= operator.weights.max(initial=0) <= most:
        return False
    assert site.low is not None
    assert site.high is not None
    requantization = operator.requantization
    term = 0 if has_multiplier(requantization) else int(rounding(requantization).max())
    if int(requantization.shift.max()) + extra_bits > GREATEST_SHIFT:
        return False
    return bits(int(site.low.min()) << extra_bits, (int(site.high.max()) + term) << extra_bits) <= 24


def blocks(operator: IntegerDense) -> Iterator[slice]:
    """The outputs, eight by eight."""
    outputs = operator.weights.shape[1]
    for start in range(0, outputs, WIDTH):
        yield slice(start, min(start + WIDTH, outputs))


def channel_constants(operator: IntegerDense, flipped: int = 0, extra_bits: int = 0) -> np.ndarray:
    """What the stream holds of each output (outputs, 3 or 6; uint8): bias, and multiplier and shift if any."""
    requantization = operator.requantization
    bias = operator.bias.astype(np.int64) - flipped * operator.weights.astype(np.int64).sum(axis=0)
    columns: list[np.ndarray] = []
    if scaled(requantization, extra_bits):
        plain = not has_multiplier(requantization)  # a multiplier of 1 and no shift
        multiplier = np.broadcast_to(1 << 14 if plain else requantization.multiplier.astype(np.int64), bias.shape)
        shift = np.broadcast_to(14 if plain else requantization.shift.astype(np.int64), bias.shape)
        columns = [multiplier, multiplier >> 8, shift + extra_bits - 9]
    else:
        bias = bias + rounding(requantization)
    bias = bias << extra_bits
    return (np.stack([bias, bias >> 8, bias >> 16, *columns], axis=1) & BYTE).astype(np.uint8)


def _parts(blocks: Iterator[tuple[int, np.ndarray]]) -> list[tuple[int, list[np.ndarray]]]:
    """Blocks of one width together, as many as an object of avr-gcc and a byte for their number can hold."""
    parts: list[tuple[int, list[np.ndarray]]] = []
    for width, stream in blocks:
        last = parts[-1] if parts else None
        if last and last[0] == width and len(last[1]) < BYTE and (len(last[1]) + 1) * len(stream) <= FLASH_OBJECT_LIMIT:
            last[1].append(stream)
        else:
            parts.append((width, [stream]))
    return parts


KERNELS = (Dense8(), Dense8Copy(), Dense8Skip())
