"""The ``name=value`` options of ``./scons``, described once: the check, the help and the defaults read this table.

SCons itself takes any ``name=value`` in silence; here a misspelt one is an error with a suggestion.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolchain.errors import GoldcrestError


@dataclass(frozen=True)
class Argument:
    name: str
    value: str  # what stands for the value in the help
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    number: bool = False  # the value is a whole number from 0
    of: tuple[str, ...] = ()  # the targets that it is for; none: for every build


BOARD = ("flash", "evaluate", "monitor")
ARGUMENTS = (
    Argument("model", "A,B", "models to build, separated by commas; all for every one"),
    Argument("study", "A,B", "studies to run, separated by commas; all for every one"),
    Argument("new", "NAME", "write models/NAME.yaml for a table or arrays of your own"),
    Argument("data", "FILE", "the .csv or .npz that new= starts from"),
    Argument("check", "skip", "do not refuse early what cannot fit by estimate", "", ("skip",)),
    Argument("cache", "DIR", "folder of results shared between clones; off for none"),
    Argument("port", "PORT", "the board's serial line; without it the virtual board", of=BOARD),
    Argument("programmer", "NAME", "how to program the board (.local.yaml can hold these)", of=BOARD),
    Argument("updi", "PORT", "the programming port, if it is not the serial line", of=BOARD),
    Argument("baud", "N", "speed of the serial line", number=True, of=BOARD),
    Argument("sample", "N", "which test sample flash tries", number=True, of=("flash",)),
    Argument(
        "samples", "N", "how many test samples evaluate measures; 0 for all", number=True, of=("evaluate", "monitor")
    ),
    Argument("flash", "yes", "evaluate programs a real board first", "", ("yes", "no"), of=("evaluate",)),
    Argument("unlock", "yes", "flash erases a locked chip", "", ("yes", "no"), of=("flash",)),
    Argument("export", "nnom", "write the network in another runtime's format", "", ("nnom",)),
    Argument("accept", "1", "bench stores its figures as those to compare with", "0", ("0", "1"), of=("bench",)),
    Argument("only", "PATHS", "which tests, separated by commas", of=("test",)),
    Argument("engine", "dask", "run the stages on a cluster; see docs/cluster.md", "local", ("local", "dask")),
    Argument("scheduler", "ADDRESS", "the cluster's: tcp://HOST:8786"),
    Argument("verbose", "1", "show every command", "0", ("0", "1")),
    Argument("AVR_GCC", "PATH", "another avr-gcc than the pinned one"),
)


def read(given: Mapping[str, str], known: Iterable[Argument] = ARGUMENTS) -> dict[str, str]:
    """All options with their defaults filled in. Raises GoldcrestError that names every misspelt one."""
    table = {argument.name: argument for argument in known}
    complaints = []
    for name, value in given.items():
        argument = table.get(name)
        if argument is None:
            complaints.append(f"unknown option {name}={value}{suggestion(name, table)}")
        elif argument.choices and value not in argument.choices:
            complaints.append(f"{name}={value}: expected {name}={' or '.join(argument.choices)}")
        elif argument.number and not value.isdecimal():
            complaints.append(f"{name}={value}: expected a whole number from 0")
    if complaints:
        raise GoldcrestError("\n".join(complaints))
    return {name: given.get(name, argument.default) for name, argument in table.items()}


def chosen(value: str, known: Iterable[str]) -> list[str]:
    """The names in ``model=A,B``, each once and in this order; ``all`` among them stands for all that are ``known``."""
    known = list(known)
    words = [word.strip() for word in value.split(",") if word.strip()]
    return list(dict.fromkeys(name for word in words for name in (known if word == "all" else [word])))


def require(kind: str, names: Iterable[str], known: Iterable[str], meant: Mapping[str, str] | None = None) -> None:
    """Raises GoldcrestError with a suggestion for each of ``names`` (models, targets) that is not among ``known``.

    ``meant``: words that belong elsewhere on the command line → how they are written there.
    """
    known = list(known)
    complaints = [f"unknown {kind} {name}{suggestion(name, known, meant)}" for name in names if name not in known]
    if complaints:
        raise GoldcrestError("\n".join(complaints))


def suggestion(name: str, known: Iterable[str], meant: Mapping[str, str] | None = None) -> str:
    known = list(known)
    lowered = {word.lower(): what for word, what in {**(meant or {}), **{each: each for each in known}}.items()}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {lowered[near[0]]}?"
    return f"; known: {', '.join(known)}" if known else "; there are none"


def dashed(word: str, scons: Iterable[str], known: Iterable[Argument] = ARGUMENTS) -> str:
    """What is wrong with ``--word`` or ``-w``, of which SCons, with its own options, knows nothing."""
    name, _, value = word.partition("=")
    table = {argument.name: argument for argument in known}
    if (own := table.get(name.strip("-"))) is not None:
        return f"no such option: {name}; write {own.name}={value or own.value}"
    near = difflib.get_close_matches(name, scons, n=1, cutoff=0.7)
    return f"no such option: {name}" + (f"; did you mean {near[0]}?" if near else "; --help and -H list what there is")
