"""What a verb works with: the image, the chip it is for, the integer network and the data set, from the build's
files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from toolchain.board import chips, image
from toolchain.board.link import Expected, Link
from toolchain.board.programmers import Job, Progress, default, find, program
from toolchain.board.serial_line import SerialLine
from toolchain.board.settings import Settings
from toolchain.board.virtual_board import VirtualBoard
from toolchain.errors import BoardError, DataError
from toolchain.ir import store
from toolchain.ir.graph import Graph
from toolchain.memory.chip import facts

SIMULATED_PATIENCE = 10.0  # s: a simulator on a busy machine is slow, not broken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files that SCons hands to every verb of the board."""
    parser.add_argument("--image", type=Path, required=True, help="firmware.hex")
    parser.add_argument("--mcu", required=True, help="the manifest's chip")
    parser.add_argument("--clock", type=int, required=True, help="its clock in Hz")
    parser.add_argument("--network", type=Path, required=True, help="quantized.npz: the integer reference")
    parser.add_argument("--dataset", type=Path, required=True, help="dataset.npz: the test samples")


@dataclass(frozen=True)
class Subject:
    """One model's image with its reference and its test samples."""

    path: Path  # of the image
    image: bytes
    chip: chips.Chip
    clock: int  # Hz
    graph: Graph
    dataset: Path

    @cached_property
    def samples(self) -> np.ndarray:
        """The test samples in raw units, (n, *shape)."""
        return self._array("x_test")

    @cached_property
    def labels(self) -> np.ndarray:
        """The test labels, int32 (n,), or float targets."""
        return self._array("y_test")

    @cached_property
    def names(self) -> list[str] | None:
        """The classes' names, if the data set gives them."""
        with np.load(self.dataset) as archive:
            return [str(name) for name in archive["names"]] if "names" in archive.files else None

    def _array(self, name: str) -> np.ndarray:
        try:
            with np.load(self.dataset) as archive:
                return np.asarray(archive[name])
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"{self.dataset}: no {name} can be read ({error}); build the data set again") from error

    def codes(self, raw: np.ndarray) -> np.ndarray:
        """What the chip is sent for raw samples: uint8 (n, input bytes)."""
        encoded = self.graph.encode(raw)
        return encoded.reshape(len(encoded), -1).view(np.uint8)

    def reference(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The integer reference's output bytes, uint8 (n, output bytes), and classes (n,)."""
        outputs = self.graph.run(self.graph.encode(raw))
        return outputs.reshape(len(outputs), -1).astype(self.graph.output.dtype).view(np.uint8), self.graph.classify(
            outputs
        )

    @property
    def expected(self) -> Expected:
        return Expected(store.fingerprint(self.graph), self.graph.input.size, self.graph.output.size, self.image)

    def show(self, index: int) -> str:
        """What a label is called."""
        names = self.names
        return names[index] if names and 0 <= index < len(names) else str(index)


def load(args: argparse.Namespace) -> Subject:
    """Reads the files. Raises ``GoldcrestError`` for one that is missing or wrong."""
    content = image.read(args.image)
    graph = store.load(args.network)
    return Subject(args.image, content, chips.chip(args.mcu), args.clock, graph, args.dataset)


@contextmanager
def board(subject: Subject, settings: Settings) -> Iterator[Settings]:
    """The board that ``settings`` name, or a private virtual one for as long as the block lasts; yields settings with
    its ports.
    """
    if not settings.virtual:
        yield settings
        return
    chip = subject.chip
    preloaded = subject.image if chip.programming != "updi" else b""  # only UPDI is modelled
    with VirtualBoard(chip.mcu, facts(chip.mcu).flash_size, image=preloaded, clock=subject.clock) as virtual:
        yield replace(settings, port=virtual.serial, updi=virtual.updi, simulated=True)


def flash(
    subject: Subject, settings: Settings, progress: Progress, unlock: bool = False, own: bool = False
) -> str | None:
    """Programs the image into the board of ``settings`` (see ``board``); returns the port on which the chip can then be
    talked to.

    A serial programmer without a port of its own (``updi``) takes ``port``, and then there is no line to talk on:
    ``None``. Raises ``BoardError``.
    """
    chip = subject.chip
    if settings.simulated and chip.programming != "updi":
        return settings.port  # only UPDI is modelled: the virtual board of another chip has its image already
    name = settings.programmer or default(chip, settings.port)
    programmer = find(name)
    port = (settings.updi or settings.port) if programmer.uses_port else None
    job = Job(chip, subject.clock, subject.image, subject.path, port, settings.serial_number, unlock, own)
    patience = SIMULATED_PATIENCE if settings.simulated else job.patience
    program(name, replace(job, patience=patience, progress=progress))
    return None if port is not None and port == settings.port else settings.port


@contextmanager
def conversation(subject: Subject, port: str | None, baud: int) -> Iterator[Link]:
    """A link to the chip after it has said that it is the right one. Raises ``BoardError``."""
    if port is None:
        raise BoardError("the chip's serial line is needed: port=/dev/tty… (or a line 'port: …' in .local.yaml)")
    with SerialLine(port, baud) as line:
        link = Link(line, subject.expected)
        link.hello()
        yield link
