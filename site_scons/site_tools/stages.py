"""The stages in Python: each is ``python -m toolchain VERB``, a process of its own that depends on its modules."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import engine
import SCons.Script
import SCons.Util
from shared import ROOT, add_methods, caches, known_as, notes, option, refuse

from toolchain.__main__ import verbs
from toolchain.graph import freshness, imports
from toolchain.graph.cache import SharedCache
from toolchain.training import trained

# The installed packages that have a say in a stage's result; their versions are part of its signature.
NUMPY = ("numpy",)
TRAINING = ("tensorflow", "keras", "numpy", "h5py")


def generate(env: Any) -> None:
    env["PYTHON"] = shlex.quote(sys.executable)
    env.Decider(freshness.by_content)
    use_cache(env, option("cache"))
    add_methods(env, Dataset=dataset, Train=train, Quantize=quantize, Generate=generate_code)


def exists(env: Any) -> bool:
    return True


def dataset(env: Any, plan: Any) -> Any:
    """``build/datasets/<name>-<hash>.npz``, shared by the models that declare the same data."""
    from toolchain.datasets import registry

    files = [str(path) for path in registry.sources(plan.values.dataset)]
    target = str(plan.dataset).replace(".json", ".npz")
    node = env.File(target)
    if node.has_builder():
        return node
    made = stage(env, "dataset", target, {"plan": plan.dataset}, reads=files)
    if len(files) > 1:  # the cache knows files by content alone, and an image's class is where it lies
        names = hashlib.sha256("\n".join(files).encode()).hexdigest()
        env.Depends(made, known_as("the names of its files", f"{os.path.commonpath(files)} {names}"))
    return made[0]


def train(env: Any, plan: Any, data: Any, alone: bool = True, point: bool = False) -> Any:
    """``model.h5`` and ``model.history.json``; ``-c`` keeps them. On one machine those that are ``alone``
    take turns under ``-j``. That of a study's ``point`` may diverge: its model is blank then.

    A student's teacher is trained before it, in a folder of its own. Of a network from somebody else's file there is
    ``imported.npz``, and no training.
    """
    if "import" in plan.values.training:
        return imported(env, plan, data)
    targets = [f"{plan.folders.training}/model.h5", f"{plan.folders.training}/model.history.json"]
    node = env.File(targets[0])
    if node.has_builder():  # somebody's teacher, and a model of its own
        return node
    reads = trained.files(plan.values.training["training"].get("trained"), ROOT)
    inputs = {"plan": plan.training, "dataset": data, **teacher(env, plan.values.teacher)}
    private = f"--manifest {plan.values.path}"
    words = ["--study"] if point else []
    nodes = stage(env, "train", targets, inputs, TRAINING, reads, private, words=words, WARM=not reads)
    engine.trainings += not reads
    if alone and engine.is_local():
        env.SideEffect("#build/.training", nodes)
    env.NoClean(nodes)
    return nodes[0]


def teacher(env: Any, declared: Any) -> dict[str, Any]:
    """The option ``--teacher`` of a training, with the node of the model that it learns from."""
    if declared is None:
        return {}
    if not declared.name:
        return {"teacher": env.File(str((ROOT / Path(declared.path).expanduser()).resolve()))}
    lesson = env.Lesson(declared)
    return {"teacher": env.Train(lesson, env.Dataset(lesson))}


def imported(env: Any, plan: Any, data: Any) -> Any:
    """``imported.npz``: the float network of a model file, which is read again when its content has changed.
    ``imported.json``: what it consists of, for an estimate."""
    from toolchain.importing import formats

    described = plan.values.training["import"]
    files = [str(path) for path in formats.sources(described)]
    return stage(
        env,
        "import",
        [f"{plan.folders.training}/imported.npz", f"{plan.folders.training}/imported.json"],
        {"plan": plan.training, "dataset": data},
        packages=formats.FORMATS[described["format"]].packages,
        reads=files,
        private=f"--manifest {plan.values.path}",
    )[0]


def quantize(env: Any, plan: Any, model: Any, data: Any) -> Any:
    """``quantized.npz``, the integer network, and ``ranges.json``, the proof that no accumulator overflows."""
    targets = {"output": f"{plan.folders.network}/quantized.npz", "ranges": f"{plan.folders.network}/ranges.json"}
    inputs = {"plan": plan.quantization, "model": model, "dataset": data}
    return stage(env, "quantize", targets, inputs, private=f"--manifest {plan.values.path}")[0]


def generate_code(env: Any, plan: Any, network: Any) -> Any:
    """``weights.h`` and the network's other sources, with their description (which kernels, how much memory)."""
    names = ("weights.h", "network.h", "network.c", "network.S", "network.json")
    targets = [f"{plan.folders.network}/{name}" for name in names]
    return stage(env, "generate", targets, {"plan": plan.generation, "network": network})


def stage(
    env: Any,
    verb: str,
    targets: str | Sequence[str] | Mapping[str, str],
    inputs: Mapping[str, Any],
    packages: Sequence[str] = NUMPY,
    reads: Sequence[str] = (),
    private: str = "",
    silent: bool = False,
    words: Sequence[str] = (),
    **overrides: Any,
) -> Any:
    """The node of a verb. The first target is ``--output``, others are companions that the stage writes beside it, or
    options of their own if they are given by name; ``inputs`` are options whose values are nodes or lists of nodes;
    ``private`` is a part of the command line that does not count (a port, a path for a message), ``words`` one that
    does; ``silent`` is for a verb without ``--output``, whose target stands for something that is not a file."""
    words, sources = ["$( $PYTHON $)", "-m", "toolchain", verb, *words], []
    for name, node in inputs.items():
        many = list(node) if SCons.Util.is_List(node) else [node]
        first = len(sources)
        words += [f"--{name}", *(f"${{SOURCES[{first + index}]}}" for index in range(len(many)))]
        sources += many
    options = targets if isinstance(targets, Mapping) else {}
    paths = list(options.values()) if options else [targets] if isinstance(targets, str) else list(targets)
    words += [] if silent else ["--output", "$TARGET"]
    for index, name in enumerate(list(options)[1:], start=1):
        words += [f"--{name}", f"${{TARGETS[{index}]}}"]
    command = " ".join(words) + (f" $( {private} $)" if private else "")
    nodes = env.Command(paths, sources, SCons.Script.Action(command), STAGE=verb, **overrides)
    module = verbs()[verb]
    label = f"the program {module.replace('.', '/')}.py, with what it imports"
    env.Depends(nodes, known_as(label, imports.program(module, ROOT, notes)))
    env.Depends(nodes, known_as(f"the versions of {', '.join(packages)}", versions(packages)))
    env.Depends(nodes, [env.File(path) for path in reads])
    return nodes


def versions(packages: Sequence[str]) -> str:
    return "\n".join(f"{package} {locked().get(package, '')}" for package in packages)


@cache
def locked() -> dict[str, str]:
    """Package → version, as requirements.lock pins them."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lines, re.MULTILINE))


def use_cache(env: Any, folder: str) -> None:
    """Results are shared between clones through a folder; they are found there by what they were made from."""
    if (
        folder == "off" or "worker" in SCons.Script.COMMAND_LINE_TARGETS
    ):  # a worker's folder is another machine's to make
        return
    path = Path(folder).expanduser() if folder else default_cache()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if folder:
            refuse(f"cache={folder}: the folder cannot be made ({error.strerror}); name another one, or cache=off")
        return  # no home to write to: a build without a cache is right, only slower
    env.CacheDir(str(path), SharedCache)
    caches.append(path)


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldcrest" / "build"
