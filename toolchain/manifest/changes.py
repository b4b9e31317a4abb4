"""A manifest with some of its values replaced: how the points of a study come from one base.

A changed value keeps the place where it was written, so an error about it points there and not at the base.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from toolchain.manifest.diagnostics import Diagnostic, KeyPath
from toolchain.manifest.reader import Node


@dataclass(frozen=True)
class Change:
    """The value at ``path`` becomes ``value``; nothing (``null``) takes the key away. ``key`` is where the path is
    written."""

    path: KeyPath
    key: Node
    value: Node


def parse(text: str) -> KeyPath:
    """``network.0.dense.units`` → ``("network", 0, "dense", "units")``."""
    return tuple(int(step) if step.isdigit() else step for step in text.split("."))


def changed(top: Node, changes: Iterable[Change], problems: list[Diagnostic]) -> Node:
    """A copy of the manifest with the changes made, in order. Missing mappings are made; missing list items, and what
    lies below a plain value, go to ``problems``."""
    for change in changes:
        top = _replaced(top, change, 0, problems)
    return top


def _replaced(node: Node, change: Change, depth: int, problems: list[Diagnostic]) -> Node:
    if depth == len(change.path):
        return change.value
    step = change.path[depth]
    if isinstance(step, int):
        if not node.is_list or step >= len(node.value):
            problems.append(_no_item(node, change, depth))
            return node
        items = list(node.value)
        items[step] = _replaced(items[step], change, depth + 1, problems)
        return Node(items, node.place, node.quoted)
    if node.value is not None and not node.is_mapping:
        problems.append(_no_mapping(node, change, depth))
        return node
    result = Node(dict(node.value or {}), node.place, keys=dict(node.keys))
    if depth == len(change.path) - 1 and change.value.value is None and not change.value.quoted:
        result.value.pop(step, None), result.keys.pop(step, None)
        return result
    inner = result.value.get(step, Node({}, change.key.place))
    result.value[step] = _replaced(inner, change, depth + 1, problems)
    result.keys[step] = result.keys.get(step, change.key)
    return result


def _no_item(node: Node, change: Change, depth: int) -> Diagnostic:
    parent = ".".join(map(str, change.path[:depth])) or "the manifest"
    if not node.is_list:
        note = f"`{parent}` is no list" if node.value is not None else f"there is no `{parent}` in the base manifest"
    else:
        note = f"`{parent}` has {len(node.value)} items, 0 to {len(node.value) - 1}"
    return Diagnostic(f"there is no `{_dotted(change)}`", change.key.place, (note,), change.path)


def _no_mapping(node: Node, change: Change, depth: int) -> Diagnostic:
    parent, step = ".".join(map(str, change.path[:depth])), change.path[depth]
    kind = "a list" if node.is_list else f"`{node.value}`"
    note = f"`{parent}` is {kind}; it has no `{step}`"
    if node.is_list:
        note += f": number its items from 0, such as `{parent}.0`"
    return Diagnostic(f"there is no `{_dotted(change)}`", change.key.place, (note,), change.path)


def _dotted(change: Change) -> str:
    return ".".join(map(str, change.path))
