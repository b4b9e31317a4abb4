"""The firmware's side of the link, compiled for this machine with sanitizers: it must do what the host's parser
says.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.board.test_protocol import mutate
from tests.board.tiny_chip import EXPECTED, INPUTS, MODEL, ProcessLine, host_program, reference
from toolchain.board import protocol
from toolchain.board.link import Link
from toolchain.board.virtual.noise import Noise
from toolchain.errors import BoardError

FRAMES = 100_000
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CHUNKS = -(-INPUTS // protocol.CHUNK)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host_program(tmp_path_factory.mktemp("host"), "main.c", *SANITIZERS)


def talk(program: Path, line: bytes) -> list[bytes]:
    """The firmware's messages in answer to everything that is on the line."""
    done = subprocess.run([program], input=line, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return protocol.Unframer().feed(done.stdout)


def test_100_000_random_and_damaged_frames(program: Path) -> None:
    """No crash, no hang, and an answer to exactly those frames that the host's parser finds whole."""
    rng = random.Random(11)
    parts = []
    for _ in range(FRAMES):
        sequence = rng.randrange(256)
        message = rng.choice(
            [
                protocol.HELLO.pack(sequence, rng.randrange(4)),
                protocol.INFER.pack(sequence, rng.randrange(0x10000)),
                protocol.DATA.pack(sequence, rng.randrange(CHUNKS + 3), tail=rng.randbytes(rng.randrange(80))),
                rng.randbytes(rng.randrange(1, 300)),
            ]
        )
        line = protocol.frame(message)
        parts.append(line if rng.random() < 0.2 else mutate(line, rng) if rng.random() < 0.9 else rng.randbytes(50))
    stream = b"".join(parts)
    answered = [message[1] for message in talk(program, stream)]
    assert answered == [message[1] for message in as_the_chip_reads(stream) if is_question(message)]
    assert len(answered) > 5_000
    # Nothing wrong got in: what the chip took beyond the host's strict reading are escapes that were only doubled.
    strict = [message for message in protocol.Unframer().feed(stream) if is_question(message)]
    assert 0 <= len(answered) - len(strict) <= FRAMES // 1000


def as_the_chip_reads(stream: bytes) -> list[bytes]:
    """The whole frames on the line, where anything but ESC_END after any number of ESC is an ESC."""
    messages, message, escaped = [], bytearray(), False
    for byte in stream:
        if byte == protocol.END:
            if not escaped and len(message) > 2 and protocol.crc16(message) == 0:
                messages.append(bytes(message[:-2]))
            message, escaped = bytearray(), False
        elif byte == protocol.ESC:
            escaped = True
        else:
            message.append({True: protocol.END if byte == protocol.ESC_END else protocol.ESC, False: byte}[escaped])
            escaped = False
    return messages


def is_question(message: bytes) -> bool:
    return any(
        len(message) == kind.layout.size and message[0] == kind.type for kind in (protocol.HELLO, protocol.INFER)
    )


def test_pure_noise_is_answered_by_silence(program: Path) -> None:
    assert len(talk(program, random.Random(5).randbytes(1_000_000))) <= 2


def test_an_input_is_taken_in_any_order_and_only_whole(program: Path) -> None:
    rng = random.Random(7)
    data = rng.randbytes(INPUTS)
    chunks = [
        protocol.DATA.pack(5, chunk, tail=data[chunk * 64 : chunk * 64 + 64])
        for chunk in rng.sample(range(CHUNKS), CHUNKS)
    ]
    infer = protocol.INFER.pack(5, protocol.input_crc(data, MODEL))
    early, result, again = talk(program, b"".join(map(protocol.frame, [*chunks[1:], infer, chunks[0], infer, infer])))
    missing = protocol.MISSING.unpack(early)
    assert missing is not None
    first = chunks[0][2]
    assert missing[2] == (1 << first).to_bytes(2, "little")
    found = protocol.RESULT.unpack(result)
    assert found is not None
    assert (found[2], found[1]["class_"]) == reference(data)
    assert again == result, "asked again, it answers again and computes nothing"


def test_an_input_meant_for_another_model_is_not_computed(program: Path) -> None:
    data = bytes(INPUTS)
    chunks = [protocol.DATA.pack(5, chunk, tail=data[chunk * 64 : chunk * 64 + 64]) for chunk in range(CHUNKS)]
    infer = protocol.INFER.pack(5, protocol.input_crc(data, MODEL + 1))
    (answer,) = talk(program, b"".join(map(protocol.frame, [*chunks, infer])))
    assert protocol.MISSING.unpack(answer) == (5, {}, ((1 << CHUNKS) - 1).to_bytes(2, "little"))


def test_a_damaged_frame_that_wrote_over_the_answer_takes_it_back(program: Path) -> None:
    """The outputs lie in the memory that inputs are written to: after a write, whole or not, the answer is gone."""
    data = bytes(range(256)) * 3 + bytes(16)
    chunks = [protocol.DATA.pack(5, chunk, tail=data[chunk * 64 : chunk * 64 + 64]) for chunk in range(CHUNKS)]
    infer = protocol.frame(protocol.INFER.pack(5, protocol.input_crc(data, MODEL)))
    torn = protocol.frame(chunks[3])[:20] + bytes([protocol.END])
    result, missing = talk(program, b"".join(map(protocol.frame, chunks)) + infer + torn + infer)
    assert protocol.RESULT.unpack(result) is not None
    assert protocol.MISSING.unpack(missing) is not None


def test_a_line_that_is_nothing_but_noise_ends_with_a_message(program: Path) -> None:
    with ProcessLine(program, Noise(flip=0.5, seed=1)) as line, pytest.raises(BoardError, match=r"does not answer"):
        Link(line, EXPECTED, line.clock).hello()


def test_a_line_that_gets_bad_ends_with_a_message(program: Path) -> None:
    noise = Noise()
    with ProcessLine(program, noise) as line:
        link = Link(line, EXPECTED, line.clock)
        link.hello()
        noise.flip = 0.2
        with pytest.raises(BoardError, match=r"too noisy|stopped answering"):
            link.infer(bytes(range(256)) * 3 + bytes(16))


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"model": MODEL + 1}, "another model"),
        ({"image": b"\x00" * 100}, "another build"),
        ({"inputs": 100}, "takes 784 bytes"),
    ],
)
def test_another_firmware_is_refused(program: Path, expected: dict[str, object], message: str) -> None:
    from dataclasses import replace

    with ProcessLine(program) as line, pytest.raises(BoardError, match=message):
        Link(line, replace(EXPECTED, **expected), line.clock).hello()  # type: ignore[arg-type]


def test_another_version_of_the_link_is_refused(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "VERSION", protocol.VERSION + 1)
    with ProcessLine(program) as line, pytest.raises(BoardError, match=r"version"):
        Link(line, EXPECTED, line.clock).hello()
