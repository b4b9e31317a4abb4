"""Constants in the first 64 KiB of flash: kernels read them with LPM, whose addresses have 16 bits.

On a chip with more flash the linker puts constants first, then code. What does not fit is linked without a word, and
read from elsewhere: the network would answer, wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import GoldcrestError
from toolchain.memory.chip import Facts

if TYPE_CHECKING:
    from toolchain.memory.elf import Image

REACH = 1 << 16
"""Bytes."""
BEHIND = "__ctors_start"
"""The symbol that avr-libc's linker scripts put behind all constants."""


def check(image: Image, facts: Facts) -> None:
    """Raises GoldcrestError if the chip could not read all constants of the image."""
    end = image.addresses.get(BEHIND, 0)
    if facts.flash_size > REACH < end:
        raise GoldcrestError(
            f"{image.path}: constants end at byte {end:,} of flash, and the {facts.mcu} reads them from the first "
            f"{REACH:,} only; fewer weights are needed, or smaller ones (quantization.weights: int4)"
        )
