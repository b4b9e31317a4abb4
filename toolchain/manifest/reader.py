"""From YAML text to nodes that know where they stand. Safe: no tag makes anything but text, numbers, lists, mappings.

The nodes are built from the parser's events, because PyYAML's own composer drops what is needed here (where an alias
stands, duplicate keys) and recurses without a limit.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from toolchain.manifest import scalars
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, Place, Source

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times as fast, where PyYAML has it
LARGEST_FILE = 1 << 20
DEEPEST = 50
MOST_VALUES = 100_000  # aliases of aliases of aliases grow without end: a manifest has a hundred values

# What the parser says → what to say, and the likely remedy.
PROBLEMS = {
    "found character that cannot start any token": ("this character cannot begin a value", "put the text in quotes"),
    "mapping values are not allowed in this context": (
        "a `key: value` pair cannot stand here",
        "check the indentation, or put a text that holds a colon in quotes",
    ),
    "could not find expected ':'": ("expected a `:` after the key", "write `key: value`"),
    "did not find expected key": ("expected a key here", "keys of one mapping begin in one column"),
    "did not find expected '-' indicator": ("expected `- ` here", "items of one list begin in one column"),
    "did not find expected ',' or '}'": (
        "expected `,` or `}` here",
        "close the brace, or put a comma between the keys",
    ),
    "did not find expected ',' or ']'": (
        "expected `,` or `]` here",
        "close the bracket, or put a comma between the items",
    ),
    "found unexpected end of stream": ("the text ends inside quotes", "close the quotes"),
    "did not find expected node content": ("a value is missing here", "close what was opened, or write a value"),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin here",
        "begin it on a line of its own",
    ),
    "control characters are not allowed": ("control characters are not allowed", "remove the character"),
}
TAB = ("a tab cannot be used here", "YAML is indented with spaces")


@dataclass(eq=False)
class Node:
    """A value of a manifest: ``value`` is a scalar, a list of nodes, or a mapping key → node.

    ``keys`` of a mapping hold the key's own node, for its place.
    """

    value: Any
    place: Place
    quoted: bool = False
    keys: dict[str, Node] = field(default_factory=dict)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    def plain(self) -> Any:
        """The value as Python's own types."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


class Stop(Exception):
    """Reading cannot go on: the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def displayed(path: Path) -> str:
    """How messages call ``path``: relative to the working folder where it lies below it."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def source(path: Path) -> Source:
    """Reads the text of ``path``. Raises InvalidManifest if there is none."""
    file = displayed(path)
    begin = Place(Source(file, ""), 1, 1)
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise OSError(errno.EINVAL, "it is a pipe or a device, and a file was expected")  # reading might never end
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidManifest(file, [Diagnostic(f"cannot read the manifest: {reason}", begin)]) from error
    if len(content) > LARGEST_FILE:
        message = f"{len(content):,} bytes are too long for a manifest; at most {LARGEST_FILE:,} were expected"
        raise InvalidManifest(file, [Diagnostic(message, begin)])
    try:
        return Source(file, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        shown = Source(file, content.decode("utf-8-sig", "replace"))
        message = f"byte 0x{content[error.start]:02x} is not UTF-8"
        note = "save the file in the encoding UTF-8"
        raise InvalidManifest(file, [Diagnostic(message, shown.at(len(before)), (note,))]) from error


def read(text: Source, problems: list[Diagnostic]) -> Node | None:
    """The manifest's top value; what is wrong goes to ``problems``. None if it cannot be read at all."""
    try:
        return _Composer(text, problems).document()
    except Stop as stop:
        problems.append(stop.diagnostic)
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax(text, error))
    except (yaml.reader.ReaderError, UnicodeError):
        problems.append(_character(text))
    return None


