"""A serial port that fails in ways that are not an unplugged cable's."""

from __future__ import annotations

import os
import termios
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from toolchain.board import serial_line
from toolchain.board.serial_line import PortLost, SerialLine


@pytest.fixture
def port() -> str:
    """A pseudo-terminal whose other end nobody reads."""
    _master, slave = os.openpty()
    return os.ttyname(slave)


def test_a_port_that_goes_while_it_is_opened_is_left_closed(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_self: serial.Serial) -> None:
        raise termios.error(5, "Input/output error")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patched:
        patched.setattr(serial.Serial, "reset_input_buffer", gone)
        with pytest.raises(PortLost, match="vanished"):
            SerialLine(port, 500_000)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    SerialLine(port, 500_000).close()


def test_a_port_that_takes_no_bytes_has_not_vanished(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_line, "WRITE_SECONDS", 0.5)
    with (
        SerialLine(port, 500_000) as line,
        pytest.raises(PortLost, match=r"has taken no bytes for 0\.5 s; pull the cable"),
    ):
        line.write(bytes(1 << 20))


def test_a_lost_port_is_closed_before_it_is_waited_for(tmp_path: Path) -> None:
    """As long as it is open Linux gives its name to no other: the board would come back as another port."""
    link = tmp_path / "port"
    master, slave = os.openpty()
    name = os.ttyname(slave)
    link.symlink_to(name)
    with SerialLine(str(link), 500_000) as line:
        os.close(slave)
        os.close(master)
        with pytest.raises(PortLost):
            line.read(0.1)
        link.unlink()
        with pytest.raises(PortLost, match="did not come back within 0 s"):
            line.reopen(0)
        assert opened(name) == 0
        _master, slave = os.openpty()
        link.symlink_to(os.ttyname(slave))
        line.reopen(1)
        line.write(b"back")
    assert opened(os.ttyname(slave)) == 1, "the test's own"


def opened(name: str) -> int:
    """How often this process has a file open, or had before it was deleted."""
    found = []
    for place in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(str(place.readlink()).removesuffix(" (deleted)"))
    return found.count(name)
