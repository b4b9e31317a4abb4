"""The stack that a real firmware used on the virtual chip: its memory is painted, and some inferences run in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toolchain.board import chips
from toolchain.board.link import Expected, Link
from toolchain.board.virtual.chip import SimulatedChip, registers
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.memory import chip
from toolchain.memory.elf import Image
from toolchain.simulator.core import Core

PAINT = 0xA5
SLICES = 60_000  # runs of the virtual chip after which a silent one has crashed


class Wire:
    """A serial line straight into the virtual chip; time passes only while it is read."""

    baudrate = 500_000

    def __init__(self, simulated: SimulatedChip) -> None:
        self._chip = simulated

    def write(self, data: bytes) -> None:
        self._chip.receive(data)

    def read(self, seconds: float) -> bytes:
        for _ in range(SLICES):
            sent = self._chip.run()
            if sent or self._chip.idleness:
                return sent
        raise AssertionError("the chip says nothing")


def used_stack(elf: Path, graph: Graph, codes: np.ndarray, mcu: str = "atmega4809", clock_hz: int = 20_000_000) -> int:
    """Bytes of stack that the firmware used from reset through inferences on ``codes`` (n, *input shape).

    Its answers are held against the reference on the way.
    """
    image, facts, entry = Image(elf), chip.facts(mcu), chips.chip(mcu)
    content = Core(image, mcu).read_flash(0, image.program.used)
    simulated = SimulatedChip(mcu, content, clock_hz, entry.uart, registers(entry.family, entry.uart))
    start = facts.ram_start + image.ram
    free = facts.ram_end + 1 - start
    simulated._probe.write_data(start, bytes([PAINT]) * free)
    link = Link(Wire(simulated), Expected(store.fingerprint(graph), graph.input.size, graph.output.size, content))
    link.hello()
    for sample in codes:
        answer = link.infer(sample.tobytes())
        assert answer.class_ == int(graph.classify(graph.run(sample[None].astype("int64")))[0])
    left = bytes(simulated._probe.read_data(start, free))
    return len(left) - next(n for n, byte in enumerate(left) if byte != PAINT)