class _Composer:
    def __init__(self, text: Source, problems: list[Diagnostic]) -> None:
        self.text = text
        self.problems = problems
        self.events: Iterator[Any] = iter(yaml.parse(text.text, Loader=LOADER))
        self.anchors: dict[str, Node] = {}
        self.sizes: dict[int, int] = {}  # values below a node, aliases counted as often as they stand
        self.open: set[int] = set()

    def document(self) -> Node | None:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self.stop(
                Place(self.text, 1, 1),
                "the manifest is empty",
                "expected keys such as `model:`, `dataset:`, `network:`",
            )
        top = self.node(next(self.events), 0)
        next(self.events)  # document end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            self.stop(self.at(event), "a second document begins here", "one file holds one manifest: remove the `---`")
        return top

    def node(self, event: Any, depth: int) -> Node:
        place = self.at(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, place)
        if event.tag not in (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.stop(
                place, f"the tag `{tag[:40]}` is not allowed", "a manifest holds text, numbers, lists and mappings"
            )
        if depth > DEEPEST:
            self.stop(place, f"more than {DEEPEST} levels of nesting", "no manifest needs so many")
        if isinstance(event, yaml.ScalarEvent):
            quoted = not event.implicit[0]
            return self.sized(Node(event.value if quoted else scalars.resolve(event.value), place, quoted), event, 1)
        node = Node([] if isinstance(event, yaml.SequenceStartEvent) else {}, place)
        self.open.add(id(node))
        if event.anchor:
            self.anchors[event.anchor] = node
        size = self.sequence(node, depth) if node.is_list else self.mapping(node, depth)
        self.open.discard(id(node))
        return self.sized(node, event, size)

    def sized(self, node: Node, event: Any, size: int) -> Node:
        if size > MOST_VALUES:
            self.stop(node.place, f"more than {MOST_VALUES:,} values", "aliases of aliases grow fast: write fewer")
        self.sizes[id(node)] = size
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any, place: Place) -> Node:
        if event.anchor not in self.anchors:
            self.stop(
                place,
                f"no `&{event.anchor}` stands before `*{event.anchor}`",
                "name the value first: `key: &name value`",
            )
        node = self.anchors[event.anchor]
        if id(node) in self.open:
            self.stop(place, f"`*{event.anchor}` stands inside the value it means", "a value cannot contain itself")
        return node

    def sequence(self, node: Node, depth: int) -> int:
        size = 1
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            item = self.node(event, depth + 1)
            node.value.append(item)
            size += self.sizes[id(item)]
        return size

    def mapping(self, node: Node, depth: int) -> int:
        merged: list[Node] = []
        size = 1
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            size += self.sizes[id(value)] + 1
            if key.value == "<<" and not key.quoted:
                merged += self.merge_sources(value)
            elif not isinstance(key.value, str):
                self.wrong_key(key)
            elif key.value in node.value:
                first = node.keys[key.value].place
                self.problems.append(
                    Diagnostic(f"`{key.value}` is given twice", key.place, (f"the first one is in line {first.line}",))
                )
            else:
                node.value[key.value], node.keys[key.value] = value, key
        for other in merged:  # explicit keys win over merged ones, earlier merged ones over later
            for name, value in other.value.items():
                if name not in node.value:
                    node.value[name], node.keys[name] = value, other.keys[name]
        return size

    def merge_sources(self, value: Node) -> list[Node]:
        nodes = value.value if value.is_list else [value]
        for node in nodes:
            if not node.is_mapping:
                self.stop(node.place, "`<<` merges mappings", "expected `<<: *name` with a mapping called `&name`")
        return list(nodes)

    def wrong_key(self, key: Node) -> None:
        what = "a list or a mapping" if isinstance(key.value, list | dict) else f"`{_word(key.value)}`"
        self.problems.append(Diagnostic(f"{what} cannot be a key", key.place, ("expected a word",)))

    def at(self, event: Any) -> Place:
        return Place(self.text, event.start_mark.line + 1, event.start_mark.column + 1)

    def stop(self, place: Place, message: str, *notes: str) -> None:
        raise Stop(Diagnostic(message, place, notes))


def _word(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, float)
        else str(value)
    )


def _syntax(text: Source, error: yaml.MarkedYAMLError) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = str(error.problem)
    content = text.line(line)
    indentation = content[: len(content) - len(content.lstrip())]
    message, remedy = PROBLEMS.get(problem, (problem, "expected YAML"))
    if "\t" in indentation:
        (message, remedy), column = TAB, indentation.index("\t") + 1
    elif content[column - 1 : column] in "@`%" and content[column - 1 : column]:
        message = f"a value cannot begin with `{content[column - 1]}`"
    elif content[column - 1 : column] == "\t":
        message, remedy = TAB
    notes = [remedy]
    context, begun = str(error.context), error.context_mark
    if begun and "quoted scalar" in context:
        message, line, column = "these quotes are never closed", begun.line + 1, begun.column + 1
    elif begun and "flow" in context and begun.line + 1 != line:
        notes.append(f"what is not closed begins in line {begun.line + 1}")
    return Diagnostic(message, Place(text, line, column), tuple(notes))


def _character(text: Source) -> Diagnostic:
    # The parsers name the place in bytes or in characters; the text itself says which character it is.
    index = next((index for index, character in enumerate(text.text) if not _allowed(character)), 0)
    message = f"the character U+{ord(text.text[index : index + 1] or chr(0)):04X} is not allowed"
    return Diagnostic(message, text.at(index), ("remove it, or save as UTF-8",))


def _allowed(character: str) -> bool:
    code = ord(character)
    return (
        character in "\t\n\r\x85"
        or 0x20 <= code <= 0x7E
        or 0xA0 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or (code >= 0x10000)
    )
