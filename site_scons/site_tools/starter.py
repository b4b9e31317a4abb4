"""``new=NAME data=FILE``: a starter manifest, written while the graph is read; nothing is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from SCons.Script import COMMAND_LINE_TARGETS, GetOption
from shared import add_methods, option, screen

from toolchain.errors import GoldcrestError


def generate(env: Any) -> None:
    add_methods(env, New=new)


def exists(env: Any) -> bool:
    return True


def new(env: Any) -> None:
    name, data = option("new"), option("data")
    if not (name or data) or GetOption("help"):
        return
    if option("model") or COMMAND_LINE_TARGETS:
        raise GoldcrestError("new= goes alone: first the manifest, then ./scons model=… builds it")
    from toolchain.starter import starter

    screen.write(starter.write(name, data, Path("models"), pretend=GetOption("no_exec")))
    sys.exit(0)
