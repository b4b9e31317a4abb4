"""The process: two ports, the programming interface and the chip behind them, and a line of commands on standard input.

Prints one line of JSON, ``{"serial": path, "updi": path}``, when the ports are there, and ends when standard input
does: nobody has to remember to stop it. Each line of standard input is a JSON object with one command, answered by one
line of JSON::

    {"reset": true}                    press the reset button
    {"unplug": "serial"|"updi"|"all"}  pull a cable; "all" is the USB cable that powers the board too
    {"plug": "serial"|"updi"|"all"}    plug it back
    {"noise": {"drop": 0.001, …}}      a bad serial line, both ways (see ``noise.Noise``)
    {"stuck": [address, …]}            flash cells that no longer take a write (offsets into flash)
    {"lock": 0}                        the lock byte (0xC5 is unlocked)
    {"fuse": [index, value]}           a fuse byte
    {"flip": address}                  turn over one bit of flash
    {"pull_after": bytes}              pull both cables after that many more bytes on the UPDI port
    {"state": true}                    tell cycles, flash CRC-32, lock, fuses, restarts
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import IO, Any

from toolchain.board import chips
from toolchain.board.virtual.chip import SimulatedChip, registers
from toolchain.board.virtual.memory import Memories
from toolchain.board.virtual.noise import Noise, garble
from toolchain.board.virtual.port import Port
from toolchain.board.virtual.updi import Updi

IDLE_WAIT = 0.005  # s to wait for the outside when the chip only waits too
LONG_WAIT = 0.2  # and when it has for long; whatever comes from outside ends the wait
FACTORY_CLOCK = 20_000_000


class Board:
    """The board: chip, memories, programming interface, ports."""

    def __init__(self, chip: chips.Chip, memories: Memories, clock: int | None, folder: Path, real_time: bool) -> None:
        self._chip = chip
        self._clock_given = clock
        self._real_time = real_time
        self.memories = memories
        self.serial = Port(folder / "serial")
        self.updi_port = Port(folder / "updi")
        self._updi = Updi(memories)
        self._restarts = 0
        self._noise_in = self._noise_out = Noise()
        self._pull_after: int | None = None
        self._simulated: SimulatedChip | None = None
        self._started = 0.0
        self.power_up()

    @property
    def clock(self) -> int:
        """Hz: what fuse OSCCFG says, or was given for a chip that has none."""
        clocks = {bits: clock for fuse in self._chip.fuses for clock, bits in fuse.values.items()}
        return clocks.get(self.memories.fuses[2] & 3) or self._clock_given or FACTORY_CLOCK

    def power_up(self) -> None:
        """A reset, by whatever cause: the program starts from its first word."""
        if self._chip.simulator is None:
            raise SystemExit(f"no simulator models the {self._chip.mcu}")
        chip = self._chip
        places = registers(chip.family, chip.uart)
        self._simulated = SimulatedChip(self._chip.simulator, bytes(self.memories.flash), self.clock, chip.uart, places)
        self._simulated.run()  # until it listens
        self._started = time.monotonic()

    def serve_updi(self) -> None:
        """Bytes of the programmer: each is echoed (the wire is single), then answered."""
        data = self.updi_port.read()
        slow = self.updi_port.baud < 1200  # how programmers send a long break
        out = bytearray()
        for byte in data:
            if self._pull_after is not None:
                self._pull_after -= 1
                if self._pull_after < 0:
                    self._pull_after = None
                    self.plug("all", False)
                    return
            out.append(byte)
            if slow and byte == 0:
                self._updi.break_()
            else:
                out += self._updi.take(byte)
        self.updi_port.write(bytes(out))
        if self._updi.halted:
            self._simulated = None
        elif self._updi.restarts != self._restarts:
            self.power_up()
        self._restarts = self._updi.restarts

    def serve_serial(self) -> None:
        """Bytes of the serial line's user on their way to the chip."""
        data = self.serial.read()
        if self._simulated is not None and data:
            rate = self._simulated.baud
            if rate is not None:  # else the chip does not listen yet
                self._simulated.receive(self._noise_in(garble(data, self.serial.baud, rate)))

    def run(self) -> float:
        """Lets the chip run for a slice; returns how long the outside may be waited for (s)."""
        chip = self._simulated
        if chip is None:
            return 1.0
        sent = chip.run()
        if sent and self.serial.plugged:
            rate = chip.baud
            self.serial.write(self._noise_out(garble(sent, rate or self.serial.baud, self.serial.baud)))
        if chip.crashed:
            return 1.0
        if self._real_time:
            return max(0.0, chip.cycle / self.clock - (time.monotonic() - self._started))
        return (0.0, IDLE_WAIT, LONG_WAIT)[chip.idleness]

    def plug(self, which: str, in_: bool) -> None:
        """Plugs cables in or pulls them; the chip starts anew when its power comes back."""
        for name, port in (("serial", self.serial), ("updi", self.updi_port)):
            if which in (name, "all"):
                (port.plug if in_ else port.unplug)()
        if which == "all":
            self._simulated = None
            self._updi = Updi(self.memories)
            self._restarts = 0
            if in_:
                self.power_up()

    def command(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command of the module's table; returns the answer."""
        for name, value in command.items():
            if name == "reset":
                self.power_up()
            elif name in ("plug", "unplug"):
                self.plug(value, name == "plug")
            elif name == "noise":
                seed = value.get("seed", 0)
                self._noise_in, self._noise_out = Noise(**value), Noise(**{**value, "seed": seed + 1})
            elif name == "stuck":
                self.memories.stuck = set(value)
            elif name == "lock":
                self.memories.lock = value
            elif name == "fuse":
                self.memories.fuses[value[0]] = value[1]
            elif name == "flip":
                self.memories.flash[value] ^= 0x10
            elif name == "pull_after":
                self._pull_after = value
            elif name != "state":
                return {"error": f"unknown command {name!r}"}
        return {
            "cycles": self._simulated.cycle if self._simulated else 0,
            "flash": zlib.crc32(self.memories.flash),
            "lock": self.memories.lock,
            "fuses": list(self.memories.fuses),
            "restarts": self._restarts,
        }


def serve(board: Board, answers: IO[str]) -> None:
    """Runs until standard input ends."""
    commands = bytearray()
    wait = 0.0
    while True:
        ports: list[int | Port] = [port for port in (board.serial, board.updi_port) if port.plugged]
        ready, _, _ = select.select([0, *ports], [], [], wait)
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (bytes(commands) + data).split(b"\n")
            commands = bytearray(rest)
            for line in lines:
                print(json.dumps(board.command(json.loads(line))), file=answers, flush=True)
        if board.updi_port in ready and board.updi_port.plugged:
            board.serve_updi()
        if board.serial in ready and board.serial.plugged:
            board.serve_serial()
        wait = board.run()


def _own_output() -> IO[str]:
    """Standard output for our answers alone: the simulator writes its remarks on crashing programs there, and they go
    nowhere.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def main() -> int:
    """The command ``python -m toolchain.board.virtual``."""
    parser = argparse.ArgumentParser(prog="toolchain.board.virtual", description=__doc__.splitlines()[0])
    parser.add_argument("--mcu", default="atmega4809")
    parser.add_argument("--flash-size", type=int, required=True, help="bytes")
    parser.add_argument("--clock", type=int, help="Hz; the fuse that decides it is set for it")
    parser.add_argument("--image", type=Path, help="raw bytes that are in the flash already")
    parser.add_argument("--folder", type=Path, help="where the ports' names go; default a new temporary folder")
    parser.add_argument("--real-time", action="store_true", help="no faster than the chip would be")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us, and ends our input
    answers = _own_output()
    chip = chips.chip(args.mcu)
    memories = Memories(chip.signature, args.flash_size)
    for fuse in chip.fuses if args.clock else ():
        if args.clock not in fuse.values:
            raise SystemExit(f"the {chip.mcu} runs at {' or '.join(map(str, fuse.values))} Hz, not at {args.clock}")
        memories.fuses[fuse.offset] = memories.fuses[fuse.offset] & ~fuse.mask | fuse.values[args.clock]
    if args.image:
        image = args.image.read_bytes()
        memories.flash[: len(image)] = image
    with tempfile.TemporaryDirectory(prefix="goldcrest-board-") as temporary:
        board = Board(chip, memories, args.clock, args.folder or Path(temporary), args.real_time)
        print(
            json.dumps({"serial": str(board.serial.link), "updi": str(board.updi_port.link)}), file=answers, flush=True
        )
        try:
            serve(board, answers)
        except BrokenPipeError:
            pass
        finally:
            board.plug("all", False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
