"""The serial link between host and chip: its one definition, from which the C header and the host's codecs both come.

A frame is header, payload and CRC-16 in SLIP (RFC 1055): a byte END closes it, and a byte END before it shuts out noise
on an idle line. SLIP and not COBS because the chip then sends and receives byte by byte, without looking ahead and
without a buffer. The CRC is CRC-16/MCRF4XX (polynomial 0x8408 reflected, start 0xFFFF, no final xor, low byte first),
so a frame with its CRC has CRC 0. The header of every request is ``type, sequence, argument``.

One inference is: the input in chunks (DATA, no answer), then INFER with the CRC of the whole input. The chip answers
RESULT, or MISSING with the chunks that did not arrive whole, which the host sends again. A RESULT that got lost is
answered again from memory, so nothing is computed twice. The CRC of the whole input starts from the model's hash: a
chip that was given another model between two frames cannot answer. Run ``python -m toolchain.board.protocol >
firmware/app/link_protocol.h`` after an edit; a test compares.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

VERSION = 1
IN_PIECES = 0x80  # added to the version by a chip that takes one chunk with each INFER, in their order
BAUD = 500_000  # exact at 16 and 20 MHz, and the most that the debuggers on the evaluation boards bridge
CHUNK = 64  # input bytes in a DATA frame: at one byte in a hundred lost, half of them still arrive
CRC_START = 0xFFFF
END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD


@dataclass(frozen=True)
class Field:
    """One field of a message: its name, its ``struct`` code (little-endian) and what it means."""

    name: str
    code: str
    meaning: str


@dataclass(frozen=True)
class Message:
    """One kind of frame: the fields that follow type and sequence, and whether bytes of free length follow them."""

    name: str
    type: int
    fields: tuple[Field, ...]
    tail: str = ""

    @property
    def layout(self) -> struct.Struct:
        return struct.Struct("<BB" + "".join(field.code for field in self.fields))

    def pack(self, sequence: int, *values: int, tail: bytes = b"") -> bytes:
        """The message's bytes, without CRC and framing."""
        return self.layout.pack(self.type, sequence, *values) + tail

    def unpack(self, data: bytes) -> tuple[int, dict[str, int], bytes] | None:
        """``(sequence, fields, tail)`` of ``data``, or ``None`` if this is no such message."""
        size = self.layout.size
        if len(data) < size or data[0] != self.type or (len(data) > size and not self.tail):
            return None
        _, sequence, *values = self.layout.unpack_from(data)
        return sequence, {field.name: value for field, value in zip(self.fields, values, strict=True)}, data[size:]


HELLO = Message("HELLO", 0x01, (Field("length", "H", "bytes of program memory to take the image's CRC of"),))
DATA = Message("DATA", 0x02, (Field("chunk", "H", "index of the chunk"),), tail="the chunk's bytes")
INFER = Message("INFER", 0x03, (Field("crc", "H", "CRC of the whole input, started from the model's hash"),))
WELCOME = Message(
    "WELCOME",
    0x81,
    (
        Field("version", "B", "of this protocol, and GC_LINK_IN_PIECES if it takes them so"),
        Field("model", "I", "GC_MODEL_HASH"),
        Field("inputs", "H", "GC_INPUT_BYTES"),
        Field("outputs", "H", "GC_OUTPUT_BYTES"),
        Field("classes", "B", "GC_CLASSES, at most 255"),
        Field("clock", "I", "clock in Hz"),
        Field("image", "H", "CRC of the program memory asked for: which build this is"),
    ),
)
MISSING = Message("MISSING", 0x83, (), tail="a bit a chunk, the first chunk lowest; 1 is missing")
RESULT = Message(
    "RESULT",
    0x84,
    (
        Field("class_", "B", "what gc_infer() returned"),
        Field("cycles", "I", "clock cycles of gc_infer(), call to return"),
    ),
    tail="GC_OUTPUT_BYTES outputs",
)
MESSAGES = (HELLO, DATA, INFER, WELCOME, MISSING, RESULT)
REQUEST_HEADER = DATA.layout.size


def crc16(data: bytes | bytearray, start: int = CRC_START) -> int:
    """CRC-16/MCRF4XX of ``data``, continued from ``start``."""
    crc = start
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def input_crc(data: bytes, model: int) -> int:
    """The INFER request's CRC of a whole input: started from the two halves of the model's 32-bit hash."""
    return crc16(data, (model ^ model >> 16) & 0xFFFF)


def frame(message: bytes) -> bytes:
    """``message`` with its CRC, framed for the line."""
    body = message + crc16(message).to_bytes(2, "little")
    return bytes([END]) + body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + bytes([END])


class Unframer:
    """Turns bytes off the line into messages; whatever has a wrong CRC, a wrong escape or is too long is dropped.

    ``limit`` is the longest message, CRC included, in bytes: noise without an END must not fill the memory.
    ``dropped`` counts the frames that were thrown away.
    """

    def __init__(self, limit: int = 1 << 17) -> None:
        self._limit = limit
        self._line = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that end within ``data``, in their order, without CRC."""
        messages = []
        *ended, rest = (bytes(self._line) + data).split(bytes([END]))
        self._line = bytearray(rest[: 2 * self._limit + 1])
        for line in filter(None, ended):
            message = self._open(line)
            if message is None:
                self.dropped += 1
            else:
                messages.append(message)
        return messages

    def discard(self) -> None:
        """Forgets the frame that has begun."""
        self._line.clear()

    def _open(self, line: bytes) -> bytes | None:
        first, *parts = line.split(bytes([ESC]))
        message = bytearray(first)
        for part in parts:
            if not part or part[0] not in _ESCAPED:
                return None
            message.append(_ESCAPED[part[0]])
            message += part[1:]
        if not 2 < len(message) <= self._limit or crc16(message) != 0:
            return None
        return bytes(message[:-2])


_ESCAPED = {ESC_END: END, ESC_ESC: ESC}


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def header() -> str:
    """The C header of the firmware's side."""
    lines = [
        "/* Generated by toolchain/board/protocol.py, which says what the messages mean. Do not edit. */",
        "#ifndef GC_LINK_PROTOCOL_H",
        "#define GC_LINK_PROTOCOL_H",
        "",
        f"#define GC_LINK_VERSION {VERSION}u",
        f"#define GC_LINK_IN_PIECES {IN_PIECES:#04x}u /* added to the version */",
        f"#define GC_LINK_BAUD {BAUD}UL",
        f"#define GC_LINK_CHUNK {CHUNK}u",
        f"#define GC_LINK_CRC_START 0x{CRC_START:04x}u",
        f"#define GC_LINK_HEADER {REQUEST_HEADER}u",
        *(f"#define GC_LINK_{name} 0x{globals()[name]:02x}u" for name in ("END", "ESC", "ESC_END", "ESC_ESC")),
        "",
    ]
    for message in MESSAGES:
        lines.append(f"#define GC_LINK_{message.name} 0x{message.type:02x}u")
        offset = 2
        for field in message.fields:
            lines.append(
                f"#define GC_LINK_{message.name}_{field.name.strip('_').upper()} {offset}u /* {field.meaning} */"
            )
            offset += struct.calcsize("<" + field.code)
        lines.append(
            f"#define GC_LINK_{message.name}_SIZE {offset}u" + (f" /* then {message.tail} */" if message.tail else "")
        )
    return "\n".join([*lines, "", "#endif", ""])


if __name__ == "__main__":
    print(header(), end="")
