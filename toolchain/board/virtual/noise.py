"""A bad cable: bytes dropped, doubled and flipped, and what two different baud rates make of each other's bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass

BAUD_TOLERANCE = 0.04


@dataclass
class Noise:
    """Probabilities per byte, and the generator that draws them."""

    drop: float = 0.0
    double: float = 0.0
    flip: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, data: bytes) -> bytes:
        """``data`` as it comes out at the other end."""
        if not (self.drop or self.double or self.flip):
            return data
        out = bytearray()
        for byte in data:
            draw = self._random.random()
            if draw < self.drop:
                continue
            draw -= self.drop
            if draw < self.double:
                out += bytes((byte, byte))
            elif draw - self.double < self.flip:
                out.append(byte ^ 1 << self._random.randrange(8))
            else:
                out.append(byte)
        return bytes(out)


def garble(data: bytes, sender: int, receiver: int) -> bytes:
    """What a receiver at ``receiver`` baud makes of ``data`` sent at ``sender`` baud (start bit, 8 data bits, stop
    bit).

    The line is sampled in the middle of the receiver's bits, which is what a UART does; bytes with a wrong stop bit are
    kept.
    """
    if abs(sender - receiver) <= BAUD_TOLERANCE * receiver:
        return data
    line = [level for byte in data for level in (0, *(byte >> bit & 1 for bit in range(8)), 1)]
    step = sender / receiver
    out = bytearray()
    at = 0.0
    while at < len(line):
        if line[int(at)]:
            at = int(at) + 1.0  # the next edge
            continue
        value = 0
        for bit in range(8):
            sample = int(at + (bit + 1.5) * step)
            value |= (line[sample] if sample < len(line) else 1) << bit
        out.append(value)
        at += 9.5 * step
    return bytes(out)
