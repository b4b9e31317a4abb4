"""From a study's file to a Study, with everything that is wrong with it at once, each beside its line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolchain.errors import ManifestError
from toolchain.manifest import extends, reader, validate
from toolchain.manifest.changes import Change, parse
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, KeyPath, expected
from toolchain.manifest.reader import Node
from toolchain.studies import names, schema
from toolchain.studies.axes import read_axes
from toolchain.studies.study import Study


def read(path: Path) -> Study:
    """The study at ``path``. Raises InvalidManifest that names everything wrong with it."""
    problems: list[Diagnostic] = []
    try:
        top = reader.read(reader.source(path), problems)
    except InvalidManifest as error:
        raise invalid(path, map(_of_a_study, error.diagnostics)) from error
    if top is not None and not top.is_mapping:
        problems.append(Diagnostic("a study is a mapping of keys to values", top.place, (_FIRST_KEYS,)))
    values = validate.check(top, schema.sections(), (), problems) if top is not None and top.is_mapping else {}
    problems = [_of_a_study(problem) for problem in problems]
    if top is None or not top.is_mapping:
        raise invalid(path, problems)
    study = _Draft(path, top, values, problems).study()
    if problems:
        raise invalid(path, problems)
    return study


def read_all(paths: Iterable[Path]) -> list[Study]:
    """Several studies; raises one ManifestError for all that is wrong with any."""
    studies, complaints = [], []
    for path in paths:
        try:
            studies.append(read(path))
        except ManifestError as error:
            complaints.append(str(error))
    if complaints:
        raise ManifestError("\n\n".join(complaints))
    return studies


_FIRST_KEYS = "expected keys such as `study:`, `base:`, `axes:`, `measure:`"


def invalid(path: Path, problems: Iterable[Diagnostic]) -> InvalidManifest:
    """The error for a study with all that is wrong with it."""
    return InvalidManifest(reader.displayed(path), problems)


def _of_a_study(found: Diagnostic) -> Diagnostic:
    """What the readers of manifests say of a study: they call everything a manifest."""

    def said(text: str) -> str:
        for one in ("the manifest", "a manifest", "one manifest"):
            text = text.replace(one, one.replace("manifest", "study"))
        return text.replace("expected keys such as `model:`, `dataset:`, `network:`", _FIRST_KEYS)

    return replace(found, message=said(found.message), notes=tuple(map(said, found.notes)))


class _Draft:
    """A study on its way: what could be read of it, and what is wrong so far."""

    def __init__(self, path: Path, top: Node, values: dict[str, Any], problems: list[Diagnostic]) -> None:
        self.path, self.top, self.values, self.problems = path, top, values, problems

    def report(self, key_path: KeyPath, message: str, *notes: str) -> None:
        place = extends.place_of(self.top, key_path, value=True)
        self.problems.append(Diagnostic(message, place, notes, key_path))

    def study(self) -> Study:
        values = self.values
        name, stem = values.get("study"), self.path.stem
        if name is not None and name != stem:
            self.report(("study",), f"the study `{name}` stands in a file called `{stem}`", f"write `study: {stem}`")
        axes = read_axes(self.path, self.top.value.get("axes"), values.get("axes", {}), self.problems)
        base = self._base(any("models" in axis for axis in values.get("axes", {}).values()))
        texts = {axis.name for axis in axes if any(isinstance(setting.value, str) for setting in axis.settings)}
        sizes = {axis.name: len(axis.settings) for axis in axes}
        names.check(values, sizes, texts, self._repeated(), self.report)
        return Study(
            name=stem,
            path=reader.displayed(self.path),
            description=values.get("description", ""),
            source=values.get("source", ""),
            base=base,
            changes=self._set(),
            axes=axes,
            seeds=self._seeds(base),
            oversized=values.get("oversized", "skip"),
            measures=values.get("measure", {}),
            references=values.get("references", []),
            table=values.get("table", {}),
            figure=values.get("figure"),
        )

    def _base(self, models: bool) -> Path | None:
        given = self.values.get("base")
        if given is None:
            if not models and "base" not in self.top.value:
                self.report(
                    (), "the study needs `base`", "the manifest that every point starts from, or an axis of `models`"
                )
            return None
        base = Path(os.path.normpath(self.path.parent / given))
        if models:
            self.report(("base",), "`base` and an axis of `models` exclude each other", "each of the models is a base")
        elif not base.is_file():
            known = sorted(file.name for file in base.parent.glob("*.yaml")) if base.parent.is_dir() else []
            folder = given.removesuffix(base.name)
            notes = expected(base.name, known, "manifests there")
            guess = notes[0].replace("`", f"`{folder}", 1) if notes[0].startswith("did") else notes[0]
            note = guess if known else "the path is relative to the folder of this study"
            self.report(("base",), f"there is no manifest {reader.displayed(base)}", note)
            return None
        return base

    def _set(self) -> tuple[Change, ...]:
        node = self.top.value.get("set")
        if node is None or not node.is_mapping:
            return ()
        return tuple(Change(parse(key), node.keys[key], value) for key, value in node.value.items())

    def _repeated(self) -> bool:
        repeat = self.values.get("repeat", 1)
        return isinstance(repeat, list) or repeat > 1

    def _seeds(self, base: Path | None) -> tuple[int, ...]:
        repeat = self.values.get("repeat", 1)
        if isinstance(repeat, list):
            return tuple(repeat)
        return tuple(range(1, repeat + 1)) if repeat > 1 else ()
