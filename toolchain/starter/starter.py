"""Writes ``models/NAME.yaml`` for a file of samples, and says what was guessed."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.manifest import schema
from toolchain.starter import findings, text

SCREEN = 80
TOPIC = 11  # the width of the build's own first column


def write(name: str, data: str, folder: Path, pretend: bool = False) -> str:
    """Writes the manifest and returns what the screen shows; with ``pretend`` nothing is written.

    Raises GoldcrestError for a name that cannot be or is taken, and for a file that cannot be a data set.
    """
    target = folder / f"{name}.yaml"
    _check(name, data, target)
    found = findings.look(Path(data))
    content = text.manifest(name, f"./scons new={name} data={data}", found)
    if not pretend:
        with atomic(target, "w") as file:
            file.write(content)
    parameters = text.hidden(found) * (found.features + 1 + found.outputs) + found.outputs
    sizes = f"{found.features} → {text.hidden(found)} → {found.outputs}"
    lines = [
        *found.shown,
        ("network", f"{sizes}, {parameters:,} parameters"),
        ("new", str(target)),
        ("next", f"./scons model={name} flash evaluate"),
    ]
    return "".join(line for topic, what in lines for line in _shown(topic, what))


def _check(name: str, data: str, target: Path) -> None:
    if not data:
        raise GoldcrestError(f"new={name} needs a file: ./scons new={name} data=my.csv (or .npz)")
    if not name:
        raise GoldcrestError(f"data={data} needs a name: ./scons new=NAME data={data}")
    described = schema.sections()["properties"]["model"]
    if not re.search(described["pattern"], name) or len(name) > described["maxLength"] or name == "all":
        raise GoldcrestError(f"new={name} cannot be a model's name; expected letters, digits, - and _ (and not `all`)")
    if target.exists():
        raise GoldcrestError(f"{target} exists and is left as it is; choose another name, or remove the file first")


def _shown(topic: str, what: str) -> list[str]:
    lines = textwrap.wrap(what, SCREEN - TOPIC, break_on_hyphens=False) or [""]
    return [f"{topic if not index else '':<{TOPIC}}{line}\n" for index, line in enumerate(lines)]
