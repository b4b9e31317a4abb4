"""The build's terminal: a live line for each running stage, one finished line each, errors whole, a closing line.

On a terminal rich draws the live lines; elsewhere (a file, a pipe, continuous integration) there are only the finished
lines, plain. rich is imported when the first live line is due: a build with nothing to do does not wait for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

STAGE, TARGET, BAR = 10, 36, 10  # widths of the columns


@dataclass
class Running:
    stage: str
    target: str
    began: float
    text: str = ""
    fraction: float | None = None
    closing: str | None = None
    spoke: bool = False


class Screen:
    """All of a build's output. Safe to use from the several threads of ``-j``.

    ``quiet``: nothing but what goes wrong, on standard error.
    """

    quiet = False

    def __init__(self, stream: TextIO, live: bool) -> None:
        self._stream = stream
        self._live = live
        self._lock = threading.RLock()
        self._running: dict[int, Running] = {}
        self._count = 0
        self._drawing: Live | None = None
        self._console: Console | None = None

    def begin(self, stage: str, target: str) -> int:
        """A stage starts; returns the key for the calls below."""
        with self._lock:
            self._count += 1
            self._running[self._count] = Running(stage, target, time.monotonic())
            if self._live and not self.quiet and self._drawing is None:
                from rich.live import Live

                self._drawing = Live(
                    get_renderable=self._draw, console=self.rich(), refresh_per_second=5, transient=True
                )
                self._drawing.start()
            return self._count

    def message(self, key: int, message: Mapping[str, Any]) -> None:
        """What the stage said through ``toolchain.report.status``."""
        stage = self._running[key]
        stage.text = message.get("text", stage.text)
        stage.fraction = message.get("fraction", None if "text" in message else stage.fraction)
        stage.closing = message.get("done", stage.closing)

    def output(self, key: int, text: str) -> None:
        """What the stage itself shows (memory bars, a recognized digit)."""
        self._running[key].spoke = True
        self.write(text)

    def end(self, key: int, succeeded: bool, errors: str, quiet: bool = False) -> None:
        """A stage has ended: its finished line, and all that it wrote to standard error if it failed."""
        with self._lock:
            stage = self._running.pop(key)
            if not succeeded:
                self.line(stage.stage, stage.target, "failed", "red")
                self.complain(errors)
            elif not quiet and not (stage.spoke and stage.closing is None):
                self.line(stage.stage, stage.target, stage.closing or "")
            if not self._running:
                self.pause()

    def drop(self, key: int) -> None:
        """A stage was stopped: it leaves no line."""
        with self._lock:
            self._running.pop(key)
            if not self._running:
                self.pause()

    def line(self, stage: str, target: str, text: str = "", style: str = "") -> None:
        """One finished line; on a terminal of fewer columns its text goes on a line of its own."""
        if self.quiet:
            return
        with self._lock:
            whole = f"{stage:<{STAGE}} {target:<{TARGET}}  {text}".rstrip()
            apart = self._columns is not None and len(whole) > self._columns
            if self._live:
                self.rich().print(self._text(stage, target, "" if apart else text, style), no_wrap=True)
                if apart:
                    self.rich().print(f"{'':<{STAGE}} {text}", style=style, soft_wrap=True)
            else:
                parts = [f"{stage:<{STAGE}} {target}", f"{'':<{STAGE}} {text}"] if apart else [whole]
                self._stream.write("".join(f"{part.rstrip()}\n" for part in parts))
                self._stream.flush()

    def write(self, text: str) -> None:
        """Text as it is (it may hold colours), above the live lines."""
        if self.quiet:
            return
        with self._lock:
            if text and self._drawing is not None:
                from rich.text import Text

                self.rich().print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)
            else:
                self._stream.write(text)
                self._stream.flush()

    def complain(self, text: str) -> None:
        """The same for what went wrong: without a live display it goes to standard error."""
        if self._live and not self.quiet:
            self.write(text)
        else:
            sys.stderr.write(text)
            sys.stderr.flush()

    def pause(self) -> None:
        """Take the live lines off the screen; the next ``begin`` brings them back."""
        with self._lock:
            if self._drawing is not None:
                self._drawing.stop()
                self._drawing = None

    def environment(self) -> dict[str, str]:
        """What a stage must know so that its own output fits this terminal, which it does not see."""
        if self._columns is None:
            return {}
        colour = {"FORCE_COLOR": "1"} if self._live and "NO_COLOR" not in os.environ else {}
        return {**colour, "COLUMNS": str(self._columns)}

    @property
    def _columns(self) -> int | None:
        """The terminal's width; None if the output goes elsewhere, where lines may be long."""
        if self._live:
            return self.rich().width
        return shutil.get_terminal_size().columns if self._stream.isatty() else None

    def rich(self) -> Console:
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        return self._console

    def _draw(self) -> Text:
        from rich.text import Text

        with self._lock:
            lines = [self._text(each.stage, each.target, _progress(each), "dim") for each in self._running.values()]
        for line in lines:
            line.truncate(self.rich().width - 1, overflow="ellipsis")
        return Text("\n").join(lines)

    @staticmethod
    def _text(stage: str, target: str, text: str, style: str) -> Text:
        from rich.text import Text

        colour = {"ok": "bold green", "failed": "bold red"}.get(stage, "bold")
        return Text.assemble((f"{stage:<{STAGE}} ", colour), f"{target:<{TARGET}}  ", (text, style))


def _progress(stage: Running) -> str:
    elapsed = f"{time.monotonic() - stage.began:.0f} s"
    if stage.fraction is None:
        return f"{stage.text}  {elapsed}".strip()
    filled = int(BAR * stage.fraction)
    return f"[{'=' * filled}{'.' * (BAR - filled)}] {stage.text}  {elapsed}"


def screen() -> Screen:
    """The screen on standard output: live if that is a terminal that can move its cursor."""
    return Screen(sys.stdout, sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb")
