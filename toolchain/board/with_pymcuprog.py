"""Programming through pymcuprog: serial UPDI adapters and the debuggers on evaluation boards."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pymcuprog.backend import Backend, SessionConfig
from pymcuprog.pymcuprog_errors import (
    PymcuprogDeviceLockedError,
    PymcuprogError,
    PymcuprogToolConnectionError,
)
from pymcuprog.toolconnection import ToolSerialConnection, ToolUsbHidConnection

from toolchain.board import serial_line
from toolchain.board.programmers import Job, check_fuse, check_signature, locked, verification_failed
from toolchain.errors import BoardError

BLOCK = 1024  # bytes between two signs of progress, a multiple of every page size


def program(hardware: str, job: Job) -> None:
    """Checks, erases, writes and verifies. ``hardware`` is pymcuprog's tool name. Raises ``BoardError``."""
    for name in ("pymcuprog", "pyedbglib"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what goes wrong is told once, by us
    if hardware == "uart":
        assert job.port is not None
        serial_line.SerialLine(job.port, 115_200).close()  # tells better than pymcuprog why a port cannot be opened
        connection = ToolSerialConnection(serialport=job.port, timeout=job.patience)
    else:
        connection = ToolUsbHidConnection(serialnumber=job.serial_number, tool_name=hardware)
    if job.unlock:
        with _errors(hardware, job), _session(connection, job, unlock=True):
            pass  # opening it has erased the chip if it was locked; programming takes another session
    with _errors(hardware, job), _session(connection, job) as backend:
        _identify(backend, job)
        for fuse in job.fuses:
            check_fuse(fuse, _read(backend, "fuses", fuse.offset, 1)[0], job.chip, job.clock)
        job.progress("erasing", 0.0)
        backend.erase()
        for at in range(0, len(job.image), BLOCK):
            job.progress("writing", at / len(job.image))
            backend.write_memory(bytearray(job.image[at : at + BLOCK]), "flash", at)
        for at in range(0, len(job.image), BLOCK):
            job.progress("verifying", at / len(job.image))
            wrote = job.image[at : at + BLOCK]
            for index, (want, have) in enumerate(zip(wrote, _read(backend, "flash", at, len(wrote)), strict=True)):
                if want != have:
                    raise verification_failed(at + index, want, have)


@contextmanager
def _session(
    connection: ToolSerialConnection | ToolUsbHidConnection, job: Job, unlock: bool = False
) -> Iterator[Backend]:
    backend = Backend()
    backend.connect_to_tool(connection)
    try:
        config = SessionConfig(job.chip.mcu)
        config.special_options = {"chip-erase-locked-device": unlock}
        backend.start_session(config)
        yield backend
    finally:
        with suppress(Exception):  # the session may be beyond saving; the error under way is the one to tell
            backend.end_session()
        with suppress(Exception):
            backend.disconnect_from_tool()


def _identify(backend: Backend, job: Job) -> None:
    try:
        low, middle, high = backend.read_device_id()[:3]
        found = (high, middle, low)
    except PymcuprogError as error:  # its own comparison comes first, and tells what it read
        match = re.search(r"read out '([0-9A-F]+)'", str(error))
        if not match:
            raise
        value = int(match[1], 16)
        found = (value >> 16, value >> 8 & 0xFF, value & 0xFF)
    check_signature(found, job.chip)


def _read(backend: Backend, memory: str, offset: int, size: int) -> bytes:
    return bytes(backend.read_memory(memory, offset, size)[0].data)


@contextmanager
def _errors(hardware: str, job: Job) -> Iterator[None]:
    """Turns what pymcuprog and the port raise into one message that says what to do."""
    try:
        yield
    except BoardError:
        raise
    except PymcuprogDeviceLockedError as error:
        raise locked(job.chip) from error
    except PymcuprogToolConnectionError as error:
        raise BoardError(
            f"no {hardware} debugger found on USB ({error}); is the board plugged in, and may you open it "
            "(docs/boards.md, udev)?"
        ) from error
    except (
        PymcuprogError,
        OSError,
        ValueError,
        IndexError,
        TypeError,
    ) as error:  # pymcuprog meets a dead line in all these ways
        if hardware == "uart" and job.port is not None:
            with suppress(serial_line.PortLost):
                serial_line.SerialLine(job.port, 115_200).close()
                raise BoardError(
                    f"the chip does not answer on {job.port} as UPDI does ({error}); "
                    "check the wiring (docs/boards.md) and the chip's power, then flash again"
                ) from error
            raise serial_line.PortLost(
                f"{job.port} vanished while the chip was being programmed; plug the board in again and flash again: "
                "the chip now holds part of an image"
            ) from error
        raise BoardError(f"the {hardware} debugger failed: {error}; plug it in again and flash again") from error
