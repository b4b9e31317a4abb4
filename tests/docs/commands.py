"""The commands that pages show: taken out of their code blocks, run as a reader would, and held against what is shown.

A command is a line of a code block that begins with ``$ ``; what follows is what it prints. Comments before a block,
which a reader of the page does not see, say what cannot be seen from the block itself:

    <!-- not run: REASON -->     the block's commands are not run here
    <!-- file: NAME -->          the block is a file that the reader writes
    <!-- edit: NAME -->          the block is a diff of lines (- and +) that the reader changes in a file

A shown line ``…`` stands for any lines, a line that ends in ``…`` for any end.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- *(?P<directive>not run|file|edit): *(?P<value>.*?) *-->\n\n?)?"
    r"(?:^(?P<fence>```+)[^\n]*\n(?P<fenced>.*?)^(?P=fence)$|(?:(?<=\n\n)|\A)(?P<indented>(?: {4}[^\n]*\n|\n)+))",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"(?:\./scons|python\d? |pip |git |sudo |pymcuprog |avrdude |cmake |make |curl )")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
SECONDS = re.compile(r"\b[\d.]+ s\b")
BAR = re.compile(r"\[=*\.*\]")
DIGEST = re.compile(r"-[0-9a-f]{8}\.npz\b")
STAGE = re.compile(r"^(\w+ build/\S+) .*from the cache$")


@dataclass
class Block:
    """A code block of a page: its text without indentation, and what the comment before it says."""

    line: int
    text: str
    directive: str = ""
    value: str = ""
    commands: list[tuple[str, list[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Ran:
    command: str
    status: int
    output: str

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.output}(exit status {self.status})"


def blocks(page: str) -> Iterator[Block]:
    """Every code block of a Markdown text, fenced or indented."""
    for match in BLOCK.finditer(page):
        text = match["fenced"]
        if text is None:
            text = re.sub(r"^ {4}", "", match["indented"], flags=re.MULTILINE)
        line = page.count("\n", 0, match.start("fenced" if match["fenced"] is not None else "indented")) + 1
        block = Block(line, text.strip("\n"), match["directive"] or "", match["value"] or "")
        block.commands = commands(block.text)
        if block.text:
            yield block


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each command of a block and the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0][:-1]}{line.lstrip()}", [])
        elif found:
            found[-1][1].append(line)
    return found


def disguised(block: Block) -> list[str]:
    """Lines that look like commands and do not say so: they would be left out of the test unnoticed."""
    before = itertools.takewhile(lambda line: not line.startswith("$ "), block.text.splitlines())
    return [line for line in before if COMMAND.match(line)] if not block.directive else []


def run(command: str, folder: Path, groups: list[int] | None = None) -> Ran:
    """The command in a shell, without a terminal; what it leaves running in the background may go on.

    ``groups`` takes the process group, so that the caller can end what is left.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GOLDCREST", "PYTEST"))}
    environment = {**inherited, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb"}
    environment.pop("COLUMNS", None)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:  # not a pipe: background processes hold it open
        shell = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if groups is not None:
            groups.append(shell.pid)
        try:
            status = shell.wait(timeout=3600)
        finally:
            shell.kill()
        output.seek(0)
        return Ran(command, status, output.read())


def end(groups: list[int]) -> None:
    """Ends what the commands left running."""
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)


def edit(path: Path, diff: str) -> None:
    """Change a file as a diff of whole lines says; what is to be replaced has to be there, once."""
    text = path.read_text(encoding="utf-8")
    lines = [line for line in diff.splitlines() if line[:1] in "+-"]
    old = [line[1:] for line in lines if line.startswith("-")]
    new = [line[1:] for line in lines if line.startswith("+")]
    there = text.splitlines()
    places = [i for i in range(len(there)) if there[i : i + len(old)] == old]
    assert len(places) == 1, f"{path.name} has these lines {len(places)} times:\n{diff}"
    there[places[0] : places[0] + len(old)] = new
    path.write_text("\n".join(there) + "\n", encoding="utf-8")


def missing(shown: list[str], output: str) -> str | None:
    """The first shown line that was not printed, in this order, or None."""
    printed = [plain(line) for line in output.splitlines()]
    position = 0
    for line in shown:
        wanted = plain(line)
        if wanted in ("", "…") or wanted.startswith("setup "):
            continue
        found = next((i for i in range(position, len(printed)) if same(wanted, printed[i])), None)
        if found is None:
            return line
        position = found + 1
    return None


def plain(line: str) -> str:
    """A line without what differs between runs and versions: seconds, bars, a data set's digest, runs of spaces."""
    return BAR.sub("[#]", DIGEST.sub("-#.npz", SECONDS.sub("# s", " ".join(line.split()))))


def same(wanted: str, printed: str) -> bool:
    """Whether a printed line is the one shown: the same words, and numbers that another training might give."""
    if cached := STAGE.match(printed):
        return wanted.startswith(f"{cached[1]} ") or wanted == cached[1]
    if wanted.endswith("…"):
        wanted = wanted.removesuffix("…").rstrip()
        printed = printed[: len(printed) if wanted == "" else _end(wanted, printed)].rstrip()
    if NUMBER.sub("#", wanted) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(wanted), NUMBER.findall(printed), strict=True)
    return all(near(float(a.replace(",", "")), float(b.replace(",", ""))) for a, b in pairs)


def _end(wanted: str, printed: str) -> int:
    """Where the part of ``printed`` ends that has as many words as ``wanted``."""
    words = len(wanted.split())
    found = re.match(rf"(?:\S+\s*){{{words}}}", printed)
    return found.end() if found else len(printed)


def near(a: float, b: float) -> bool:
    """Within a quarter of each other, or within five (percents of small counts)."""
    return abs(a - b) <= max(5.0, 0.25 * max(abs(a), abs(b)))
