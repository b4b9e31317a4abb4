"""The C compilers: what they are called, which version they are, and the flags of the chip's and the host's build.

A compiler's version is part of what it made, its place on the disk is not.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from toolchain.errors import ToolError
from toolchain.graph.notes import Notes

WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")

# The linker's own limits are lifted: an image that is too large must still be linked, to be measured and explained.
# The budget decides afterwards, and only what it lets pass becomes an image that a programmer takes.
UNLIMITED = ("-Wl,--defsym=__TEXT_REGION_LENGTH__=0x800000", "-Wl,--defsym=__DATA_REGION_LENGTH__=0x10000")


def avr_flags(mcu: str, clock_hz: int, optimize: str) -> list[str]:
    """Flags of every avr-gcc call, compiling and linking."""
    return [f"-mmcu={mcu}", f"-O{optimize}", f"-DF_CPU={clock_hz}UL", "-mrelax"]


def avr_compile_flags() -> list[str]:
    return [*WARNINGS, "-ffunction-sections", "-fdata-sections", "-fstack-usage"]


def avr_link_flags() -> list[str]:
    return ["-Wl,--gc-sections", *UNLIMITED]


def host_flags() -> list[str]:
    return ["-O2", *WARNINGS]


def host_compiler() -> Path:
    """The C compiler of this machine. Raises ToolError if there is none."""
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return Path(found)
    raise ToolError("this machine has no C compiler (cc); on Debian or Ubuntu: sudo apt-get install -y gcc")


def version(compiler: Path, notes: Notes | None = None) -> str:
    """The first line of ``--version``. Raises ToolError if the compiler cannot be run."""
    return str(_ask(compiler) if notes is None else notes.about(str(compiler), "version", lambda: _ask(compiler)))


def _ask(compiler: Path) -> str:
    try:
        done = subprocess.run([str(compiler), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolError(f"the compiler {compiler} cannot be run: {error}") from error
    return done.stdout.partition("\n")[0]
