"""Manifests in, plans out: which models this run is about, and one node for each section of their plans."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any

import console
import SCons.Script
from SCons.Script import COMMAND_LINE_TARGETS, GetOption
from shared import BUILD, ROOT, Named, add_methods, option, screen

from toolchain.errors import GoldcrestError
from toolchain.graph import arguments, freshness, lock


def generate(env: Any) -> None:
    add_methods(env, Manifests=manifests, Plan=plan, Lesson=lesson)


def exists(env: Any) -> bool:
    return True


def manifests(env: Any) -> list[Any]:
    """The plans of the models that the command line names; all errors of all their manifests at once.

    Cleaning and benchmarks are about every model unless some are named.
    """
    from toolchain import manifest

    known = {path.stem: path for path in sorted((ROOT / "models").glob("*.yaml"))}
    names = arguments.chosen(option("model"), known)
    if not names and (GetOption("clean") or "bench" in COMMAND_LINE_TARGETS):
        names = list(known)
    arguments.require("model", names, known)
    plans = manifest.load_all([known[name].relative_to(ROOT) for name in names])
    if plans:
        begin(env, "models", names)
    return plans


def begin(env: Any, what: str, names: list[str]) -> None:
    """This run builds something: it takes the build folder for itself, and its closing line names what it was about."""
    if console.lock is None:
        console.lock = lock.hold(BUILD / ".lock", lambda: screen.line("wait", "for another build in this folder"))
        env.SConsignFile(str(BUILD / ".sconsign"))
    said = ", ".join(names) if len(names) <= 4 else f"{len(names)} {what}"
    console.closing = f"{console.closing}, {said}" if console.closing else said


def plan(env: Any, declared: Any, shared: Any = None) -> SimpleNamespace:
    """One file for each section of the plan; a stage that reads a section runs again when that section changed.

    A model has one folder for everything. ``shared`` holds other folders for what points of a study have in common:
    ``training``, ``network`` and ``objects`` (the kernels, which do not see the network).
    """
    return sections(env, declared, SECTIONS, shared)


def lesson(env: Any, declared: Any) -> SimpleNamespace:
    """The same of a teacher, which is trained and nothing else."""
    return sections(env, declared, ("training",))


SECTIONS = ("training", "quantization", "generation", "compilation", "memory", "board")
_paths: dict[Any, str] = {}
origins: dict[Any, tuple[str, str]] = {}  # a section's file → the section, and the manifest that it comes from


def sections(env: Any, declared: Any, names: tuple[str, ...], shared: Any = None) -> SimpleNamespace:
    folder = BUILD / declared.name
    if shared is None and _paths.setdefault(folder, declared.path) != declared.path:
        message = f"{declared.path} and {_paths[folder]} both call their model {declared.name}"
        raise GoldcrestError(f"{message}, and its results can lie in {folder} only once; rename one")
    folders = shared or SimpleNamespace(training=folder, network=folder, objects=folder / "obj")
    nodes = SimpleNamespace(name=declared.name, folder=folder, folders=folders, values=declared)
    of = {"training": folders.training, "quantization": folders.network, "generation": folders.network}
    for section in names:
        label = f"the {section} section of {declared.path}"
        path = of.get(section, folder) / "plan" / f"{section}.json"
        node = section_file(env, path, label, getattr(declared, section))
        origins.setdefault(node, (section, declared.path))
        setattr(nodes, section, node)
    # Models that declare the same data share one file of it.
    digest = hashlib.sha256(serialized(declared.dataset).encode()).hexdigest()[:8]
    stem = BUILD / "datasets" / f"{declared.dataset['name']}-{digest}"
    nodes.dataset = section_file(env, stem.with_suffix(".json"), f"the data set {stem.name}", declared.dataset)
    origins.setdefault(nodes.dataset, ("dataset", declared.path))
    return nodes


_files: dict[Any, Any] = {}


def section_file(env: Any, path: Any, label: str, section: Any) -> Any:
    if path not in _files:
        value = Named(label, serialized(section))
        value.Decider(freshness.by_value)
        _files[path] = env.Command(str(path), value, SCons.Script.Action(write_section, cmdstr=None))[0]
        env.NoCache(_files[path])
    return _files[path]


def serialized(section: Any) -> str:
    return json.dumps(section, sort_keys=True, indent=1) + "\n"


def write_section(target: list[Any], source: list[Any], env: Any) -> str | None:
    from toolchain.files import atomic

    try:
        with atomic(target[0].get_internal_path(), "w") as file:
            file.write(source[0].value)
    except GoldcrestError as error:
        return str(error)
    return None
