"""The board: programming it and measuring on it. Both always run; which port is used leaves no trace in the build."""

from __future__ import annotations

import shlex
from typing import Any

from SCons.Script import COMMAND_LINE_TARGETS
from shared import add_methods, option
from stages import stage

from toolchain.errors import GoldcrestError

CONNECTION = ("port", "programmer", "updi", "baud")


def generate(env: Any) -> None:
    add_methods(env, Flash=flash, Evaluate=evaluate, Monitor=monitor)


def exists(env: Any) -> bool:
    return True


def flash(env: Any, plan: Any, image: Any, network: Any, data: Any) -> Any:
    """Programs the board and lets it recognize one sample; no file comes of it."""
    return on_board(env, "flash", plan, image, network, data, given("sample", "unlock"))


def evaluate(env: Any, plan: Any, image: Any, network: Any, data: Any, report: Any) -> Any:
    """Measures on the board: ``evaluation.json``, and the report's field ``accuracy.board``.

    The next build sees that the report is not what the budget stage wrote and makes it again, with that accuracy.
    """
    words = f"--report {report} {given('samples', 'flash')}"
    return on_board(env, "evaluate", plan, image, network, data, words, f"{plan.folder}/evaluation.json")


def monitor(env: Any, plan: Any, image: Any, network: Any, data: Any) -> Any:
    """A live view for demonstrations, which has the terminal to itself."""
    return on_board(env, "monitor", plan, image, network, data, given("samples"), TERMINAL=True)


def on_board(
    env: Any,
    verb: str,
    plan: Any,
    image: Any,
    network: Any,
    data: Any,
    words: str,
    output: str | None = None,
    **overrides: Any,
) -> Any:
    settings = plan.values.compilation
    if "firmware" in settings:  # the user's own program does not speak our protocol
        if verb != "flash" and verb in COMMAND_LINE_TARGETS:
            raise GoldcrestError(
                f"{verb} talks to the evaluation firmware, and {plan.values.path} builds another one; "
                "take its `firmware:` out (in a manifest that extends it, say)"
            )
        if verb != "flash":
            return []
        words = f"{words} --own yes"
    words = f"--mcu {settings['mcu']} --clock {settings['clock_hz']} {given(*CONNECTION)} {words}"
    inputs = {"image": image, "network": network, "dataset": data}
    # A stage without a file of its own stands under a name at which no file ever appears: SCons runs it each time.
    name = output or f"{plan.folder}/.{verb}"
    nodes = stage(env, verb, name, inputs, private=words, silent=output is None, **overrides)
    env.NoCache(nodes)
    return env.AlwaysBuild(nodes)


def given(*names: str) -> str:
    """Options of the command line, handed on under the same names."""
    return " ".join(f"--{name} {shlex.quote(option(name))}" for name in names if option(name))
