"""Where this machine's board is: ``.local.yaml`` in the project's root, which version control does not see.

::

    port: /dev/ttyACM0        # the chip's serial line
    programmer: nedbg         # see toolchain.board.programmers
    updi: /dev/ttyUSB1        # a serialupdi adapter's port, where it is not the serial line's
    baud: 500000              # of the serial line
    serial_number: MCHP3280…  # of a USB debugger, where there are several

What is given on the command line comes first.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from toolchain.board import programmers, protocol
from toolchain.errors import BoardError

FASTEST = 12_000_000  # baud: of the fastest USB bridges


@dataclass(frozen=True)
class Settings:
    """The connection to a board; with neither ``port`` nor ``programmer`` it is the virtual board."""

    port: str | None = None
    programmer: str | None = None
    updi: str | None = None
    baud: int = protocol.BAUD
    serial_number: str | None = None
    simulated: bool = False  # these are a virtual board's ports

    @property
    def virtual(self) -> bool:
        """Whether no real board is named; ``programmer`` alone chooses the tool for the virtual board if it works over
        serial UPDI.
        """
        return (
            self.port is None
            and self.updi is None
            and (self.programmer is None or programmers.find(self.programmer).serial)
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where the board is; SCons passes ``port=``, ``programmer=``, ``updi=``, ``baud=`` on."""
    parser.add_argument(
        "--port", help="the chip's serial line; for serialupdi the programming port too, if --updi is not given"
    )
    parser.add_argument("--programmer", help="how to program: " + ", ".join(programmers.names()))
    parser.add_argument("--updi", help="the programming port of a serialupdi adapter")
    parser.add_argument("--baud", type=int, help=f"of the serial line (default {protocol.BAUD})")
    parser.add_argument(
        "--settings", type=Path, default=Path(".local.yaml"), help="this machine's settings (default .local.yaml)"
    )


def settings(args: argparse.Namespace) -> Settings:
    """The settings of the file, overridden by the arguments. Raises ``BoardError`` for a file that is wrong."""
    given = {
        key: getattr(args, key)
        for key in ("port", "programmer", "updi", "baud")
        if getattr(args, key) not in (None, "")
    }
    if "port" in given and given["port"] == "virtual":
        return Settings(programmer=given.get("programmer"))
    result = replace(_read(args.settings), **given)
    if not 1 <= result.baud <= FASTEST:
        raise BoardError(f"baud={result.baud}: no serial line has this speed; the firmware's is {protocol.BAUD}")
    if result.programmer is not None:
        programmers.find(result.programmer)
    return result


def _read(path: Path) -> Settings:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return Settings()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        raise BoardError(f"{place}: not readable as YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BoardError(f"{path}: not readable as YAML ({error}); save it as UTF-8") from error
    known = {field.name: field for field in fields(Settings) if field.name != "simulated"}
    if not isinstance(content, dict):
        raise BoardError(f"{path}: expected lines such as 'port: /dev/ttyACM0'")
    for key, value in content.items():
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
            raise BoardError(f"{path}: unknown key {key!r}; {hint}")
        expected = int if key == "baud" else str
        if not isinstance(value, expected) or isinstance(value, bool):
            raise BoardError(f"{path}: {key} is {value!r}, expected {'a number' if expected is int else 'text'}")
    return Settings(**content)
