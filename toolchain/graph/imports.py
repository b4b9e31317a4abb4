"""Which of the toolchain's modules a stage runs: an edit to one of them, and to no other, makes the stage run again.

SCons's own scanner misses imports in parentheses and does not follow them. This one reads the text with one regular
expression (a hundred modules take a few milliseconds, parsing them would take a hundred), so it also sees imports
inside functions. Imports for type checkers only are left out: they never run. A module that looks for its siblings
(``iter_modules``) depends on all of them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<origin>[.\w]+)[ \t]+import[ \t]*(?:\((?P<block>[^)]*)\)|(?P<line>(?:[^\n\\]|\\\n)*))"
    r"|import[ \t]+(?P<plain>(?:[^\n\\]|\\\n)*))",
    re.MULTILINE,
)
COMMENT = re.compile(r"#[^\n]*")
TYPES_ONLY = re.compile(
    r"^(?P<indent>[ \t]*)if (?:typing\.)?TYPE_CHECKING:[^\n]*\n(?:(?P=indent)[ \t]+[^\n]*\n|[ \t]*\n)*", re.MULTILINE
)


def closure(module: str, root: Path) -> list[str]:
    """Files (relative to ``root``, sorted) that importing ``module`` can run, within ``module``'s own package."""
    package = module.partition(".")[0]
    waiting, files = [module], dict[str, None]()
    while waiting:
        name = waiting.pop()
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py as well.
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            found = locate(".".join(parts[:end]), root)
            if found is not None and found not in files:
                files[found] = None
                waiting += [each for each in imported(found, root) if each.partition(".")[0] == package]
    return sorted(files)


def locate(module: str, root: Path) -> str | None:
    """The file of a module, relative to ``root``, or ``None`` if the name is a function or class inside one."""
    path = module.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


@cache
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
        folder = (root / file).parent
        names += [".".join([*package, path.stem]) for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
    return tuple(names)
