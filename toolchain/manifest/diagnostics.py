"""What a person sees when a manifest is wrong: the place, the line itself with a caret, what was expected.

    models/x.yaml:31:12: error: unknown key `unit` in `dense`
       31 |   - dense: {unit: 32}
          |             ^
      did you mean `units`?

Everything here is plain text of at most 80 columns (the first line may be longer where a path is); ``coloured`` marks
up the same text for a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from toolchain.errors import ManifestError

KeyPath = tuple[str | int, ...]
"""Where a value stands in a manifest: ``("network", 0, "dense", "units")``."""

WIDTH = 80
GUTTER = 8  # "   31 | "
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML takes for the end of a line


@dataclass(frozen=True, eq=False)
class Source:
    """A manifest's text and the name by which messages call it (relative to the working folder)."""

    file: str
    text: str

    def line(self, number: int) -> str:
        """Line ``number`` (from 1) without its end; empty beyond the text."""
        lines = LINE_BREAK.split(self.text)
        return lines[number - 1] if 1 <= number <= len(lines) else ""

    def at(self, index: int) -> Place:
        """The place of the character at ``index``."""
        before = LINE_BREAK.split(self.text[:index])
        return Place(self, len(before), len(before[-1]) + 1)


@dataclass(frozen=True)
class Place:
    """A character of a manifest; line and column count from 1."""

    source: Source
    line: int
    column: int


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong. ``notes`` say what was expected and what would mend it."""

    message: str
    place: Place
    notes: tuple[str, ...] = ()
    key_path: KeyPath = field(default=(), compare=False)

    @property
    def file(self) -> str:
        return self.place.source.file

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}: error: {self.message}"
        source = self.place.source.line(self.line)
        body = _excerpt(source, self.line, self.column) if source.strip() else []
        return "\n".join([head, *body, *(line for note in self.notes for line in _wrapped(note))])


class InvalidManifest(ManifestError):
    """A manifest that cannot be built, with every reason."""

    def __init__(self, file: str, diagnostics: Iterable[Diagnostic]) -> None:
        unique = {(d.file, d.line, d.column, d.message): d for d in diagnostics}
        # The manifest's own errors first, then those of the files it extends.
        self.diagnostics = sorted(unique.values(), key=lambda d: (d.file != file, d.file, d.line, d.column))
        self.file = file
        count = len(self.diagnostics)
        last = f"{count} error{'' if count == 1 else 's'} in {file}"
        super().__init__("\n\n".join([*map(str, self.diagnostics), last]))


def coloured(text: str) -> str:
    """The same text with rich's markup: the verdict red, the caret green, the path bold."""
    lines = []
    for line in text.split("\n"):
        line = line.replace("[", "\\[")
        line = re.sub(r"^(\S+:\d+:\d+:) error:", r"[bold]\1[/] [bold red]error:[/]", line)
        line = re.sub(r"^(\s+\d* \|)(\s*)\^$", r"[dim]\1[/]\2[bold green]^[/]", line)
        line = re.sub(r"^(\s+\d+ \|)", r"[dim]\1[/]", line)
        lines.append(re.sub(r"^(\d+ errors? in .*)$", r"[bold red]\1[/]", line))
    return "\n".join(lines)


def suggestion(word: object, known: Iterable[str]) -> str | None:
    """The known name that ``word`` was probably meant to be: a slip of the pen, a beginning, or initials (``mse``)."""
    from difflib import get_close_matches  # only when something is wrong: null builds are timed

    asked = str(word)[:100].lower()
    names = {name.lower(): name for name in known}
    # `int4` is not a misspelt `int8`: other digits are another meaning, `atmega4089` has the right ones.
    alike = [name for name in names if sorted(filter(str.isdigit, name)) == sorted(filter(str.isdigit, asked))]
    close = get_close_matches(asked, alike, n=1, cutoff=0.66 if len(asked) <= 4 else 0.7)
    if not close and len(asked) >= 3:
        close = [name for name in names if name.startswith(asked) or "".join(p[:1] for p in name.split("_")) == asked]
    return names[close[0]] if close else None


def expected(word: object, known: Iterable[str], what: str = "expected one of") -> tuple[str, ...]:
    """The note beside a name that nobody knows: the one that was probably meant, else all of them."""
    names = list(known)
    guess = suggestion(word, names)
    return (f"did you mean `{guess}`?",) if guess else (f"{what}: {', '.join(names)}",)


def _excerpt(source: str, number: int, column: int) -> list[str]:
    """The source line and the caret below it; of a long line only the part around the caret."""
    text = "".join(" " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in source)
    caret = column - 1
    room = WIDTH - GUTTER
    if len(text) > room:
        start = max(0, min(caret - room // 2, len(text) - room))
        end = start + room
        caret -= start
        text = ("…" if start else text[0]) + text[start + 1 : end - 1] + ("…" if end < len(text) else text[end - 1])
    before = sum(_columns(c) for c in text[:caret]) + max(0, caret - len(text))
    return [f"{number:>5} | {text}".rstrip(), f"{'':>5} | {' ' * before}^"]


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrapped(note: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        note, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
