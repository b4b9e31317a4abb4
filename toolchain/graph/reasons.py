"""Why a stage runs, in words: which key of the manifest changed, and on which line it stands; which file changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]

# Where a plan's key stands in the manifest, if not at the same place.
MOVED: Mapping[str, Mapping[str, KeyPath]] = {
    "training": {"import": ("network",), "teacher": ("training", "distillation", "teacher")},
    "quantization": {"loss": ("training", "loss")},
    "generation": {
        **{key: ("target", key) for key in ("mcu", "prefer", "latency", "input")},
        "program": ("target", "memory", "program"),
    },
    "compilation": {"mcu": ("target", "mcu"), "clock_hz": ("target", "clock"), "optimize": ("target", "optimize")},
    "memory": {**{key: ("target", "memory", key) for key in ("program", "data")}, "time": ("target", "time")},
}
LONG = 24  # characters of a value that is still shown
FILES = 2  # of many files, how many are named


@dataclass(frozen=True)
class Change:
    """A key with another value than before; ``path`` is its place in the manifest, ``name`` what it is called."""

    path: KeyPath
    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        values = [_shown(value) for value in (self.old, self.new)]
        if max(map(len, values)) > LONG:
            return f"{self.name} changed"
        return f"{self.name}: {values[0]} → {values[1]}"


def in_manifest(manifest: str, section: str, old: str, new: str) -> list[str]:
    """What changed between two texts of a plan's section: ``models/x.yaml:20: training.epochs: 10 → 12``."""
    from toolchain.manifest import place

    lines = []
    for change in changes(section, json.loads(old), json.loads(new)):
        found = place(Path(manifest), change.path)
        lines.append(f"{found.source.file}:{found.line}: {change}")
    return lines


def changes(section: str, old: Any, new: Any) -> list[Change]:
    """The keys that differ between two plans of one section."""
    found = []
    for path, before, after in _differences(old, new, ()):
        moved = MOVED.get(section, {}).get(str(path[0])) if path else None
        place = (*moved, *path[1:]) if moved else ("dataset", *path) if section == "dataset" else path
        found.append(Change(place, _name(place, new), before, after))
    return found


def _differences(old: Any, new: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any, Any]]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*new, *old]):
            yield from _differences(old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and path == ("network",):
        yield from _layers(old, new)
    else:
        yield path, old, new


def _layers(old: list[Any], new: list[Any]) -> Iterator[tuple[KeyPath, Any, Any]]:
    """Options of layers one by one, as far as the layers are the same; from there on the network is another one."""
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before["kind"] != after["kind"]:
            yield ("network", index), before["kind"], after["kind"]
            return
        yield from _differences(before, after, ("network", index))
    if len(old) != len(new):
        last = min(len(old), len(new))
        yield ("network", min(last, len(new) - 1)), f"{len(old)} layers", f"{len(new)} layers"


def _name(path: KeyPath, plan: Any) -> str:
    """``training.epochs``, and for a layer ``dense_1.units``."""
    if len(path) > 1 and path[0] == "network":
        layer = plan["network"][path[1]]["name"]
        return ".".join(map(str, (layer, *path[2:]))) if len(path) > 2 else "network"
    return ".".join(map(str, path))


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def in_lines(old: str, new: str) -> list[str]:
    """The first words of lines that are new or different: a program's files, or packages with their versions."""
    known = set(old.splitlines())
    return [line.split()[0] for line in new.splitlines() if line.split() and line not in known]


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and 3 more``."""
    if len(names) <= FILES:
        return " and ".join(names)
    return f"{', '.join(names[:FILES])} and {len(names) - FILES} more"


def in_command(old: str, new: str) -> str:
    """Which words of a command are others now: ``-Os → -O3``."""
    before, after = old.split(), new.split()
    gone = [word for word in before if word not in after]
    come = [word for word in after if word not in before]
    if not gone and not come:
        return "the order of its command's words changed"
    shown = f"{' '.join(gone) or 'nothing'} → {' '.join(come) or 'nothing'}"
    return f"its command: {shown}" if len(shown) <= 3 * LONG else "its command changed"
