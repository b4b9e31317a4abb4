"""What random tests covered, counted over all of their processes and shown once when the tests are done."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

PROPERTY = "coverage"
"""The name under which a test records its counts (``record_property``): a mapping from words to numbers."""


def total(reports: Iterable[object]) -> Counter[str]:
    """The sum of what all tests recorded."""
    found: Counter[str] = Counter()
    for report in reports:
        for name, counts in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                found.update(counts)
    return found


def shown(counts: Counter[str], width: int) -> str:
    """A paragraph for each first word of the names: ``layer  add 17, dense 22, …``."""
    groups: dict[str, list[str]] = {}
    for name, count in sorted(counts.items()):
        group, _, rest = name.partition(" ")
        groups.setdefault(group, []).append(f"{rest} {count:,}".strip())
    margin = max(map(len, groups), default=0) + 2
    lines = []
    for group, names in groups.items():
        text = f"{group:<{margin}}" + ", ".join(names)
        lines += textwrap.wrap(text, width, subsequent_indent=" " * margin)
    return "".join(f"{line}\n" for line in lines)
