"""The host's side of the serial link: inferences on a chip over a line that may lose, double and change bytes.

Every answer that is accepted is the chip's answer to exactly the bytes that were given; where the line is too bad for
that, a ``BoardError`` says so. ``toolchain.board.protocol`` tells what goes over the line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from toolchain.board import protocol
from toolchain.errors import BoardError

HELLO_TRIES = 5
HELLO_WAIT = 0.25  # s for the first HELLO; doubled with every one that is not answered
SILENCES = 12  # INFER frames in a row that may stay without an answer
FIRST_WAIT, LEAST_WAIT, LONGEST_WAIT = 0.5, 0.1, 2.0  # s
ROUNDS_WITHOUT_GAIN = 40  # a line on which this many rounds bring no chunk across is no line


class Line(Protocol):
    """A serial line (``toolchain.board.serial_line``): ``read`` waits at most so many seconds and returns what there
    is.
    """

    @property
    def baudrate(self) -> int: ...

    def read(self, seconds: float) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def reopen(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Expected:
    """The firmware that the host believes to be on the chip. ``image`` is its program memory up to its last byte."""

    model: int
    inputs: int
    outputs: int
    image: bytes


@dataclass(frozen=True)
class Welcome:
    """Who the chip says it is."""

    version: int
    model: int
    image: int
    inputs: int
    outputs: int
    classes: int
    clock: int


@dataclass(frozen=True)
class Answer:
    """One inference: output bytes, class, clock cycles (the chip's own timer), and wall-clock seconds with the
    transfer.
    """

    outputs: bytes
    class_: int
    cycles: int
    seconds: float


class Link:
    """A conversation with a chip. ``retries`` counts requests that had to be repeated, ``dropped`` frames that arrived
    damaged.
    """

    def __init__(self, line: Line, expected: Expected, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._line = line
        self._expected = expected
        self._unframer = protocol.Unframer()
        self._sequence = int(self._clock() * 1000) & 0xFF
        self._usual = FIRST_WAIT / 4
        self._in_pieces = False
        self.retries = 0

    @property
    def dropped(self) -> int:
        return self._unframer.dropped

    def reconnect(self, seconds: float) -> None:
        """Waits at most so long for the board to be plugged in again, and asks whether it is the same one."""
        self._line.reopen(seconds)
        self._unframer.discard()
        self.hello()

    def hello(self) -> Welcome:
        """Asks the chip who it is and refuses it if it is not the one expected."""
        length = min(len(self._expected.image), 0xFFFF)
        wait = HELLO_WAIT
        for attempt in range(HELLO_TRIES):
            self._next()
            self.retries += attempt > 0
            self._send(protocol.HELLO.pack(self._sequence, length))
            fields, _ = self._receive(wait, protocol.WELCOME) or (None, None)
            if fields is not None:
                welcome = Welcome(**fields)
                self._check(welcome, length)
                return welcome
            wait *= 2
        damaged = f" ({self.dropped} damaged frames came)" if self.dropped else ""
        raise BoardError(
            f"the chip does not answer on the serial line{damaged}; is this the right port (port=…), is the firmware "
            "flashed "
            "(flash), and does its baud rate go with the port's (baud=…)?"
        )

    def _check(self, welcome: Welcome, length: int) -> None:
        expected = self._expected
        self._in_pieces = bool(welcome.version & protocol.IN_PIECES)
        if welcome.version & ~protocol.IN_PIECES != protocol.VERSION:
            raise BoardError(
                f"the chip speaks version {welcome.version} of the link, this program version {protocol.VERSION}; "
                "flash it again"
            )
        if welcome.model != expected.model:
            raise BoardError(
                f"the chip runs another model (hash {welcome.model:08x}, this one is {expected.model:08x}); flash "
                "this model first"
            )
        if (welcome.inputs, welcome.outputs) != (expected.inputs, expected.outputs):
            raise BoardError(
                f"the chip's network takes {welcome.inputs} bytes and answers {welcome.outputs}, "
                f"this one {expected.inputs} and {expected.outputs}; flash this model first"
            )
        if welcome.image != protocol.crc16(expected.image[:length]):
            raise BoardError("the chip runs another build of this model (its program memory differs); flash it again")

    def infer(self, data: bytes) -> Answer:
        """One inference of ``data``, the input's bytes. Raises ``BoardError`` if no certain answer can be had."""
        if len(data) != self._expected.inputs:
            raise ValueError(f"{len(data)} bytes of input, the network takes {self._expected.inputs}")
        began = self._clock()
        chunks = [data[at : at + protocol.CHUNK] for at in range(0, len(data), protocol.CHUNK)]
        question = protocol.input_crc(data, self._expected.model)
        self._next()
        missing = list(range(len(chunks)))
        fewest, stalls, silences = len(chunks) + 1, 0, 0
        while True:
            going = missing[:1] if self._in_pieces else missing
            messages = [protocol.DATA.pack(self._sequence, chunk, tail=chunks[chunk]) for chunk in going]
            sent = self._clock()
            self._send(*messages, protocol.INFER.pack(self._sequence, question))
            wait = min(LONGEST_WAIT, max(LEAST_WAIT, 4 * self._usual) * 2**silences)
            reply = self._receive(wait, protocol.RESULT, protocol.MISSING, line_bytes=sum(map(len, messages)))
            if reply is None:
                silences += 1
                missing = []  # ask first: perhaps everything has arrived and only the answer got lost
                if silences > SILENCES:
                    raise BoardError(
                        f"the chip stopped answering ({SILENCES} requests in a row); is it still powered and connected?"
                    )
                self.retries += 1
                continue
            silences = 0
            fields, tail = reply
            if "cycles" in fields:
                if len(tail) != self._expected.outputs:
                    raise BoardError(
                        f"the chip answered {len(tail)} outputs, {self._expected.outputs} were expected; flash it again"
                    )
                self._usual += (self._clock() - sent - self._usual) / 8
                return Answer(tail, fields["class_"], fields["cycles"], self._clock() - began)
            missing = [
                chunk for chunk in range(len(chunks)) if chunk // 8 < len(tail) and tail[chunk // 8] >> chunk % 8 & 1
            ]
            gained = len(missing) < fewest
            self.retries += not (self._in_pieces and gained)  # else it is the answer that was asked for
            stalls = 0 if gained else stalls + 1
            fewest = min(fewest, len(missing))
            if stalls > ROUNDS_WITHOUT_GAIN:
                self.hello()  # another model on the chip looks like this too, and is refused here
                raise BoardError(
                    "the serial line is too noisy: the input does not get through; check the cable or lower the baud "
                    "rate"
                )

    def _next(self) -> None:
        self._sequence = (self._sequence + 1) & 0xFF

    def _send(self, *messages: bytes) -> None:
        self._line.write(b"".join(map(protocol.frame, messages)))

    def _receive(
        self, seconds: float, *kinds: protocol.Message, line_bytes: int = 0
    ) -> tuple[dict[str, int], bytes] | None:
        """The next message of one of ``kinds`` with our sequence number, or ``None`` after ``seconds`` without one.

        ``line_bytes`` that were just written take their time on the line first.
        """
        until = self._clock() + seconds + 10 * line_bytes / self._line.baudrate
        while (left := until - self._clock()) > 0:
            for message in self._unframer.feed(self._line.read(left)):
                for kind in kinds:
                    found = kind.unpack(message)
                    if found is not None and found[0] == self._sequence:
                        return found[1], found[2]
        return None
