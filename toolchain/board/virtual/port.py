"""A pseudo-terminal that stands for a USB serial bridge: it can be unplugged, and knows the baud rate that its user has
set.
"""

from __future__ import annotations

import os
import termios
import tty
from contextlib import suppress
from pathlib import Path

_RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}


class Port:
    """A pseudo-terminal, reached under ``link``, a symbolic link that stays the same from one plugging-in to the
    next.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = -1
        self._slave = -1
        self.plug()

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def fileno(self) -> int:
        return self._master

    def plug(self) -> None:
        """Makes the port appear."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()  # our own end of the slave keeps it alive between two users
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        temporary = self.link.with_name(self.link.name + ".new")
        temporary.symlink_to(os.ttyname(self._slave))
        temporary.replace(self.link)

    def unplug(self) -> None:
        """Makes it vanish: whoever has it open gets an error."""
        if self.plugged:
            self.link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def read(self) -> bytes:
        """What the user has written since the last call."""
        data = b""
        with suppress(BlockingIOError):
            data = os.read(self._master, 65536)
        self._forget_stop_bits()
        return data

    def _forget_stop_bits(self) -> None:
        """Lets the next user set parity again.

        A pseudo-terminal has no parity; the C library calls a setting that changes nothing because of that an error
        (EINVAL), but lets it pass if anything else changes. Programmers use two stop bits: taking them back leaves
        something to change.
        """
        settings = termios.tcgetattr(self._slave)
        if settings[2] & termios.CSTOPB:
            settings[2] &= ~termios.CSTOPB
            termios.tcsetattr(self._slave, termios.TCSANOW, settings)

    def write(self, data: bytes) -> None:
        """Sends to the user; what a user who does not read leaves no room for is lost, as in a USB bridge."""
        with suppress(BlockingIOError):
            os.write(self._master, data)

    @property
    def baud(self) -> int:
        """The rate that the user has set."""
        return _RATES.get(termios.tcgetattr(self._master)[5], 0)
