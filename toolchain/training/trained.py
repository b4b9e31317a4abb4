"""Model files that stand under version control because their training takes long.

Each bears the digest of the training that made it: plan and data. A manifest names the file (``training.trained``); it
is taken as long as the digests agree, so that it can never stand for a training that would give something else. Without
the file, or the history beside it, the same manifest trains it anew.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.datasets import base

ATTRIBUTE = "goldcrest_training"


def history_path(model: Path) -> Path:
    """The companion of a model file: losses, accuracies and versions of its training."""
    return model.with_suffix(".history.json")


def files(named: str | None, root: Path = Path()) -> list[str]:
    """What is read where ``training.trained`` names this file below ``root``: it and its history, if both are there."""
    if not named:
        return []
    found = [named, str(history_path(Path(named)))]
    return found if all((root / each).is_file() for each in found) else []


def digest(plan: Mapping[str, Any], dataset: Path) -> str:
    """Names a training by what it is given: ``PLAN:SAMPLES``, two sums."""
    splits = base.read(dataset)
    found = hashlib.sha256()
    for part in base.PARTS:
        for array in (splits.x[part], splits.y[part]):
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(array.tobytes())
    return f"{plan_digest(plan)}:{found.hexdigest()}"


def plan_digest(plan: Mapping[str, Any]) -> str:
    """The sum of the plan's `training` section, but for where its result may lie."""
    training = {key: value for key, value in plan["training"].items() if key != "trained"}
    text = json.dumps(_given({**plan, "training": training}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _given(value: Any) -> Any:
    """The value without what is null: an option that did not exist yet and one left out are the same."""
    if isinstance(value, Mapping):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return [_given(item) for item in value] if isinstance(value, list) else value


def marked(content: bytes, training: str) -> bytes:
    """The model file's content with the digest of its training."""
    import h5py

    buffer = io.BytesIO(content)
    with h5py.File(buffer, "a") as file:
        file.attrs[ATTRIBUTE] = training
    return buffer.getvalue()


def training_of(path: Path) -> str:
    """The digest that a model file bears; empty if it bears none or is no such file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get(ATTRIBUTE, ""))
    except OSError:
        return ""
