"""What may be asked for on the command line: the targets, the list of them, and the tests."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import console
import engine
import SCons.Script
from SCons.Script import COMMAND_LINE_TARGETS, GetOption
from shared import BUILD, ROOT, add_methods, notes, option, screen
from stages import stage

from toolchain.errors import GoldcrestError
from toolchain.graph import arguments, completion

NEEDING = ("tests/report/", "tests/docs/", "tests/completion/")  # tests that need what site_scons/test_packages.py has

DIGITS = Path("models/mnist_dense32.yaml")  # a manifest whose pictures the benchmark's layers get
BENCH_FILES = {"baseline": "toolchain/bench/baseline.json", "page": "docs/bench.md"}

of_models: dict[str, str] = {}  # target → what it does, for targets that need a model
general: dict[str, str] = {}  # the others


def generate(env: Any) -> None:
    add_methods(
        env,
        Targets=targets,
        Bench=bench,
        Compare=compare,
        VirtualBoard=virtual_board,
        Worker=worker,
        Site=site,
        Tests=tests,
        Finish=finish,
    )


def exists(env: Any) -> bool:
    return True


def targets(env: Any, **summaries: str) -> None:
    """Announce the targets that each model has, for the list and for the check of what was asked.

    ``help`` among the targets is taken for ``--help``, before anything else looks at what was asked.
    """
    of_models.update(summaries)
    if "help" in COMMAND_LINE_TARGETS:
        COMMAND_LINE_TARGETS.remove("help")
        SCons.Script.SetOption("help", True)


def tests(env: Any) -> None:
    """Always run, with the terminal to themselves; their exit status is that of the build."""
    general["test"] = "the tests, ruff and mypy; only=PATHS for some of them"
    chosen = " ".join(map(shlex.quote, option("only").split(","))) if option("only") else "tests"
    commands = [SCons.Script.Action(f"$PYTHON -m pytest -n 2 {chosen}")]
    if chosen == "tests" or any(folder in f"{chosen}/" for folder in NEEDING):
        commands.insert(0, SCons.Script.Action("$PYTHON site_scons/test_packages.py"))
    node = env.Command("#build/.test", [], commands, STAGE="test", TERMINAL=True)
    env.AlwaysBuild(env.Alias("test", env.NoCache(node)))


def bench(env: Any) -> None:
    """Every kernel, and the models that are named or all of them, in simulated cycles beside the stored figures."""
    general["bench"] = "kernels and models in cycles, beside the stored figures"
    if "bench" not in COMMAND_LINE_TARGETS:
        return
    from toolchain import manifest

    data = env.Dataset(env.Plan(manifest.load(DIGITS)))
    words = [f"--{name} {path}" for name, path in BENCH_FILES.items()]
    words += ["--accept"] if option("accept") == "1" else []
    private = " ".join([*words, *map(str, console.reports)])
    node = stage(env, "bench", ["build/bench.json", "build/bench.txt"], {"dataset": data}, private=private)
    env.Depends(node, console.reports)
    env.AlwaysBuild(env.Alias("bench", env.NoCache(node)))


def compare(env: Any) -> None:
    """Two models side by side."""
    general["compare"] = "two models side by side: model=A,B"
    asked = "compare" in map(str, COMMAND_LINE_TARGETS)
    if asked and len(console.reports) != 2 and not (GetOption("clean") or GetOption("help")):
        raise GoldcrestError("compare needs two models: ./scons compare model=A,B (./scons lists the models)")
    # In the order in which they were named: the change is that from the first to the second.
    by_name = {Path(str(report)).parent.name: report for report in console.reports}
    named = [str(by_name[name]) for name in arguments.chosen(option("model"), by_name) if name in by_name]
    node = stage(env, "compare", "build/.compare", {}, silent=True, private=" ".join(named))
    env.Depends(node, console.reports)
    env.AlwaysBuild(env.Alias("compare", env.NoCache(node)))


def virtual_board(env: Any) -> None:
    """A simulated board with serial ports of its own, until Ctrl-C."""
    general["board"] = "a virtual board with serial ports, until Ctrl-C"
    node = stage(env, "board", "build/.board", {}, silent=True, TERMINAL=True)
    env.AlwaysBuild(env.Alias("board", env.NoCache(node)))


def worker(env: Any) -> None:
    """Work for builds with engine=dask, until Ctrl-C; ``-j`` says how many stages at once."""
    general["worker"] = "work for other machines' builds; scheduler=ADDRESS"
    if "worker" in map(str, COMMAND_LINE_TARGETS) and not GetOption("help"):
        if not option("scheduler"):
            raise GoldcrestError("worker needs to know for whom: ./scons worker scheduler=tcp://HOST:8786")
        engine.address()
    words = ["--scheduler", shlex.quote(option("scheduler")), "--threads", str(GetOption("num_jobs"))]
    words += ["--cache", shlex.quote(option("cache"))] if option("cache") not in ("", "off") else []
    node = stage(env, "worker", "build/.worker", {}, silent=True, private=" ".join(words), TERMINAL=True)
    env.AlwaysBuild(env.Alias("worker", env.NoCache(node)))


def site(env: Any) -> None:
    """``build/site``: the pages of docs/ for a browser."""
    general["docs"] = "the documentation as a site for a browser, in build/site"
    pages = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*")) if path.is_file()]
    node = stage(env, "docs", "build/site/index.html", {}, packages=("mkdocs", "mkdocs-material"), reads=pages)
    env.Depends(node, "mkdocs.yml")
    env.Clean(node, "build/site")
    env.Alias("docs", env.NoCache(node))  # the cache keeps files, and this is a folder
    if [str(name) for name in COMMAND_LINE_TARGETS] == ["docs"]:
        console.closing = "build/site"


def finish(env: Any) -> None:
    """Refuse what is not known; without a model and a target, say what there is."""
    asked = [str(name) for name in COMMAND_LINE_TARGETS]
    refuse_unknown(asked)
    needing = [name for name in asked if name in of_models or (os.path.sep in name and not option("study"))]
    if needing and not option("model") and not (GetOption("clean") or GetOption("help")):
        raise GoldcrestError(f"{needing[0]} needs a model: ./scons model=M {needing[0]} (./scons lists the models)")
    if not asked and not option("model") and not option("study") and not (GetOption("help") or GetOption("clean")):
        list_everything()
    notes.save()
    completion.remember(BUILD, completion.words([*of_models, *general], arguments.ARGUMENTS))
    engine.prepare(console.lock)
    if GetOption("help"):
        SCons.Script.Help("\n".join(help_on(asked)) + "\n")


def refuse_unknown(asked: list[str]) -> None:
    """Targets and ``--options`` that do not exist, with what was probably meant."""
    parser = SCons.Script.Main.OptionsParser
    wrong = [arguments.dashed(word, parser._long_opt) for word in parser.largs if word.startswith("-")]
    if wrong:
        raise GoldcrestError("\n".join(wrong))
    meant = {each.name: f"{each.name}={each.value}" for each in arguments.ARGUMENTS}
    for option_name, folder in (("study", "studies"), ("model", "models")):
        meant |= {path.stem: f"{option_name}={path.stem}" for path in (ROOT / folder).glob("*.yaml")}
    words = [name for name in asked if os.path.sep not in name or name.endswith(".yaml")]
    arguments.require("target", words, [*of_models, *general], meant)


def list_everything() -> None:
    from toolchain.graph import listing

    paths = sorted((ROOT / "models").glob("*.yaml"))
    models = listing.models(path.relative_to(ROOT) for path in paths)
    studies = listing.studies(path.relative_to(ROOT) for path in sorted((ROOT / "studies").glob("*.yaml")))
    targets = listing.table({"target": "", **of_models, **general})
    lines = ["./scons model=M [target …]", "./scons study=S", "", *models, "", *studies, "", *targets]
    screen.write("\n".join([*lines, "", "options: ./scons --help"]) + "\n")
    sys.exit(0)


def help_on(asked: list[str]) -> list[str]:
    from toolchain.graph import listing

    known = {**of_models, **general}
    chosen = {name: known[name] for name in asked if name in known}
    return listing.help_on(chosen, arguments.ARGUMENTS) if chosen else listing.help_on_all(known, arguments.ARGUMENTS)
