"""The chips that Goldcrest builds for: one entry each. Sizes of memories are not here; they come from the compiler.

``signature`` is what the programmer must read before anything is erased (avr-libc's ``SIGNATURE_0..2``; a test
compares). ``uart`` names the USART that the evaluation boards of the chip wire to their USB bridge (a port may be given
another with ``-DGC_USART=…``). ``simulator`` is the chip's name in yasimavr, or ``None`` where it does not model the
chip. ``fuses`` are the fuse bytes that the firmware's clock rests on: {name: (offset, mask, {clock in Hz: value})};
``watchdog`` is the one by which the watchdog runs from reset on, if its bits are not 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from toolchain.errors import BoardError

APPLICATION = ("firmware/app/main.c", "firmware/app/link.c")
HOST_SOURCES = ("firmware/app/host_main.c",)


@dataclass(frozen=True)
class Fuse:
    """One fuse byte that matters: where it is, which bits, and what they must be at which clock (Hz)."""

    name: str
    offset: int
    mask: int
    values: dict[int, int]


@dataclass(frozen=True)
class Chip:
    """What the tools need to know about a chip beyond what its compiler knows."""

    mcu: str
    family: str  # the port: firmware/ports/<family>.c
    core: str  # "avrxt" (megaAVR-0, tinyAVR) or "avr" (classic): timings differ
    programming: str  # "updi" or "isp"
    signature: tuple[int, int, int]
    simulator: str | None
    uart: int
    fuses: tuple[Fuse, ...] = field(default=())
    watchdog: Fuse | None = None


# OSCCFG.FREQSEL: 1 is 16 MHz, 2 is 20 MHz (factory setting). The port switches the main prescaler off.
_OSCCFG = (Fuse("OSCCFG", 2, 0x03, {16_000_000: 1, 20_000_000: 2}),)

_WDTCFG = Fuse("WDTCFG", 0, 0x0F, {})


def _megaavr0(mcu: str, signature: tuple[int, int, int], uart: int) -> Chip:
    return Chip(mcu, "megaavr0", "avrxt", "updi", signature, mcu, uart, _OSCCFG, _WDTCFG)


def _classic(mcu: str, signature: tuple[int, int, int], simulator: str | None) -> Chip:
    return Chip(mcu, "classic", "avr", "isp", signature, simulator, 0)


CHIPS: dict[str, Chip] = {
    chip.mcu: chip
    for chip in (
        _megaavr0("atmega4809", (0x1E, 0x96, 0x51), 3),
        _megaavr0("atmega4808", (0x1E, 0x96, 0x50), 0),
        _megaavr0("atmega3209", (0x1E, 0x95, 0x31), 3),
        _megaavr0("atmega3208", (0x1E, 0x95, 0x30), 0),
        _megaavr0("atmega1609", (0x1E, 0x94, 0x26), 3),
        _megaavr0("atmega1608", (0x1E, 0x94, 0x27), 0),
        _classic("atmega328p", (0x1E, 0x95, 0x0F), "atmega328p"),
        _classic("atmega168p", (0x1E, 0x94, 0x0B), "atmega168p"),
        _classic("atmega1284p", (0x1E, 0x97, 0x05), None),
        _classic("atmega2560", (0x1E, 0x98, 0x01), None),
    )
}


def chip(mcu: str) -> Chip:
    """The chip called ``mcu``. Raises ``BoardError`` with the nearest names if it is not known."""
    try:
        return CHIPS[mcu.lower()]
    except KeyError:
        near = get_close_matches(mcu.lower(), CHIPS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(sorted(CHIPS))
        raise BoardError(f"unknown chip {mcu!r}; {hint}") from None


def sources(mcu: str) -> list[str]:
    """C sources of the evaluation firmware for ``mcu``, relative to the project's root (the network's own come on
    top).
    """
    return [*APPLICATION, f"firmware/ports/{chip(mcu).family}.c"]


def defines(mcu: str) -> dict[str, str]:
    """Preprocessor definitions of the evaluation firmware, beside ``F_CPU`` (the clock in Hz, from the manifest)."""
    return {"GC_USART": str(chip(mcu).uart)}
