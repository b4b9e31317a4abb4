"""The ways of getting an image into a chip, by name.

All of them take the same steps: compare the device's signature with the manifest's chip and check the fuses that the
firmware's clock rests on, and only then erase, write and verify. ``avrdude:NAME`` is any programmer that avrdude itself
knows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from toolchain.board.chips import CHIPS, Chip, Fuse
from toolchain.errors import BoardError

ATMEL = 0x03EB  # USB vendor of the debuggers on evaluation boards
SERIAL_HARDWARE = (
    "arduino",
    "wiring",
    "stk500v1",
    "stk500v2",
    "avrisp",
    "jtag2updi",
    "buspirate",
)  # avrdude's, on serial ports
HALF = "while the chip was being programmed: it may hold part of an image; flash again"
Progress = Callable[[str, float], None]


class Locked(BoardError):
    """The chip cannot be read before it is erased."""


@dataclass(frozen=True)
class Programmer:
    """A tool (``pymcuprog`` or ``avrdude``), its own name for the hardware, and whether that is a serial UPDI adapter.

    ``uses_port`` tells those that need a serial port's name from those that are found on USB.
    """

    tool: str
    hardware: str
    serial: bool

    @property
    def uses_port(self) -> bool:
        return self.serial or (self.tool == "avrdude" and self.hardware in SERIAL_HARDWARE)


_PROGRAMMERS = {
    "serialupdi": Programmer("pymcuprog", "uart", True),
    "nedbg": Programmer("pymcuprog", "nedbg", False),
    "pkob": Programmer("pymcuprog", "nedbg", False),  # PKOB nano is the nEDBG of the Curiosity Nano
    "medbg": Programmer("pymcuprog", "medbg", False),
    "edbg": Programmer("pymcuprog", "edbg", False),
    "atmelice": Programmer("pymcuprog", "atmelice", False),
    "powerdebugger": Programmer("pymcuprog", "powerdebugger", False),
    "pickit4": Programmer("pymcuprog", "pickit4", False),
    "snap": Programmer("pymcuprog", "snap", False),
    "avrdude": Programmer("avrdude", "serialupdi", True),
}


@dataclass(frozen=True)
class Job:
    """One programming: what goes where. ``image`` is the program memory from 0 on, ``path`` the same as Intel HEX."""

    chip: Chip
    clock: int  # Hz
    image: bytes
    path: Path
    port: str | None
    serial_number: str | None = None
    unlock: bool = False  # a locked chip may be erased
    own: bool = False  # the user's own program, which may well feed a watchdog
    patience: float = 1.0  # s until an answer on a serial port counts as none
    progress: Progress = lambda text, fraction: None

    @property
    def fuses(self) -> tuple[Fuse, ...]:
        """The fuses that must be right before anything is erased."""
        watchdog = self.chip.watchdog
        return self.chip.fuses if watchdog is None or self.own else (*self.chip.fuses, watchdog)


def names() -> list[str]:
    """Every name, for help and messages."""
    return [*_PROGRAMMERS, "avrdude:NAME"]


def find(name: str) -> Programmer:
    """The programmer called ``name``. Raises ``BoardError`` with the nearest name if there is none."""
    if name.startswith("avrdude:"):
        return Programmer("avrdude", name.partition(":")[2], name == "avrdude:serialupdi")
    try:
        return _PROGRAMMERS[name]
    except KeyError:
        near = get_close_matches(name, _PROGRAMMERS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(names())
        raise BoardError(f"unknown programmer {name!r}; {hint}") from None


def default(chip: Chip, port: str | None) -> str:
    """The programmer that is taken when none is named: the debugger whose serial line ``port`` is, or a plain serial
    adapter.
    """
    from serial.tools import list_ports

    device = None if port is None else str(Path(port).resolve())  # /dev/serial/by-id/… are links
    product = next(
        (
            found.product or ""
            for found in list_ports.comports()
            if found.vid == ATMEL and device in (None, str(Path(found.device).resolve()))
        ),
        "",
    )
    for name in ("nedbg", "medbg", "edbg"):
        if chip.programming == "updi" and name in product.lower():
            return name
    return "serialupdi" if chip.programming == "updi" else "avrdude:arduino"


def program(name: str, job: Job) -> None:
    """Programs and verifies the chip. Raises ``BoardError`` if anything is not as it must be; nothing is erased before
    it is.
    """
    programmer = find(name)
    if programmer.uses_port and job.port is None:
        raise BoardError(f"programmer {name} works over a serial port: say which (updi=/dev/tty… or port=/dev/tty…)")
    if programmer.tool == "pymcuprog":
        if job.chip.programming != "updi":
            raise BoardError(
                f"pymcuprog does not program the {job.chip.mcu}; use programmer=avrdude:NAME (for example "
                "avrdude:usbasp)"
            )
        from toolchain.board import with_pymcuprog as tool
    else:
        from toolchain.board import with_avrdude as tool  # type: ignore[no-redef]
    begun: list[str] = []

    def progress(text: str, fraction: float) -> None:
        begun.append(text)
        job.progress(text, fraction)

    try:
        tool.program(programmer.hardware, replace(job, progress=progress))
    except KeyboardInterrupt:
        if begun:  # the first sign of progress comes before the erasing
            print(f"\nstopped {HALF}", file=sys.stderr, flush=True)
        raise


def check_signature(found: tuple[int, int, int], chip: Chip) -> None:
    """Raises ``BoardError`` if another chip is on the board."""
    if found != chip.signature:
        name = next((other.mcu for other in CHIPS.values() if other.signature == found), "an unknown chip")
        raise BoardError(
            f"the board has {name} (signature {_hex(found)}), the manifest says {chip.mcu} ({_hex(chip.signature)}); "
            "nothing was erased; change target.mcu or connect the right board"
        )


def check_fuse(fuse: Fuse, value: int, chip: Chip, clock: int) -> None:
    """Raises ``BoardError`` if a fuse makes the chip run at another clock (Hz) than the manifest says, or its watchdog
    bite.
    """
    if fuse == chip.watchdog:
        if value & fuse.mask:
            raise BoardError(
                f"fuse {fuse.name} is 0x{value:02x}: the watchdog resets the chip over and over, for the firmware does "
                f"not feed it; nothing was erased; {_set(fuse, value & ~fuse.mask, chip)}"
            )
        return
    wanted = fuse.values.get(clock)
    if wanted is None:
        known = " or ".join(f"{hz // 1_000_000} MHz" for hz in sorted(fuse.values))
        raise BoardError(
            f"the {chip.mcu} cannot run at {clock / 1e6:g} MHz without a divider; set clock: {known} in the manifest"
        )
    if value & fuse.mask != wanted:
        actual = next(
            (f"{hz // 1_000_000} MHz" for hz, bits in fuse.values.items() if bits == value & fuse.mask), "another clock"
        )
        raise BoardError(
            f"fuse {fuse.name} is 0x{value:02x}: the chip runs at {actual}, the manifest says {clock // 1_000_000} "
            "MHz; nothing was "
            f"erased; change target.clock, or {_set(fuse, value & ~fuse.mask | wanted, chip)}"
        )


def _set(fuse: Fuse, value: int, chip: Chip) -> str:
    return f"set the fuse: pymcuprog write -m fuses -o {fuse.offset} -l 0x{value:02x} -d {chip.mcu}"


def locked(chip: Chip) -> Locked:
    """The chip's lock byte forbids reading and writing."""
    return Locked(
        f"the {chip.mcu} is locked; unlocking erases everything on it: flash with unlock=yes if that is right"
    )


def verification_failed(address: int | None, wrote: int | None = None, read: int | None = None) -> BoardError:
    """Flash does not hold what was written."""
    where = "" if address is None else f" at address 0x{address:04x}"
    what = "" if wrote is None or read is None else f" (wrote 0x{wrote:02x}, it holds 0x{read:02x})"
    return BoardError(
        f"verification failed{where}{what}: the chip's flash did not take the image; flash again, and if that does "
        "not help the chip is worn out"
    )


def _hex(signature: tuple[int, int, int]) -> str:
    return "".join(f"{byte:02X}" for byte in signature)
