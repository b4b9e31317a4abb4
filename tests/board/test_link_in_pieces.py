"""The link of a firmware that takes its input in pieces: one chunk with each INFER, in their order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.board.test_firmware_link import CHUNKS, FRAMES, SANITIZERS, as_the_chip_reads, is_question, talk
from tests.board.test_protocol import mutate
from tests.board.tiny_chip import INPUTS, MODEL, host_program, reference
from toolchain.board import protocol

ALL = (1 << CHUNKS) - 1


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pieces = f"-DGC_INPUT_PIECE={protocol.CHUNK}u"
    return host_program(tmp_path_factory.mktemp("host"), "main.c", *SANITIZERS, pieces)


def chunk(data: bytes, number: int, sequence: int = 5) -> bytes:
    tail = data[number * protocol.CHUNK : (number + 1) * protocol.CHUNK]
    return protocol.frame(protocol.DATA.pack(sequence, number, tail=tail))


def question(data: bytes, sequence: int = 5) -> bytes:
    return protocol.frame(protocol.INFER.pack(sequence, protocol.input_crc(data, MODEL)))


def missing(message: bytes) -> int:
    found = protocol.MISSING.unpack(message)
    assert found is not None
    return int.from_bytes(found[2], "little")


def whole(data: bytes, sequence: int = 5) -> bytes:
    return b"".join(chunk(data, number, sequence) + question(data, sequence) for number in range(CHUNKS))


def result(message: bytes) -> tuple[bytes, int]:
    found = protocol.RESULT.unpack(message)
    assert found is not None
    return found[2], found[1]["class_"]


def test_a_chunk_is_taken_with_each_question(program: Path) -> None:
    data = random.Random(7).randbytes(INPUTS)
    *early, last, again = talk(program, whole(data) + question(data))
    assert [missing(message) for message in early] == [ALL & ALL << number + 1 for number in range(CHUNKS - 1)]
    assert result(last) == reference(data)
    assert again == last, "asked again, it answers again and computes nothing"


def test_what_is_not_the_next_chunk_is_not_taken(program: Path) -> None:
    data = random.Random(7).randbytes(INPUTS)
    ask = question(data)
    line = chunk(data, 1) + ask + chunk(data, 0) + chunk(data, 0) + chunk(data, 1) + ask + chunk(data, 0) + ask + ask
    answers = [missing(message) for message in talk(program, line)]
    assert answers == [ALL, ALL ^ 1, ALL ^ 1, ALL ^ 1]


def test_a_host_that_sends_all_at_once_is_served(program: Path) -> None:
    data = random.Random(8).randbytes(INPUTS)
    every = b"".join(chunk(data, number) for number in range(CHUNKS))
    assert result(talk(program, (every + question(data)) * CHUNKS)[-1]) == reference(data)


def test_a_new_job_begins_anew(program: Path) -> None:
    """Whatever was taken or held of the job before: its next chunk under the new number is not the first of the new."""
    rng = random.Random(9)
    one, other = rng.randbytes(INPUTS), rng.randbytes(INPUTS)
    begun = b"".join(chunk(one, number) + question(one) for number in range(3)) + chunk(one, 3)
    answers = talk(program, begun + chunk(other, 3, 6) + question(other, 6) + whole(other, 6))
    assert missing(answers[3]) == ALL
    assert result(answers[-1]) == reference(other)


def test_another_sum_is_not_computed_and_can_be_made_good(program: Path) -> None:
    data = random.Random(10).randbytes(INPUTS)
    wrong = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    bad = b"".join(chunk(wrong, number) + question(data) for number in range(CHUNKS))
    answers = talk(program, bad + whole(data))
    assert missing(answers[CHUNKS - 1]) == ALL
    assert result(answers[-1]) == reference(data)


def test_a_torn_chunk_takes_the_answer_back(program: Path) -> None:
    data = bytes(range(256)) * 3 + bytes(16)
    torn = chunk(data, 0)[:20] + bytes([protocol.END])
    *_, last, after = talk(program, whole(data) + torn + question(data))
    assert result(last) == reference(data)
    assert missing(after) == ALL


def test_random_and_damaged_frames(program: Path) -> None:
    """No crash, no hang, and an answer to exactly those frames that are whole."""
    rng = random.Random(11)
    parts = []
    for _ in range(FRAMES // 4):
        sequence = rng.randrange(2)
        message = rng.choice(
            [
                protocol.INFER.pack(sequence, rng.randrange(0x10000)),
                protocol.DATA.pack(sequence, rng.randrange(CHUNKS + 1), tail=rng.randbytes(64)),
                protocol.DATA.pack(sequence, 0, tail=rng.randbytes(64)),
                rng.randbytes(rng.randrange(1, 100)),
            ]
        )
        line = protocol.frame(message)
        parts.append(mutate(line, rng) if rng.random() < 0.1 else line)
    stream = b"".join(parts)
    answered = [message[1] for message in talk(program, stream)]
    assert answered == [message[1] for message in as_the_chip_reads(stream) if is_question(message)]
