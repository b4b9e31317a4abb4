"""Starting a virtual board, and talking to the process that is one. Nothing of the simulator is imported here."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from toolchain.board import chips
from toolchain.errors import BoardError

ROOT = Path(__file__).parents[2]


class VirtualBoard:
    """A private board that lives as long as the ``with`` block: ``serial`` and ``updi`` are its ports.

    ``image`` is what its flash holds at power-up (raw bytes), for chips whose programming interface is not modelled.
    ``clock`` in Hz: fuses are set for it, where they decide it (None: as in the factory). Raises ``BoardError`` if no
    simulator models the chip or the process does not come up.
    """

    def __init__(
        self, mcu: str, flash_size: int, *, image: bytes = b"", clock: int | None = None, real_time: bool = False
    ) -> None:
        if chips.chip(mcu).simulator is None:
            known = ", ".join(sorted(chip.mcu for chip in chips.CHIPS.values() if chip.simulator))
            raise BoardError(
                f"there is no virtual board for the {mcu}; connect a real one (port=…), or choose one of {known}"
            )
        command = [sys.executable, "-m", "toolchain.board.virtual", "--mcu", mcu, "--flash-size", str(flash_size)]
        if clock:
            command += ["--clock", str(clock)]
        if real_time:
            command.append("--real-time")
        with tempfile.NamedTemporaryFile(prefix="goldcrest-image-") as file:
            if image:
                file.write(image)
                file.flush()
                command += ["--image", file.name]
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            ports = self._answer()
        self.serial: str = ports["serial"]
        self.updi: str = ports["updi"]

    def tell(self, **command: Any) -> dict[str, Any]:
        """Sends one command of ``toolchain.board.virtual.server`` and returns its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            words = self._process.stderr.read().decode(errors="replace").strip().splitlines() or ["no word of why"]
            raise BoardError(f"the virtual board's process ended: {words[-1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """Ends the process."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
