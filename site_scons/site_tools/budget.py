"""What a model needs and what it is granted: refused early by estimate, measured, held against the manifest, shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import console
import SCons.Script
from SCons.Script import GetOption
from shared import ROOT, add_methods, option, screen
from stages import stage

from toolchain.errors import ManifestError
from toolchain.report import kept


def generate(env: Any) -> None:
    add_methods(env, Check=check, Measure=measure, Budget=budget, Summarize=summarize, Report=report)


def exists(env: Any) -> bool:
    return True


def check(env: Any, plan: Any) -> Any:
    """Refuses at once what cannot fit (``check=skip`` does not); the target prints the estimates.

    What a network from somebody else's file needs stands in that file: there the target reads it, and refuses what
    cannot be computed exactly, or cannot fit.
    """
    name = f"{plan.folder}/.check"
    if not plan.values.imported:
        hopeless = None if GetOption("clean") else refused(plan.values)
        if hopeless is not None:
            raise ManifestError(f"{hopeless}; check=skip builds it all the same")
        return env.AlwaysBuild(env.Command(name, [], SCons.Script.Action(showing(plan.values), cmdstr=None)))

    def show(target: Any, source: Any, env: Any) -> int:
        network = json.loads(Path(source[0].get_internal_path()).read_text(encoding="utf-8"))
        values = replace(plan.values, training={**plan.values.training, "network": network})
        hopeless = refused(values)
        if hopeless is not None:
            screen.complain(f"{hopeless}\n")
            return 2
        return showing(values)(target, source, env)

    described = f"{plan.folders.training}/imported.json"
    return env.AlwaysBuild(env.Command(name, described, SCons.Script.Action(show, cmdstr=None)))


def refused(values: Any) -> ManifestError | None:
    """The error for a plan that cannot fit, unless that is not to be checked."""
    from toolchain.manifest import InvalidManifest
    from toolchain.memory.refusal import refuse

    found = refuse(values) if option("check") != "skip" else None
    return None if found is None else InvalidManifest(values.path, [found])


def showing(values: Any) -> Callable[[Any, Any, Any], int]:
    """The action that prints the estimates."""

    def show(target: Any, source: Any, env: Any) -> int:
        from toolchain.graph import listing

        console.work_was_done()
        for line in listing.check(values):
            screen.write(line + "\n")
        return 0

    return show


def measure(env: Any, plan: Any, firmware: Any, host: Any, generated: Any, network: Any, model: Any, data: Any) -> Any:
    """``memory.json``, ``latency.json`` and ``accuracy.json``: measured, whether or not it is within the budget."""
    description = next(node for node in generated if node.name == "network.json")
    inputs = {"plan": plan.compilation, "elf": firmware.elf}
    memory = stage(env, "memory", f"{plan.folder}/memory.json", {**inputs, "usage": firmware.usages})
    inputs |= {"network": network, "description": description, "dataset": data}
    latency = stage(env, "latency", f"{plan.folder}/latency.json", inputs)
    inputs = {"plan": plan.quantization, "host": host, "network": network, "model": model, "dataset": data}
    accuracy = env.File(f"{plan.folders.network}/accuracy.json")
    if not accuracy.has_builder():
        targets = {"output": str(accuracy), "answers": f"{plan.folders.network}/answers.npz"}
        accuracy = stage(env, "accuracy", targets, inputs)[0]
    return {"memory": memory[0], "latency": latency[0], "accuracy": accuracy}


def summarize(env: Any, plan: Any, measured: Any, firmware: Any, target: Any) -> Any:
    """``report.json`` alone, whether or not the budgets hold: there is no image."""
    ranges = env.File(f"{plan.folders.network}/ranges.json")
    inputs = {"plan": plan.memory, **measured, "ranges": ranges, "elf": firmware.elf}
    return stage(env, "budget", str(target), inputs)[0]


def budget(env: Any, plan: Any, measured: Any, network: Any, firmware: Any) -> Any:
    """``report.json``, and ``firmware.hex`` only if the budgets hold. Returns the image and the report."""
    targets = {"output": f"{plan.folder}/report.json", "hex": f"{plan.folder}/firmware.hex"}
    ranges = env.File(f"{plan.folders.network}/ranges.json")
    inputs = {"plan": plan.memory, **measured, "ranges": ranges, "elf": firmware.elf}
    words = f"--manifest {plan.values.path} --evaluation {plan.folder}/evaluation.json"
    report, image = stage(env, "budget", targets, inputs, private=words)
    console.reports.append(report)
    if not any(map(GetOption, ("no_exec", "clean", "help"))):
        kept.keep(plan.folder)
    env.Clean(report, plan.folder / kept.NAME)
    return image, report


def report(
    env: Any, plan: Any, measured: Any, firmware: Any, host: Any, generated: Any, network: Any, model: Any, data: Any
) -> Any:
    """``report.html``, the page about the model. It does not wait for the budget: what does not fit has one too."""
    inputs = {
        "budgets": plan.memory,
        "quantization": plan.quantization,
        **measured,
        "ranges": env.File(f"{plan.folders.network}/ranges.json"),
        "description": next(node for node in generated if node.name == "network.json"),
        "elf": firmware.elf,
        "host": host,
        "network": network,
        "model": model,
        "dataset": data,
    }
    history = env.File(f"{plan.folders.training}/model.history.json")
    if history.has_builder():  # a network from a file has none
        inputs["history"] = history
    words = f"--manifest {plan.values.path} --evaluation {plan.folder}/evaluation.json"
    page = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "toolchain" / "report" / "page").iterdir())
    node = stage(env, "report", f"{plan.folder}/report.html", inputs, private=words, reads=[*plan.values.files, *page])
    return env.NoCache(node)  # it tells of the build before
