"""``python -m toolchain VERB …``: one stage of a build, run as the build runs it.

A verb is a module ``toolchain/<package>/<verb>_stage.py`` with ``add_arguments(parser)`` and ``run(args)``; only the
one that is asked for is imported. Exit status: 0, 2 for what the user can mend (one message), 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from toolchain.errors import GoldcrestError, ManifestError
from toolchain.report import status

SUFFIX = "_stage.py"


def verbs() -> dict[str, str]:
    """Every verb and the module that does it."""
    package = Path(__file__).parent
    return {
        path.name.removesuffix(SUFFIX): f"toolchain.{path.parent.name}.{path.stem}"
        for path in sorted(package.glob(f"*/*{SUFFIX}"))
    }


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m toolchain", description="Runs one stage of a build.")
    known = verbs()
    commands = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    asked = next((word for word in argv if not word.startswith("-")), None)
    for verb, module in known.items():
        if verb == asked:
            stage = importlib.import_module(module)
            stage.add_arguments(commands.add_parser(verb, description=stage.__doc__))
        else:
            commands.add_parser(verb)
    args = parser.parse_args(argv)
    try:
        stage.run(args)
    except GoldcrestError as error:
        return refuse(str(beside_its_line(error, getattr(args, "manifest", None))))
    except OSError as error:
        from toolchain.files import explain

        known_cause = explain(error, error.filename or "a file", "open" if error.filename else "write")
        if known_cause is None:
            raise
        return refuse(str(known_cause))
    except KeyboardInterrupt:
        return 130
    return 0


def beside_its_line(error: GoldcrestError, manifest: Path | None) -> GoldcrestError:
    """The error at the line of the manifest that it is about, if the stage was told which manifest it is."""
    if manifest is None or isinstance(error, ManifestError):
        return error
    from toolchain.manifest import pointing

    try:
        return pointing.beside_its_line(error, manifest)
    except ManifestError as unreadable:
        return unreadable


def refuse(message: str) -> int:
    """Say what was wrong. A message that points at a manifest's line says ``error:`` itself."""
    print(message if "error:" in message.partition("\n")[0] else f"error: {message}", file=sys.stderr)
    return 2


def die_with_the_build() -> None:
    """Ask the kernel (Linux only) to end this stage when the build that started it is killed."""
    if sys.platform == "linux" and status.VARIABLE in os.environ:
        import ctypes
        import signal

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


if __name__ == "__main__":
    die_with_the_build()
    sys.exit(main(sys.argv[1:]))
