"""``extends: other.yaml``: a manifest that starts from another one.

Mappings are merged key by key, anything else (lists too) is replaced; ``key: null`` takes an inherited key away. A
choice of one key among several (``optimizer: {sgd: …}``) is replaced if the key is another one. ``model`` and
``description`` are each file's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolchain.manifest import reader
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, KeyPath, Place
from toolchain.manifest.reader import Node

OWN_KEYS = ("model", "description", "extends")


def read(path: Path, choices: Iterable[KeyPath], problems: list[Diagnostic]) -> tuple[Node | None, list[Path]]:
    """The manifest at ``path`` with what it inherits, and every file that was read.

    ``choices`` are the key paths of mappings that hold one key out of several. Raises InvalidManifest if ``path``
    itself cannot be opened; everything else goes to ``problems``.
    """
    return _read(path, frozenset(choices), problems, [])


def _read(
    path: Path, choices: frozenset[KeyPath], problems: list[Diagnostic], chain: list[Path]
) -> tuple[Node | None, list[Path]]:
    text = reader.source(path)
    top = reader.read(text, problems)
    files = [path]
    if top is None:
        return None, files
    if not top.is_mapping:
        empty = top.value is None
        message = "the manifest is empty" if empty else "a manifest is a mapping of keys to values"
        problems.append(Diagnostic(message, top.place, ("expected keys such as `model:`, `dataset:`, `network:`",)))
        return None, files
    link = top.value.get("extends")
    if link is None or link.value is None:
        return top, files
    base, more = _base(path, link, choices, problems, [*chain, path.resolve()])
    if base is None:
        return None, files + more
    inherited = Node(
        {key: value for key, value in base.value.items() if key not in OWN_KEYS}, base.place, keys=dict(base.keys)
    )
    return merged(inherited, top, choices), files + more


def _base(
    path: Path, link: Node, choices: frozenset[KeyPath], problems: list[Diagnostic], chain: list[Path]
) -> tuple[Node | None, list[Path]]:
    if not isinstance(link.value, str) or not link.value.strip():
        problems.append(Diagnostic("`extends` is the name of another manifest", link.place, ("expected a file name",)))
        return None, []
    target = path.parent / link.value
    if target.resolve() in chain:
        names = " → ".join(reader.displayed(p) for p in [*chain, target.resolve()])
        problems.append(Diagnostic("`extends` goes round in a circle", link.place, (names,)))
        return None, []
    try:
        return _read(target, choices, problems, chain)
    except InvalidManifest as error:
        own = [d for d in error.diagnostics if d.place.source.text]
        problems += own
        if not own:  # it cannot be opened: the line that asks for it is at fault
            problems.append(cannot_open(path, link, target, error))
        return None, []


def cannot_open(path: Path, link: Node, target: Path, error: InvalidManifest) -> Diagnostic:
    """What is wrong with the line ``link`` of the manifest ``path`` that names ``target``, which cannot be opened."""
    from toolchain.manifest.diagnostics import suggestion

    if target.exists():
        return Diagnostic(error.diagnostics[0].message, link.place, (f"the file is {reader.displayed(target)}",))
    folder = target.parent
    guess = suggestion(target.name, [file.name for file in folder.glob("*.yaml") if file.resolve() != path.resolve()])
    notes = (
        (f"did you mean `{link.value.removesuffix(target.name)}{guess}`?",)
        if guess
        else ("the path is relative to the folder of this manifest",)
    )
    return Diagnostic(f"there is no manifest {reader.displayed(target)}", link.place, notes)


def merged(base: Node, child: Node, choices: frozenset[KeyPath], key_path: KeyPath = ()) -> Node:
    """``child`` on top of ``base``; a value keeps the place where it stands."""
    if not (base.is_mapping and child.is_mapping):
        return child
    if key_path in choices and base.value.keys() != child.value.keys():
        return child
    result = Node(dict(base.value), child.place, keys=dict(base.keys))
    for key, value in child.value.items():
        if value.value is None and not value.quoted and key in base.value:
            result.value.pop(key), result.keys.pop(key)
            continue
        inherited = base.value.get(key)
        result.value[key] = value if inherited is None else merged(inherited, value, choices, (*key_path, key))
        result.keys[key] = child.keys[key]
    return result


def place_of(top: Node, key_path: KeyPath, value: bool = False) -> Place:
    """Where ``key_path`` stands: its key, or with ``value`` the value. Of a missing one, the mapping that lacks it."""
    node, place = top, top.place
    for index, step in enumerate(key_path):
        last = index == len(key_path) - 1
        if node.is_mapping and step in node.value:
            place = node.value[step].place if last and value else node.keys[str(step)].place
        elif node.is_list and isinstance(step, int) and step < len(node.value):
            place = node.value[step].place
        else:
            break
        node = node.value[step]
    return place
