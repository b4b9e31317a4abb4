"""Start a virtual board and keep it until Ctrl-C: its two ports can be used as a real board's are.

    python -m toolchain board [--mcu atmega4809] [--clock 20000000] [--real-time]

Prints the two ports and how to use them. In SCons: ``./scons board``.
"""

from __future__ import annotations

import argparse
import time
from contextlib import suppress

from toolchain.board import chips
from toolchain.board.virtual_board import VirtualBoard
from toolchain.memory.chip import facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mcu", default="atmega4809", help="the chip on the board (default atmega4809)")
    parser.add_argument("--clock", type=int, help="Hz, such as 16000000 (default: as in the factory)")
    parser.add_argument("--real-time", action="store_true", help="run no faster than the chip would")


def run(args: argparse.Namespace) -> None:
    """Runs until interrupted. Raises ``BoardError`` if the board does not come up."""
    chip = chips.chip(args.mcu)
    with VirtualBoard(chip.mcu, facts(chip.mcu).flash_size, clock=args.clock, real_time=args.real_time) as board:
        print(f"virtual {chip.mcu} board; Ctrl-C ends it")
        print(f"  serial line  port={board.serial}")
        if chip.programming == "updi":
            print(f"  programming  updi={board.updi}")
            print(f"  ./scons model=M flash port={board.serial} updi={board.updi} programmer=serialupdi")
            print(f"  ./scons model=M evaluate port={board.serial}")
            print(f"  pymcuprog ping -t uart -u {board.updi} -d {chip.mcu}", flush=True)
        with suppress(KeyboardInterrupt):
            while board.alive:
                time.sleep(0.2)
