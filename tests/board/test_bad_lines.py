"""Bad lines between host and firmware, whether the input comes whole before the question or a piece with each."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.board.test_firmware_link import SANITIZERS
from tests.board.tiny_chip import EXPECTED, INPUTS, ProcessLine, host_program, reference
from toolchain.board import protocol
from toolchain.board.link import Link
from toolchain.board.virtual.noise import Noise

INFERENCES = 60


@pytest.fixture(scope="module", params=[(), (f"-DGC_INPUT_PIECE={protocol.CHUNK}u",)], ids=["whole", "in pieces"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_program(tmp_path_factory.mktemp("host"), "main.c", *SANITIZERS, *request.param)


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01])
def test_every_answer_over_a_noisy_line_is_right(program: Path, rate: float) -> None:
    """Bytes dropped, doubled and flipped, both ways: what is accepted is the chip's answer to what was meant."""
    rng = random.Random(3)
    there, back = (Noise(rate / 3, rate / 3, rate / 3, seed=seed) for seed in (1, 2))
    with ProcessLine(program, there, back) as line:
        link = Link(line, EXPECTED, line.clock)
        link.hello()
        for _ in range(INFERENCES):
            data = rng.randbytes(INPUTS)
            answer = link.infer(data)
            assert (answer.outputs, answer.class_) == reference(data)
        assert (link.retries > 0) == (rate > 0), "an answer to each chunk is no repetition"


@pytest.mark.parametrize("after", [0, 500, 1500])
def test_a_reset_in_the_middle_is_made_good(program: Path, after: int) -> None:
    rng = random.Random(9)
    with ProcessLine(program) as line:
        link = Link(line, EXPECTED, line.clock)
        link.hello()
        line.reset_after = after
        for _ in range(4):
            data = rng.randbytes(INPUTS)
            assert (link.infer(data).outputs, link.infer(data).class_) == reference(data)
        assert link.retries > 0
