"""The link's definition: its C header, its CRC, and the host's parser."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.board.tiny_chip import ROOT
from toolchain.board import protocol

MUTATIONS = 100_000


def test_the_c_header_is_the_one_that_the_definition_makes() -> None:
    written = (ROOT / "firmware/app/link_protocol.h").read_text(encoding="utf-8")
    assert written == protocol.header(), "python -m toolchain.board.protocol > firmware/app/link_protocol.h"


def test_crc_is_mcrf4xx() -> None:
    assert protocol.crc16(b"123456789") == 0x6F91  # the check value in the catalogue of parametrised CRC algorithms


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_a_message_with_its_crc_has_crc_zero(message: bytes, start: int) -> None:
    assert protocol.crc16(message + protocol.crc16(message, start).to_bytes(2, "little"), start) == 0


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.data())
def test_messages_survive_framing_however_the_line_cuts_them(messages: list[bytes], data: st.DataObject) -> None:
    line = b"".join(map(protocol.frame, messages))
    unframer, found = protocol.Unframer(), []
    while line:
        cut = data.draw(st.integers(1, len(line)))
        found += unframer.feed(line[:cut])
        line = line[cut:]
    assert found == messages
    assert unframer.dropped == 0


@given(st.binary(max_size=2000))
def test_noise_before_a_frame_does_not_hide_it(noise: bytes) -> None:
    message = protocol.RESULT.pack(7, 3, 123456, tail=b"0123456789")
    found = protocol.Unframer().feed(noise + protocol.frame(message))
    assert found[-1] == message


def test_noise_without_an_end_does_not_fill_the_memory() -> None:
    unframer = protocol.Unframer(limit=100)
    for _ in range(1000):
        unframer.feed(b"x" * 1000)
    assert len(unframer._line) <= 201
    assert unframer.feed(protocol.frame(b"ok"))[-1:] != [b"x"]
    assert unframer.feed(protocol.frame(b"ok")) == [b"ok"]


@given(st.sampled_from(protocol.MESSAGES), st.data())
def test_fields_come_back(message: protocol.Message, data: st.DataObject) -> None:
    limits = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}
    values = [data.draw(st.integers(0, limits[field.code])) for field in message.fields]
    tail = data.draw(st.binary(max_size=20)) if message.tail else b""
    found = message.unpack(message.pack(9, *values, tail=tail))
    assert found == (9, dict(zip([field.name for field in message.fields], values, strict=True)), tail)
    for other in protocol.MESSAGES:
        assert other is message or other.unpack(message.pack(9, *values, tail=tail)) is None


def test_damaged_frames_are_refused_to_the_strength_of_the_crc() -> None:
    """Of 100,000 damaged frames at most those get through that 16 bits of CRC must let through: 1.5 on average."""
    rng = random.Random(4)
    wrong = 0
    unframer = protocol.Unframer()
    for _ in range(MUTATIONS):
        message = protocol.RESULT.pack(rng.randrange(256), 3, rng.randrange(1 << 32), tail=rng.randbytes(10))
        line = mutate(protocol.frame(message), rng)
        unframer.discard()
        wrong += any(found != message for found in unframer.feed(line))
    assert wrong <= 8


def mutate(line: bytes, rng: random.Random) -> bytes:
    """``line`` with one to four bytes dropped, doubled, changed or moved."""
    out = bytearray(line)
    for _ in range(rng.randint(1, 4)):
        if not out:
            break
        at = rng.randrange(len(out))
        kind = rng.randrange(5)
        if kind == 0:
            del out[at]
        elif kind == 1:
            out.insert(at, out[at])
        elif kind == 2:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            out[at] = rng.randrange(256)
        else:
            out.insert(rng.randrange(len(out)), out.pop(at))
    return bytes(out)
