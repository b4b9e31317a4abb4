"""The real firmware on the virtual chip: its painted stack after inferences over the serial line, against the bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.budget.building import ROOT, Built, build
from tests.memory.painted import used_stack
from toolchain import manifest
from toolchain.memory import chip, stack
from toolchain.memory.elf import Image


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
        ("mnist_dense8", {"input": "streamed"}),
        ("mnist_dense8", {"input": "streamed", "latency": "constant"}),
    ],
)
def test_never_below_what_was_used_and_at_most_32_above(name: str, wishes: dict[str, str], tmp_path: Path) -> None:
    built = firmware(name, tmp_path, **wishes)
    found = stack.bound(Image(built.elf), chip.facts("atmega4809"))
    stack.cross_check(found, built.usages)
    used = used_stack(built.elf, built.graph, built.codes[:3])
    assert used <= found.total <= used + 32, f"{used} bytes were used, the bound is {found}"
