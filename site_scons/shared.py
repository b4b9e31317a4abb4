"""What the SCons tools share: the screen, the options, and methods that refuse a user's mistake without a traceback."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from SCons.Node import Python
from SCons.Script import ARGUMENTS

from toolchain.errors import GoldcrestError
from toolchain.graph import arguments
from toolchain.graph.notes import Notes
from toolchain.report import console

BEGAN = time.monotonic()
ROOT = Path(__file__).resolve().parent.parent
BUILD = Path("build")

caches: list[Path] = []  # the folder that clones share, if there is one
screen = console.screen()
notes = Notes(BUILD / ".notes.json")


def refuse(message: str) -> NoReturn:
    """One clear message and status 2."""
    screen.pause()
    sys.stdout.flush()
    print(message if "error:" in message.partition("\n")[0] else f"scons: error: {message}", file=sys.stderr)
    sys.exit(2)


def refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except GoldcrestError as error:
            refuse(str(error))

    return checked


def add_methods(env: Any, **methods: Callable[..., Any]) -> None:
    """Give ``env`` the methods, by the names that SConstruct calls them."""
    for name, function in methods.items():
        env.AddMethod(refusing(function), name)


@functools.cache
@refusing
def _options() -> dict[str, str]:
    return arguments.read(ARGUMENTS)


def option(name: str) -> str:
    """The value of one of the ``name=value`` options, or its default. (A tool may not call anything ``options``.)"""
    return _options()[name]


@functools.cache
def known_as(name: str, contents: str) -> Named:
    """A value that several nodes may depend on."""
    return Named(name, contents)


class Named(Python.Value):
    """A value on the graph that ``--debug=explain`` calls by name (``the training section of …``), not by its text."""

    def __init__(self, name: str, contents: str) -> None:
        super().__init__(contents, name=name)
        # SCons remembers nodes by their text, and looks up values by it when it explains what changed.
        Python._memo_lookup_map[hash((name, None))] = self

    def __str__(self) -> str:
        return str(self.name)

    def get_text_contents(self) -> str:
        return str(self.value)
