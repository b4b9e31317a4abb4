"""What an unquoted word of a manifest means: YAML 1.2's rules, not 1.1's.

PyYAML follows YAML 1.1, in which ``off`` is false, ``010`` is eight, ``12:30`` is 750 and ``1e-3`` is text; editors
follow 1.2. So words are read here. A word on which the two disagree stays text and carries a hint, which is shown if
text is not what was expected at its place.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
OLD_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
LEADING_ZERO = re.compile(r"([-+]?)0+([0-9]+)")
UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?")
LONGEST = 40  # digits; Python refuses to read integers of thousands of digits, and no manifest needs them


def resolve(word: str) -> Scalar:
    """The value of the unquoted ``word``."""
    first = word[:1]
    if first.isalpha():  # the common case, decided without a pattern
        return TRUTHS.get(word, None if word in NULLS else word)
    if word in NULLS:
        return None
    if len(word) <= LONGEST:
        if DECIMAL.fullmatch(word):
            return int(word)
        if BASED.fullmatch(word):
            return int(word, 0)
        if not LEADING_ZERO.fullmatch(word) and FLOAT.fullmatch(word):
            return float(word)
    if word.lower() in NOT_FINITE:
        return float(NOT_FINITE[word.lower()])
    return word


def hint(word: str, quoted: bool) -> str | None:
    """What to write instead of ``word``, if a number or a truth value was meant."""
    if quoted:
        return "remove the quotes" if not isinstance(resolve(word), str) and word else None
    if word.lower() in OLD_TRUTHS:
        return f"write `{OLD_TRUTHS[word.lower()]}`: `{word}` is a word like any other in YAML 1.2"
    octal = LEADING_ZERO.fullmatch(word)
    if octal:
        sign, digits = octal.groups()
        return f"write `{sign}{digits}`: YAML readers disagree on whether `{word[:LONGEST]}` is decimal or octal"
    if "_" in word and UNDERSCORES.fullmatch(word):
        return f"write `{word.replace('_', '')[:LONGEST]}`, without underscores"
    return None
