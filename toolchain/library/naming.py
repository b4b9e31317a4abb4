"""One prefix for every symbol and file of a library, so that several models link into one program."""

from __future__ import annotations

import re

from toolchain.codegen.c_text import identifier

OURS = re.compile(r"\bgc_(?=\w)")
SYSTEM_HEADERS = re.compile(
    "alloca|arduino|assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|malloc|math|memory|new|setjmp|"
    "signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|strings?|tgmath|threads|time|"
    "uchar|unistd|wchar|wctype",
    re.IGNORECASE,
)
"""What a library's own header must not be called: its folder is searched before the compiler's."""
OUR_HEADER = re.compile(r"\bgc_(\w+)\.h\b")
CORE_HEADER = re.compile(r'"gc\.h"')


def prefix(model: str) -> str:
    """What starts every external name of a model's library: the model's name as a C identifier.

    It is the name of the header too, in whatever case a file system takes for the same.
    """
    name = identifier(model)
    return f"m_{name}" if not name[0].isalpha() or SYSTEM_HEADERS.fullmatch(name) else name


def renamed(text: str, prefix: str) -> str:
    """Source text with the project's own names (``gc_k_dense8``, ``"gc_asm.h"``) under ``prefix``.

    Macros (``GC_…``) stay as they are: no macro leaves the library, whose public header defines its own.
    """
    text = CORE_HEADER.sub(f'"{prefix}-core.h"', text)
    text = text.replace('"network.h"', f'"{prefix}.h"').replace('"weights.h"', f'"{prefix}-weights.h"')
    return OURS.sub(f"{prefix}_", OUR_HEADER.sub(rf"{prefix}-\1.h", text))


def file_name(name: str, prefix: str) -> str:
    """The name of a file of ``firmware/`` in the library: ``gc_dense8.c`` becomes ``<prefix>_dense8.c``.

    Assembly gets a stem of its own (``<prefix>_dense8_avr.S``): many build systems name an object by the stem alone.
    A header gets a hyphen (``<prefix>-dense8.h``), which no prefix has: the library of a model ``<prefix>_dense8`` has
    a public header of the other name, and a program with both has both folders in its path.
    """
    if name == "gc.h":
        return f"{prefix}-core.h"
    return OURS.sub(f"{prefix}_", OUR_HEADER.sub(rf"{prefix}-\1.h", name)).replace(".S", "_avr.S")
