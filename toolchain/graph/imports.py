"""Which of the toolchain's modules a stage runs: an edit to one of them, and to no other, makes the stage run again.

SCons's own scanner misses imports in parentheses and does not follow them. This one reads the text with one regular
expression (a hundred modules take a few milliseconds, parsing them would take a hundred), so it also sees imports
inside functions. Imports for type checkers only are left out: they never run. A module that looks for its siblings
(``iter_modules``) depends on all of them.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path

from toolchain.graph.notes import Notes

IMPORT = re.compile(
    r"(?:^|;)[ \t]*(?:"
    r"from[ \t]+(?P<origin>[.\w]+)[ \t]+import[ \t]*(?:\((?P<block>[^)]*)\)|(?P<line>(?:[^\n\\;]|\\\n)*))"
    r"|import[ \t]+(?P<plain>(?:[^\n\\;]|\\\n)*))",
    re.MULTILINE,
)
SIBLINGS = "*"
COMMENT = re.compile(r"#[^\n]*")
TYPES_ONLY = re.compile(
    r"^(?P<indent>[ \t]*)if (?:typing\.)?TYPE_CHECKING:[^\n]*\n(?:(?P=indent)[ \t]+[^\n]*\n|[ \t]*\n)*", re.MULTILINE
)


def program(module: str, root: Path, notes: Notes | None = None) -> str:
    """The modules that importing ``module`` can run, with a digest of each: changes when one of them does."""
    return "\n".join(f"{file} {read(file, str(root), notes)[0]}" for file in closure(module, root, notes))


def closure(module: str, root: Path, notes: Notes | None = None) -> list[str]:
    """Files (relative to ``root``, sorted) that importing ``module`` can run, within ``module``'s own package."""
    waiting = list(files_of(module, str(root)))
    found = set(waiting)
    while waiting:
        for file in needed(waiting.pop(), str(root), notes):
            if file not in found:
                found.add(file)
                waiting.append(file)
    return sorted(found)


@cache
def index(package: str, root: str) -> dict[str, str]:
    """Every module of the package and its file. Files are looked for once: a graph asks thousands of times."""
    found = {}
    for folder, _, names in os.walk(f"{root}/{package}"):
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in names:
            if name.endswith(".py"):
                file = f"{inside}/{name}"
                found[file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = file
    return found


@cache
def files_of(name: str, root: str) -> tuple[str, ...]:
    """What importing ``a.b.c`` runs by name alone: a/__init__.py, a/b/__init__.py, a/b/c.py, as far as they exist."""
    known = index(name.partition(".")[0], root)
    parts = name.split(".")
    if parts[-1] == SIBLINGS:
        folder = "/".join(parts[:-1])
        return tuple(sorted(file for file in known.values() if file.rpartition("/")[0] == folder))
    prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return tuple(known[prefix] for prefix in prefixes if prefix in known)


@cache
def needed(file: str, root: str, notes: Notes | None) -> tuple[str, ...]:
    """The files of its own package that a file imports directly."""
    package = file.partition("/")[0]
    names = (name for name in read(file, root, notes)[1] if name.partition(".")[0] == package)
    return tuple(dict.fromkeys(each for name in names for each in files_of(name, root)))


@cache
def read(file: str, root: str, notes: Notes | None) -> tuple[str, list[str]]:
    """A digest of the file's content, and what it imports."""

    def find_out() -> tuple[str, list[str]]:
        digest = hashlib.sha256(Path(root, file).read_bytes()).hexdigest()[:32]
        return digest, list(imported(file, Path(root)))

    return find_out() if notes is None else notes.about(f"{root}/{file}", "module", find_out)


def imported(file: str, root: Path) -> tuple[str, ...]:
    """Dotted names that the file imports; ``from a import b`` gives ``a`` and ``a.b``, which may be a module or not."""
    text = (root / file).read_text(encoding="utf-8")
    package = file.removesuffix(".py").removesuffix("/__init__").split("/")
    if not file.endswith("__init__.py"):
        package.pop()
    names: list[str] = []
    for match in IMPORT.finditer(TYPES_ONLY.sub("", COMMENT.sub("", text))):
        if match["plain"]:
            names += [word.split()[0] for word in match["plain"].replace("\\\n", " ").split(",") if word.split()]
            continue
        origin = match["origin"]
        level = len(origin) - len(origin.lstrip("."))
        if level:
            origin = ".".join([*package[: len(package) - level + 1], *filter(None, [origin.lstrip(".")])])
        names.append(origin)
        listed = (match["block"] or match["line"] or "").replace("\\\n", " ")
        names += [f"{origin}.{word.split()[0]}" for word in listed.split(",") if word.split()]
    if "iter_modules(" in text:
        names.append(".".join([*package, SIBLINGS]))
    return tuple(names)
