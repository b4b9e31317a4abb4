"""All layer kinds, found by looking: every module of this package that defines ``KIND`` or ``KINDS`` adds to them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import toolchain.layers
from toolchain.layers.base import Kind


@cache
def kinds() -> dict[str, Kind]:
    """Every layer kind by its manifest name, in alphabetical order. Imports neither numpy nor TensorFlow."""
    found: dict[str, Kind] = {}
    for info in pkgutil.iter_modules(toolchain.layers.__path__):
        module = importlib.import_module(f"{toolchain.layers.__name__}.{info.name}")
        single: tuple[Kind, ...] = (module.KIND,) if hasattr(module, "KIND") else ()
        for kind in (*single, *getattr(module, "KINDS", ())):
            if found.setdefault(kind.name, kind) is not kind:
                raise RuntimeError(f"two layer kinds are called {kind.name!r}")
    return dict(sorted(found.items()))


@cache
def by_keras_class() -> dict[str, Kind]:
    """The kind that reads each Keras layer class."""
    return {name: kind for kind in kinds().values() for name in kind.keras}
