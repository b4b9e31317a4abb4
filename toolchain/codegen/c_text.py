"""Rendering C: arrays, descriptors, comments."""

from __future__ import annotations

import textwrap

from toolchain.kernels.base import Constant, Structure

LICENCE = "SPDX-License-Identifier: Apache-2.0"


def comment(*lines: str) -> str:
    """A block comment. Marks of comments within it, in a description say, are taken apart."""
    text = "\n * ".join(line.replace("*/", "* /").replace("/*", "/ *") for line in lines)
    return f"/* {text}\n */\n"


def constant(item: Constant | Structure) -> str:
    """The definition of a constant in flash."""
    if isinstance(item, Structure):
        fields = "\n".join(f"    .{name} = {value}," for name, value in item.fields)
        return f"static const GC_FLASH {item.ctype} {item.name} = {{\n{fields}\n}};\n"
    numbers = ", ".join(str(int(value)) for value in item.values)
    body = textwrap.fill(numbers, 116, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return f"static const GC_FLASH {item.ctype} {item.name}[{len(item.values)}] = {{\n{body}}};\n"


def identifier(name: str) -> str:
    """A layer's name as part of a C identifier."""
    return "".join(character if character.isalnum() and character.isascii() else "_" for character in name)
