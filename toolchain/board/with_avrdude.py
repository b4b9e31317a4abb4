"""Programming through avrdude: everything that pymcuprog does not do, and serial UPDI as well."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from toolchain.board import serial_line
from toolchain.board.programmers import Job, Locked, check_fuse, check_signature, locked, verification_failed
from toolchain.errors import BoardError, ToolError

MARKS = 50  # avrdude's progress bar
MISMATCHES = (  # as avrdude 7 and 6 tell them
    r"device 0x(?P<read>\w+) != input 0x(?P<wrote>\w+) at addr 0x(?P<address>\w+)",
    r"mismatch at byte 0x(?P<address>\w+)\s+0x(?P<read>\w+) != 0x(?P<wrote>\w+)",
)
WATCH_SECONDS = 0.5
SILENT_SECONDS = 60.0
PHASES = {"Writing": "writing", "Reading": "verifying"}


def program(hardware: str, job: Job) -> None:
    """Checks, erases, writes and verifies. ``hardware`` is avrdude's programmer id. Raises ``BoardError`` or
    ``ToolError``.
    """
    tool = shutil.which("avrdude")
    if tool is None:
        raise ToolError("avrdude is not installed; sudo apt-get install avrdude (or use programmer=serialupdi)")
    if job.port is not None and job.port.startswith("/"):
        serial_line.SerialLine(job.port, 115_200).close()  # tells better than avrdude why a port cannot be opened
    command = [tool, "-c", hardware, "-p", job.chip.mcu]
    if job.port is not None:
        command += ["-P", job.port]
    with tempfile.TemporaryDirectory() as folder:
        values = [(fuse, Path(folder) / fuse.name) for fuse in job.fuses]
        reads = [f"-Ufuse{fuse.offset}:r:{path}:r" for fuse, path in values]
        try:
            _run([*command, *reads], job)  # reads the signature too, and stops if it is wrong
        except Locked:
            if not job.unlock:
                raise
            _run([*command, "-e", *reads], job)
        for fuse, path in values:
            check_fuse(fuse, path.read_bytes()[0], job.chip, job.clock)
    job.progress("erasing", 0.0)
    _run([*command, f"-Uflash:w:{job.path}:i"], job)


def _run(command: list[str], job: Job) -> None:
    """Runs avrdude, passing its progress on. Raises what its words mean if it fails.

    It tries for ever on a port that has vanished, and is stopped then.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stderr is not None
        words = bytearray()
        phase, marks, heard = "", 0, time.monotonic()
        while True:
            if not select.select([process.stderr], [], [], WATCH_SECONDS)[0]:
                if _gone(job) or time.monotonic() - heard > SILENT_SECONDS:
                    process.kill()
                    break
                continue
            byte = process.stderr.read(1)
            if not byte:
                break
            heard = time.monotonic()
            words += byte
            if byte == b"|" and (match := re.search(rb"(\w+) \|$", words)):
                phase, marks = PHASES.get(match[1].decode(), ""), 0
            elif byte == b"#" and phase:
                marks += 1
                job.progress(phase, marks / MARKS)
        status = process.wait()
    if status != 0:
        raise _meaning(words.decode(errors="replace"), job)


def _gone(job: Job) -> bool:
    return job.port is not None and job.port.startswith("/") and not Path(job.port).exists()


def _meaning(words: str, job: Job) -> BoardError:
    if match := re.search(r"device signature = 0x([0-9a-fA-F]{6})", words):
        value = int(match[1], 16)
        check_signature((value >> 16, value >> 8 & 0xFF, value & 0xFF), job.chip)
    for pattern in MISMATCHES:
        if match := re.search(pattern, words):
            return verification_failed(*(int(match[name], 16) for name in ("address", "wrote", "read")))
    if re.search(r"mismatch|verification error", words):
        return verification_failed(None)
    if re.search(r"locked|lock bits", words):
        return locked(job.chip)
    if _gone(job):
        return serial_line.PortLost(
            f"{job.port} vanished while the chip was being programmed; plug the board in again and flash again: "
            "the chip now holds part of an image"
        )
    said = [
        line.removeprefix("avrdude: ").strip()
        for line in words.splitlines()
        if re.search(r"error|unable|fail|cannot", line, re.I)
    ]
    last = said or words.strip().splitlines()[-1:] or ["it did not say why"]
    return BoardError(f"avrdude failed: {last[0]}; check wiring and power (docs/boards.md)")
