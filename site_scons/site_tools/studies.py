"""Studies: the points of a grid, each an ordinary manifest on the ordinary graph, and one table and figure of them all.

What points have in common is one node: their folders are named by what they are made from.

    build/studies/trained/<digest>/     model.h5: the data set and the training
    build/studies/networks/<digest>/    the integer network, its C, its accuracy: the same with quantization and kernels
    build/studies/<study>/<point>/      firmware.elf, report.json
    build/studies/<study>/              the table and the figure
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import console
import manifest
from shared import BUILD, ROOT, add_methods, option
from stages import stage

from toolchain.graph import arguments
from toolchain.studies import Point, Study, points, read_all

FOLDER = BUILD / "studies"
RESULTS = ("csv", "md", "txt", "svg", "png")


def generate(env: Any) -> None:
    add_methods(env, Studies=studies)


def exists(env: Any) -> bool:
    return True


def known() -> dict[str, Path]:
    return {path.stem: path.relative_to(ROOT) for path in sorted((ROOT / "studies").glob("*.yaml"))}


def studies(env: Any) -> None:
    """The studies that the command line names, with all their points."""
    paths = known()
    names = arguments.chosen(option("study"), paths)
    arguments.require("study", names, paths)
    read = read_all([paths[name] for name in names])
    if read:
        manifest.begin(env, "studies", names)
    for each in read:
        env.Default(env.Alias("build", study(env, each)))


def study(env: Any, declared: Study) -> Any:
    """The table and the figure. Everything that they are made from is a file of some point."""
    measured, files = [], []
    for each in points(declared):
        folders, nodes = point(env, declared, each) if each.refusal is None else ({}, [])
        measured.append({"name": each.name, "values": each.values, "refusal": each.refusal, "folders": folders})
        files += nodes
    folder = FOLDER / declared.name
    section = {**declared.drawn(), "points": measured}
    plan = manifest.section_file(env, folder / "study.json", f"the study {declared.path}", section)
    suffixes = [suffix for suffix in RESULTS if declared.figure or suffix not in ("svg", "png")]
    targets = [f"{folder}/{declared.name}.{suffix}" for suffix in suffixes]
    made = stage(env, "study", targets, {"plan": plan}, packages=("numpy", "matplotlib", "rich"), READS_BLANKS=True)
    env.Depends(made, files)
    console.tables.append(made[0])
    return made


def point(env: Any, declared: Study, each: Point) -> tuple[dict[str, str], list[Any]]:
    """One point's way to its report: the folders that hold its files, and the nodes that a measure may read."""
    plan = env.Plan(each.plan, folders_of(each))
    data = env.Dataset(plan)
    own = each.model is None  # a model as it is has its own folder, where a training that diverges is an error
    model = once(env, f"{plan.folders.training}/model.h5", lambda: env.Train(plan, data, alone=False, point=own))
    network = once(env, f"{plan.folders.network}/quantized.npz", lambda: env.Quantize(plan, model, data))
    sources = once(env, f"{plan.folders.network}/weights.h", lambda: env.Generate(plan, network))
    firmware = env.Firmware(plan, sources)
    host = env.Host(plan, sources)
    measured = env.Measure(plan, firmware, host, sources, network, model, data)
    target = FOLDER / declared.name / each.name / "report.json"
    report = env.Summarize(plan, measured, firmware, target)
    folders = {
        "trained": str(plan.folders.training),
        "network": str(plan.folders.network),
        "point": str(plan.folder),
        "report": str(target.parent),
    }
    read = [report, *all_of(model), *all_of(network), *sources, *all_of(measured["accuracy"])]
    return folders, [*read, measured["memory"], firmware.elf]


def folders_of(each: Point) -> Any:
    """Named by content, unless the point is a model as it is: then it shares that model's folder."""
    if each.model is not None:
        return None
    plan = each.plan
    training = [plan.dataset, plan.training]
    network = [*training, plan.quantization, plan.generation]
    target = plan.compilation
    objects = f"{target['mcu']}-{target['clock_hz']}-{target['optimize']}"
    return SimpleNamespace(
        training=FOLDER / "trained" / digest(training),
        network=FOLDER / "networks" / digest(network),
        objects=FOLDER / "objects" / objects,
    )


def digest(sections: list[Any]) -> str:
    return hashlib.sha256(manifest.serialized(sections).encode()).hexdigest()[:12]


def once(env: Any, target: str, make: Any) -> Any:
    """The nodes of a stage that several points share; made by the first of them."""
    node = env.File(target)
    if not node.has_builder():
        return make()
    targets = node.get_executor().get_all_targets()
    return targets if len(targets) > 2 else targets[0]


def all_of(node: Any) -> list[Any]:
    return list(node.get_executor().get_all_targets())
