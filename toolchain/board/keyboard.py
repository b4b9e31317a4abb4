"""Single key presses from a terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

ESCAPE_SECONDS = 0.05  # the rest of an arrow key's sequence comes at once
ARROWS = {
    b"[A": "up",
    b"[B": "down",
    b"[C": "right",
    b"[D": "left",
    b"OA": "up",
    b"OB": "down",
    b"OC": "right",
    b"OD": "left",
}


@contextmanager
def keys() -> Iterator[Keyboard]:
    """The keyboard without line editing and echo for as long as the block lasts; Ctrl-C still interrupts."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield Keyboard(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Keyboard:
    """Key presses as text: the character, or ``up``, ``down``, ``left``, ``right``, ``escape``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def press(self) -> str | None:
        """Waits for a key; ``None`` when the terminal is closed."""
        byte = os.read(self._descriptor, 1)
        if not byte:
            return None
        if byte != b"\x1b":
            return byte.decode(errors="ignore")
        if not self._more():
            return "escape"
        return ARROWS.get(os.read(self._descriptor, 2), "escape")

    def _more(self) -> bool:
        return bool(select.select([self._descriptor], [], [], ESCAPE_SECONDS)[0])
