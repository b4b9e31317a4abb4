"""The teacher of a manifest (``training.distillation``): another manifest, which is trained first, or a Keras file.

A manifest that only teaches needs no ``target``: its network never meets a chip. It lies outside of ``models/`` itself,
so that nobody is offered it as a model to build.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from toolchain.manifest import drafting, extends, plan, reader, schema
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, KeyPath
from toolchain.manifest.draft import Draft
from toolchain.manifest.losses import PROBABILITIES
from toolchain.manifest.network import FIT, MULTIPLE
from toolchain.manifest.plan import Teacher

HERE: KeyPath = ("training", "distillation", "teacher")
KERAS_FILES = (".h5", ".keras")


def follow(draft: Draft, before: tuple[Path, ...] = ()) -> Teacher | None:
    """The teacher that the draft names, if any; what is wrong with it is reported.

    ``before`` are the manifests whose teachers led here.
    """
    named = draft.get("training", "distillation", "teacher")
    if named is None:
        return None
    if named.endswith(".yaml"):
        return _manifest(draft, named, (*before, draft.path.resolve()))
    if named.endswith(KERAS_FILES):
        return _file(draft, named)
    draft.report(HERE, f"`{named}` is no manifest and no model", f"expected a file .yaml, {' or '.join(KERAS_FILES)}")
    return None


def _manifest(draft: Draft, named: str, chain: tuple[Path, ...]) -> Teacher | None:
    link = draft.top.value["training"].value["distillation"].value["teacher"]
    path = Path(link.place.source.file).parent / named
    if path.resolve() in chain:
        names = " → ".join(reader.displayed(file) for file in (*chain, path.resolve()))
        draft.report(HERE, "teachers go round in a circle", names)
        return None
    problems: list[Diagnostic] = []
    try:
        taught, files = drafting.read(path, schema.lesson(), problems)
    except InvalidManifest as error:
        own = [found for found in error.diagnostics if found.place.source.text]
        draft.problems += own or [extends.cannot_open(draft.path, link, path, error)]
        return None
    if taught is None or problems:
        draft.problems += problems
        return None
    nested = follow(taught, chain)
    draft.problems += problems
    if problems or not _goes_with(draft, taught):
        return None
    return Teacher(
        name=taught.values["model"],
        path=reader.displayed(path),
        files=(*map(reader.displayed, files), *(nested.files if nested else ())),
        dataset=taught.values["dataset"],
        training=plan.learning(taught, nested),
        teacher=nested,
    )


def _goes_with(draft: Draft, taught: Draft) -> bool:
    """Reports what keeps the draft's network from learning from ``taught``."""
    if "training" not in taught.values:
        draft.report(HERE, "the teacher's network comes from a file", "name a Keras file itself as the teacher")
        return False
    loss, name = taught.values["training"]["loss"], taught.values["model"]
    if loss not in PROBABILITIES:
        draft.report(HERE, f"the teacher learns with {loss}", f"expected {' or '.join(PROBABILITIES)}")
    elif taught.open_widths or taught.get(MULTIPLE) == FIT:
        draft.report(HERE, "the teacher leaves a width to the compiler", "write the number there: no memory limits it")
    elif name == draft.get("model"):
        draft.report(HERE, f"the teacher is called `{name}` as well", "their results would lie in one folder")
    elif taught.values["dataset"] != draft.get("dataset"):
        if draft.get("dataset") is not None:
            own, other = draft.get("dataset"), taught.values["dataset"]
            keys = ", ".join(key for key in {**own, **other} if own.get(key) != other.get(key))
            draft.report(
                HERE,
                f"the teacher learns from other data (`dataset`: {keys})",
                "write the same `dataset` in both: a teacher that has seen this model's validation samples gives them "
                "away",
            )
    else:
        return True
    return False


def _file(draft: Draft, named: str) -> Teacher | None:
    path = Path(named).expanduser()
    if not path.is_file():
        draft.report(HERE, f"there is no file `{named}`", "the path is relative to the folder that holds the build")
        return None
    given = draft.get("input")
    if given is None:
        return None
    training = {"input": plan.scaling(given), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return Teacher("", named, (), {}, training, None)
