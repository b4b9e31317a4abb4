"""A live view for demonstrations: pick a test sample or draw one, and see the chip's answer and its time.

    python -m toolchain monitor --image build/M/firmware.hex --mcu atmega4809 --clock 20000000
        --network build/M/quantized.npz --dataset build/datasets/D.npz
        [--port P] [--programmer NAME] [--updi P] [--baud N] [--settings .local.yaml] [--samples N]

Without a port it is the virtual board, which is flashed first. Without a terminal, N samples (default 10) are shown one
after another. Writes no file: in SCons an AlwaysBuild alias that needs the terminal.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from toolchain.board import answers, keyboard, picture, settings, subject
from toolchain.board.link import Answer, Link
from toolchain.report import status

BAR = 30
PEN = np.array([[40, 120, 40], [120, 255, 120], [40, 120, 40]])  # what a stroke adds around its middle
HELP = "arrows: next and previous sample   0-9: a sample of that class   r: random   d: draw   q: quit"
DRAWING = "arrows: move   space: pen up/down   c: clear   escape: back to the samples   q: quit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subject.add_arguments(parser)
    settings.add_arguments(parser)
    parser.add_argument("--samples", type=int, default=10, help="samples to show without a terminal (default 10)")


def run(args: argparse.Namespace) -> None:
    """Shows answers until q or Ctrl-C. Raises ``GoldcrestError``."""
    given = settings.settings(args)
    what = subject.load(args)
    console = Console(highlight=False)
    with subject.board(what, given) as at:
        port = subject.flash(what, at, status.update) if given.virtual else at.port
        with subject.conversation(what, port, at.baud) as link:
            if sys.stdin.isatty() and console.is_terminal:
                with keyboard.keys() as keys, Live(console=console, auto_refresh=False, screen=True) as live:
                    _converse(Scene(what), link, keys, live)
            else:
                for index in range(min(args.samples, len(what.samples))):
                    picture.draw(what.samples[index], console)
                    console.print(answers.sentence(what, index, _ask(what, link, what.samples[index])), soft_wrap=True)


class Scene:
    """What is on the screen: a test sample, or a drawing."""

    def __init__(self, what: subject.Subject) -> None:
        self.what = what
        self.index = 0
        self.drawing: np.ndarray | None = None
        self.pen = False
        self.row = self.column = 0
        self._random = np.random.default_rng()

    @property
    def sample(self) -> np.ndarray:
        """The raw sample to ask about, in the data set's shape and type."""
        like = self.what.samples[self.index]
        return like if self.drawing is None else self.drawing.reshape(like.shape).astype(like.dtype)

    @property
    def drawable(self) -> bool:
        """Whether samples are square grey images of bytes."""
        like = self.what.samples[0]
        return like.dtype == np.uint8 and like.ndim != 3 and picture.as_image(like) is not None

    def press(self, key: str) -> None:
        """What a key changes."""
        if self.drawing is None:
            self._choose(key)
        else:
            self._draw(key, self.drawing)

    def _choose(self, key: str) -> None:
        count = len(self.what.samples)
        if key in ("right", "down", "n", " "):
            self.index = (self.index + 1) % count
        elif key in ("left", "up", "p"):
            self.index = (self.index - 1) % count
        elif key == "r":
            self.index = int(self._random.integers(count))
        elif key.isdigit():
            found = np.flatnonzero(np.roll(self.what.labels.reshape(count, -1)[:, 0], -self.index - 1) == int(key))
            if len(found):
                self.index = (self.index + 1 + int(found[0])) % count
        elif key == "d" and self.drawable:
            side = math.isqrt(self.what.samples[0].size)
            self.drawing = np.zeros((side, side), np.uint8)
            self.row = self.column = side // 2

    def _draw(self, key: str, drawing: np.ndarray) -> None:
        side = len(drawing)
        down, right = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}.get(key, (0, 0))
        self.row = min(max(self.row + down, 1), side - 2)
        self.column = min(max(self.column + right, 1), side - 2)
        if key == " ":
            self.pen = not self.pen
        elif key == "c":
            drawing[:] = 0
        elif key == "escape":
            self.drawing, self.pen = None, False
            return
        if self.pen:
            patch = drawing[self.row - 1 : self.row + 2, self.column - 1 : self.column + 2]
            patch[:] = np.minimum(255, np.maximum(patch, PEN))

    def render(self, answer: Answer) -> RenderableType:
        """The picture, what the chip makes of it, and the keys."""
        return Group(*self._parts(answer))

    def _parts(self, answer: Answer) -> Iterator[RenderableType]:
        shown = self.sample
        if self.drawing is not None:
            shown = self.drawing.copy()
            shown[self.row, self.column] = 255 if self.pen else 128
        grey = picture.as_image(shown)
        yield picture.blocks(grey) if grey is not None else Text(" ".join(f"{v:g}" for v in shown.reshape(-1)[:16]))
        if self.drawing is None:
            yield Text(answers.sentence(self.what, self.index, answer))
        else:
            yield Text(f"the chip says {self.what.show(answer.class_)} {answers.duration(self.what, answer)}")
        yield Text()
        if self.what.graph.decision == "argmax":
            scores = np.frombuffer(answer.outputs, self.what.graph.output.dtype).astype(int)
            span = max(1, int(scores.max() - scores.min()))
            for index, score in enumerate(scores):
                bar = "█" * round(BAR * (int(score) - int(scores.min())) / span)
                yield Text(f"{self.what.show(index):>8} {bar}", style="bold" if index == answer.class_ else "dim")
            yield Text()
        yield Text(DRAWING if self.drawing is not None else HELP, style="dim")


def _converse(scene: Scene, link: Link, keys: keyboard.Keyboard, live: Live) -> None:
    while True:
        live.update(scene.render(_ask(scene.what, link, scene.sample)), refresh=True)
        key = keys.press()
        if key is None or key == "q":
            return
        scene.press(key)


def _ask(what: subject.Subject, link: Link, sample: np.ndarray) -> Answer:
    return link.infer(what.codes(sample[None])[0].tobytes())
