"""The real firmware on the virtual chip: its painted stack after inferences over the serial line, against the bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.budget.building import ROOT, Built, build
from toolchain import manifest
from toolchain.board import chips
from toolchain.board.link import Expected, Link
from toolchain.board.virtual.chip import SimulatedChip, registers
from toolchain.ir import store
from toolchain.memory import chip, stack
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


def firmware(name: str, folder: Path, **wishes: Any) -> Built:
    plan = manifest.load(ROOT / "models" / f"{name}.yaml")
    return build(replace(plan, generation={**plan.generation, **wishes}), folder)


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("sensor_and", {}),
        ("mnist_dense8", {}),
        ("mnist_dense8", {"latency": "constant"}),
        ("mnist_dense8", {"prefer": "size"}),
    ],
)
def test_never_below_what_was_used_and_at_most_32_above(name: str, wishes: dict[str, str], tmp_path: Path) -> None:
    built = firmware(name, tmp_path, **wishes)
    image, facts = Image(built.elf), chip.facts("atmega4809")
    found = stack.bound(image, facts)
    stack.cross_check(found, built.usages)
    entry = chips.chip("atmega4809")
    content = Core(image, "atmega4809").read_flash(0, image.program.used)
    simulated = SimulatedChip("atmega4809", content, 20_000_000, entry.uart, registers(entry.family, entry.uart))
    start = facts.ram_start + image.ram
    free = facts.ram_end + 1 - start
    simulated._probe.write_data(start, bytes([PAINT]) * free)
    graph = built.graph
    link = Link(Wire(simulated), Expected(store.fingerprint(graph), graph.input.size, graph.output.size, content))
    link.hello()
    for codes in built.codes[:3]:
        answer = link.infer(codes.tobytes())
        assert answer.class_ == int(graph.classify(graph.run(codes[None].astype("int64")))[0])
    left = bytes(simulated._probe.read_data(start, free))
    used = len(left) - next(n for n, byte in enumerate(left) if byte != PAINT)
    assert used <= found.total <= used + 32, f"{used} bytes were used, the bound is {found}"
