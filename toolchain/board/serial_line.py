"""A serial port as a line of bytes, with errors that say what to do."""

from __future__ import annotations

import errno
import os
import termios
import time
from types import TracebackType

import serial
from serial.tools import list_ports

from toolchain.errors import BoardError

WRITE_SECONDS = 10.0


class PortLost(BoardError):
    """The port is not there, or no longer."""


class SerialLine:
    """An open port. Use it as a context manager. Raises ``PortLost`` when it vanishes, ``BoardError`` when it cannot be
    opened.
    """

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self._open(baud)

    def _open(self, baud: int) -> None:
        try:
            self._serial = serial.Serial(self.port, baud, write_timeout=WRITE_SECONDS, exclusive=True)
        except (OSError, ValueError) as error:  # pyserial's own exception is an OSError
            raise explain(self.port, error) from error
        try:
            self._serial.reset_input_buffer()
        except (OSError, termios.error) as error:  # the system's own is not
            self.close()
            raise self._lost() from error

    @property
    def baudrate(self) -> int:
        return int(self._serial.baudrate)

    def read(self, seconds: float) -> bytes:
        """What has come, at least a byte if any comes within ``seconds``."""
        try:
            self._serial.timeout = seconds
            return bytes(self._serial.read(max(1, self._serial.in_waiting)))
        except (OSError, TypeError) as error:  # TypeError: pyserial, when another thread or a hang-up has closed it
            raise self._lost() from error

    def write(self, data: bytes) -> None:
        """Sends everything."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLost(
                f"{self.port} has taken no bytes for {WRITE_SECONDS:g} s; pull the cable and plug it in again"
            ) from error
        except (OSError, TypeError) as error:
            raise self._lost() from error

    def reopen(self, seconds: float) -> None:
        """Waits for a port that vanished to come back. Raises ``PortLost`` if it does not within ``seconds``.

        The old one is closed first: as long as it is open Linux keeps its name, and the board comes back with another.
        """
        self.close()
        until = time.monotonic() + seconds
        while True:
            try:
                return self._open(self.baudrate)
            except BoardError as error:
                if time.monotonic() > until:
                    raise PortLost(
                        f"{self.port} vanished and did not come back within {seconds:.0f} s; plug the board in again"
                    ) from error
            time.sleep(0.1)

    def _lost(self) -> PortLost:
        return PortLost(f"{self.port} vanished while it was in use; is the cable still plugged in?")

    def close(self) -> None:
        try:
            self._serial.close()
        except OSError:
            return  # it is gone already

    def __enter__(self) -> SerialLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ports() -> list[str]:
    """The serial ports of this machine that a board could be behind, USB first."""
    found = list_ports.comports()
    return [port.device for port in sorted(found, key=lambda port: (port.vid is None, port.device))]


def explain(port: str, error: Exception) -> BoardError:
    """Why ``port`` cannot be opened, and what helps."""
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.EACCES or "Permission denied" in text:
        return BoardError(
            f"no permission to open {port}; add yourself to the port's group (sudo usermod -aG dialout $USER, then "
            "log in again)"
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "lock" in text or "busy" in text:
        return BoardError(f"{port} is in use by another program; close it (a terminal, a monitor, another evaluation)")
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO) or not os.path.exists(port):  # noqa: PTH110  a device, not a file
        return PortLost(f"there is no port {port}; {describe_ports()}")
    return BoardError(f"cannot open {port} as a serial port: {text}")


def describe_ports() -> str:
    """The ports that there are, or how to come by one."""
    found = ports()
    if found:
        return "ports on this machine: " + ", ".join(found)
    return "this machine shows no serial port; is the board plugged in, with a data cable (docs/boards.md)?"
