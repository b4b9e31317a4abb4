"""How a stage tells the screen what it is doing.

A stage is a process of its own. Under SCons the environment names a pipe (``GOLDCREST_STATUS_FD``) and every message is
one line of JSON in it, ``{"text": …, "fraction": …}`` or ``{"done": …}``, so that the build can draw one live line for
each running stage. Run by hand there is no pipe: the text goes to standard error as it is.
"""

from __future__ import annotations

import json
import os
import sys

VARIABLE = "GOLDCREST_STATUS_FD"

_last = ""


def update(text: str, fraction: float | None = None) -> None:
    """Say what the stage is doing (``epoch 3/10``) and, if it is known, which part of its work is done (0 to 1)."""
    message: dict[str, object] = {"text": text}
    if fraction is not None:
        message["fraction"] = round(min(1.0, max(0.0, fraction)), 4)
    _send(message, text)


def done(text: str) -> None:
    """Say what came of the stage (``saturated 0.00 %``); its finished line in the terminal ends with this text."""
    _send({"done": text}, text)


def _send(message: dict[str, object], text: str) -> None:
    global _last
    descriptor = os.environ.get(VARIABLE)
    if descriptor is not None:
        try:
            os.write(int(descriptor), (json.dumps(message) + "\n").encode())
            return
        except (OSError, ValueError):
            # The build that was listening has gone: the work goes on, and its news is told here instead.
            del os.environ[VARIABLE]
    if text != _last:
        _last = text
        print(text, file=sys.stderr, flush=True)
