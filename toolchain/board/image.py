"""The image file (Intel HEX) as the bytes of program memory."""

from __future__ import annotations

from pathlib import Path

from intelhex import IntelHex, IntelHexError

from toolchain.errors import BoardError


def read(path: Path) -> bytes:
    """Program memory from address 0 to the image's last byte; gaps are 0xFF, as an erased chip reads."""
    try:
        image = IntelHex(str(path))
    except FileNotFoundError:
        raise BoardError(
            f"{path} does not exist: it is made when the model fits its chip's memory; build the model first"
        ) from None
    except (IntelHexError, UnicodeDecodeError) as error:
        raise BoardError(f"{path} is not an Intel HEX file ({error}); build the model again") from error
    if image.maxaddr() is None:
        raise BoardError(f"{path} is empty; build the model again")
    return bytes(image.tobinarray(start=0))
