"""From files to plans, with every error of a manifest at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from toolchain.errors import GoldcrestError, ManifestError
from toolchain.manifest import checks, drafting, extends, fit, plan, reader, schema, teacher
from toolchain.manifest.changes import Change
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, KeyPath, Place
from toolchain.manifest.plan import Plan


def load(path: Path | str, given: Sequence[Change] = ()) -> Plan:
    """The plan of the manifest at ``path``, with some of its values changed if so wished.

    Raises ManifestError that names everything wrong with it.
    """
    path = Path(path)
    problems: list[Diagnostic] = []
    draft, files = drafting.read(path, schema.sections(), problems, given)
    taught = teacher.follow(draft) if draft is not None else None
    if draft is None or problems:
        raise InvalidManifest(reader.displayed(path), problems)
    needed = {"program", "data"} - draft.values["target"]["memory"].keys()
    chip = checks.chip_memory(draft.values["target"]["mcu"]) if needed else {}
    read = (*map(reader.displayed, files), *(taught.files if taught else ()))
    made = plan.make(draft, reader.displayed(path), read, chip, taught)
    return fit.widest(made, draft, path)


def load_all(models: Path | str | Iterable[Path]) -> list[Plan]:
    """The plans of all manifests in a folder (or of those given), by name. Raises one ManifestError for all of them."""
    paths = sorted(Path(models).glob("*.yaml")) if isinstance(models, str | Path) else list(models)
    plans, complaints = [], []
    for path in paths:
        try:
            plans.append(load(path))
        except ManifestError as error:
            complaints.append(str(error))
    if complaints:  # a model that is called as its file has no namesake
        complaints += _namesakes(paths)
        raise ManifestError("\n\n".join(complaints))
    return sorted(plans, key=lambda plan: plan.name)


def locate(path: Path | str, key_path: KeyPath, value: bool = False) -> tuple[int, int]:
    """Line and column (from 1) of a key, or with ``value`` of its value; if missing, of the mapping that lacks it.

    If the value is inherited (``extends``), the line is one of the file that ``place`` names.
    """
    found = place(path, key_path, value)
    return found.line, found.column


def place(path: Path | str, key_path: KeyPath, value: bool = False) -> Place:
    """The same with the file. Raises ManifestError if the manifest cannot be read."""
    problems: list[Diagnostic] = []
    top, _ = extends.read(Path(path), schema.choices(), problems)
    if top is None:
        raise InvalidManifest(reader.displayed(Path(path)), problems)
    return extends.place_of(top, key_path, value)


def error_at(path: Path | str, key_path: KeyPath, message: str, *notes: str, value: bool = False) -> InvalidManifest:
    """The error that a later stage raises about a line of the manifest: ``raise error_at("models/x.yaml", (…), "…")``.

    Notes are printed below the line, each wrapped at 80 columns.
    """
    return InvalidManifest(
        reader.displayed(Path(path)), [Diagnostic(message, place(path, key_path, value), notes, key_path)]
    )


def _namesakes(paths: Iterable[Path]) -> list[str]:
    """Models that call themselves by one name."""
    first: dict[str, Path] = {}
    complaints = []
    for path in paths:
        try:
            top, _ = extends.read(path, schema.choices(), [])
        except GoldcrestError:
            continue
        name = top.value.get("model") if top is not None else None
        if top is None or name is None or not isinstance(name.value, str):
            continue
        other = first.setdefault(name.value, path)
        if other != path:
            message = f"two models are called `{name.value}`"
            note = f"the other one is {reader.displayed(other)}"
            found = Diagnostic(message, extends.place_of(top, ("model",), value=True), (note,), ("model",))
            complaints.append(str(InvalidManifest(reader.displayed(path), [found])))
    return complaints
