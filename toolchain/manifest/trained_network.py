"""A network from a file (``network: {onnx: model.onnx}``): what goes with it, and what only a training has."""

from __future__ import annotations

from pathlib import Path

from toolchain.importing.formats import FORMATS
from toolchain.manifest import schema
from toolchain.manifest.draft import Draft
from toolchain.manifest.wording import about, subject

NOTE = "the path is relative to the folder that holds the build"
TRAINING_ONLY = ("training", "pruning")


def named(network: object) -> tuple[str, str] | None:
    """Format and path of a network from a file; None for layers."""
    return next(iter(network.items())) if isinstance(network, dict) and network else None


def file(draft: Draft) -> None:
    """The file must be there, and be one of its format by its name."""
    found = named(draft.get("network"))
    if found is None:
        return
    name, text = found
    path, known = Path(text).expanduser(), FORMATS[name]
    here = ("network", name)
    fitting = [each.name for each in FORMATS.values() if path.suffix.lower() in each.suffixes]
    if path.is_dir() and known.folder:
        return
    if path.suffix.lower() not in known.suffixes:
        expected = " or ".join(f"`{suffix}`" for suffix in known.suffixes)
        folder = ", or a SavedModel's folder" if known.folder else ""
        remedy = f"write `{fitting[0]}: {text}`" if fitting else f"expected a file that ends in {expected}{folder}"
        draft.report(here, f"`{text}` is no {name} file by its name", remedy)
    elif not path.is_file():
        draft.report(here, f"there is no file `{text}`", NOTE)


def training(draft: Draft) -> None:
    """Layers are trained, a network from a file is taken as it is."""
    written = draft.top.value.get("network")
    if written is None or not written.is_mapping:
        if "training" not in draft.top.value:
            described = schema.sections()["properties"]["training"]
            draft.report(("training",), f"{subject(())} needs `training`", about(described, ("training",)))
        return
    if named(draft.get("network")) is None:
        return
    for key in TRAINING_ONLY:
        if draft.get(key) is not None:
            message = f"`{key}` does not go with a network from a file"
            draft.report_key((key,), message, f"remove it; an inherited one goes away with `{key}: null`")
    if draft.get("quantization", "training") == "aware":
        message = "a network from a file is quantized after its training"
        draft.report(("quantization", "training"), message, "write `training: after`")


CHECKS = (file, training)
