"""What ``./scons`` alone prints, the models with what they will probably need, and what ``--help`` says."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toolchain import manifest
from toolchain.datasets import registry as datasets
from toolchain.errors import ManifestError
from toolchain.graph.arguments import Argument
from toolchain.memory import budgets
from toolchain.memory.estimate import estimate
from toolchain.memory.refusal import refuse
from toolchain.report import bars

FAR_FROM_ZERO = 4.0
INDENT = 35  # where a study's description begins
WIDTH = 80


def models(paths: Iterable[Path]) -> list[str]:
    """A line for each manifest; one that cannot be read has its first error instead of figures."""
    lines = [f"  {'model':<20} {'parameters':>10} {'flash, estimated':>18} {'RAM, estimated':>16}"]
    for path in paths:
        try:
            plan = manifest.load(path)
        except ManifestError as error:
            first = str(error).partition("\n")[0]
            lines.append(f"  {path.stem:<20} {first}")
            continue
        if plan.imported:
            lines.append(f"  {plan.name:<20} from {plan.imported['file']}")
            continue
        needed = estimate(plan)
        flash = share(needed.program, plan.memory["program"])
        data = share(needed.data, plan.memory["data"])
        lines.append(f"  {plan.name:<20} {needed.parameters:>10,} {flash:>18} {data:>16}  {verdict(plan)}")
    return lines


def studies(paths: Iterable[Path]) -> list[str]:
    """A line for each study; one that cannot be read has its first error."""
    from toolchain.studies import read

    lines = [f"  {'study':<20} {'points':>10}"]
    for path in paths:
        try:
            study = read(path)
        except ManifestError as error:
            lines.append(f"  {path.stem:<20} {str(error).partition(chr(10))[0]}")
            continue
        first, *rest = textwrap.wrap(study.description, WIDTH - INDENT) or [""]
        lines.append(f"  {study.name:<20} {study.count:>10,}  {first}")
        lines += [" " * INDENT + line for line in rest]
    return lines


def share(used: int, budget: int) -> str:
    """``27,112 B   55 %``"""
    return f"{used:,} B {100 * used / budget:4.0f} %"


def verdict(plan: manifest.Plan) -> str:
    needed = estimate(plan)
    if (refused := refuse(plan)) is not None:
        return "takes too long" if refused.key_path == budgets.PLACES["time"] else "too large"
    if needed.program > plan.memory["program"] or needed.data > plan.memory["data"]:
        return "may be too large"
    if needed.time > plan.memory.get("time", math.inf):
        return "may take too long"
    return "fits"


def table(rows: Mapping[str, str]) -> list[str]:
    """Names and what they mean."""
    return [f"  {name:<20} {text}".rstrip() for name, text in rows.items()]


def packed(title: str, words: Iterable[str], width: int = 20) -> list[str]:
    """A title in ``width`` columns and as many words after it as a line takes, on as many lines as they need."""
    indent = " " * (width + 3)
    first = f"  {title:<{width}} "
    return textwrap.wrap(" ".join(words), WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def help_on_all(targets: Mapping[str, str], options: Iterable[Argument]) -> list[str]:
    """``--help``: a line for each target, and the options by the targets that they are for."""
    groups: dict[str, list[str]] = {}
    for each in options:
        groups.setdefault(", ".join(each.of) or "every build", []).append(f"{each.name}={each.value}")
    return [
        "./scons model=A,B [target …] [option=value …]     ./scons alone lists the models",
        *table(targets),
        "options for                               --help TARGET says what they mean",
        *(line for title, words in groups.items() for line in packed(title, words, max(map(len, groups)))),
    ]


def help_on(targets: Mapping[str, str], options: Iterable[Argument]) -> list[str]:
    """``--help TARGET``: these targets, and what every option means that they take."""
    described = {each.name: f"{each.name}={each.value}" for each in options}
    own = {described[each.name]: each.help for each in options if set(each.of) & targets.keys()}
    general = {described[each.name]: each.help for each in options if not each.of}
    return [*table(targets), *(["", *table(own)] if own else []), "", *table(general)]


def check(plan: manifest.Plan) -> list[str]:
    """What ``./scons model=M check`` says of a model that is not refused."""
    needed = estimate(plan)
    program = {part: getattr(needed, part) for part in ("weights", "kernels", "application")}
    data = {part: getattr(needed, part) for part in ("activations", "static", "stack")}
    cycles: dict[str, Any] = {"cycles": needed.cycles, "cycles_mean": needed.cycles, "ms": needed.milliseconds}
    if "time" in plan.memory:
        cycles |= {"cycles_max": needed.cycles_max, "budget_ms": plan.memory["time"] / 1000}
    estimated = {
        "program": {"used": needed.program, "budget": plan.memory["program"], **program},
        "data": {"used": needed.data, "budget": plan.memory["data"], **data},
        "latency": {**cycles, "layers": [{"macs": layer.products} for layer in needed.layers]},
        "clock_hz": plan.compilation["clock_hz"],
    }
    return [
        f"check      {plan.path:<36}  {needed.parameters:,} parameters; by estimate:",
        *bars.lines(estimated, bars.columns()),
        *([] if plan.imported else far_from_zero(plan)),
    ]


def far_from_zero(plan: manifest.Plan) -> list[str]:
    """A warning if the input scaling puts what most values are far from zero.

    Every weight then learns the background first, and many a relu dies of it: accuracy becomes a matter of the seed
    (docs/compression.md has the experiment).
    """
    given, typical = plan.training["input"], datasets.describe(plan.dataset).typical
    if typical is None or isinstance(given["offset"], list) or isinstance(given["divide"], list):
        return []
    scaled = (typical + given["offset"]) / given["divide"]
    if abs(scaled) <= FAR_FROM_ZERO:
        return []
    return [
        f"warning    input: most values of {plan.dataset['name']} are {typical:g}, which becomes {scaled:.1f}:",
        "           so far from zero relus die in training, and accuracy depends on the seed;",
        f"           `input: {{offset: {-typical + 0.0:g}, divide: 255}}` keeps them near zero, and zeros cost no time",
    ]
