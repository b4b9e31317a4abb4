"""All data sets, found by looking: every module of this package that defines ``DATASET`` adds one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import toolchain.datasets
from toolchain.datasets import preprocessing
from toolchain.datasets.base import PREPROCESS, Dataset, Description, Splits
from toolchain.layers.base import Option


@cache
def datasets() -> dict[str, Dataset]:
    """Every data set by its name, in alphabetical order. Imports neither numpy nor TensorFlow."""
    found: dict[str, Dataset] = {}
    for info in pkgutil.iter_modules(toolchain.datasets.__path__):
        module = importlib.import_module(f"{toolchain.datasets.__name__}.{info.name}")
        if hasattr(module, "DATASET") and found.setdefault(module.DATASET.name, module.DATASET) is not module.DATASET:
            raise RuntimeError(f"two data sets are called {module.DATASET.name!r}")
    return dict(sorted(found.items()))


def options(name: str) -> tuple[Option, ...]:
    """The keys that a manifest may write beside ``name``."""
    return (*datasets()[name].options, PREPROCESS)


def describe(plan: Mapping[str, Any]) -> Description:
    """What ``plan`` (``{"name": …, options}``) alone shows, after preprocessing; reads no file, imports no numpy.

    Raises DatasetOptionError with the path of the key at fault.
    """
    raw = datasets()[plan["name"]].describe(plan)
    shape = raw.shape and preprocessing.output_shape(plan.get("preprocess", []), raw.shape)
    return Description(shape, raw.classes, raw.sizes, raw.typical)


def sources(plan: Mapping[str, Any]) -> list[Path]:
    """The user's files that the data set is made from: a change of their content makes it out of date."""
    return [Path(path).expanduser() for path in datasets()[plan["name"]].sources(plan)]


def load(plan: Mapping[str, Any]) -> Splits:
    """The samples of ``plan``, preprocessed. Raises DataError."""
    splits = datasets()[plan["name"]].load(plan)
    x = {part: preprocessing.apply(plan.get("preprocess", []), values) for part, values in splits.x.items()}
    return Splits(x, splits.y, splits.classes, splits.names)
