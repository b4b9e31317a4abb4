"""All kernels, found by looking: every module of this package that defines ``KERNELS`` adds to them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import toolchain.kernels
from toolchain.kernels.base import Kernel


@cache
def kernels() -> dict[str, Kernel]:
    """Every kernel by its name, in alphabetical order."""
    found: dict[str, Kernel] = {}
    for info in pkgutil.iter_modules(toolchain.kernels.__path__):
        module = importlib.import_module(f"{toolchain.kernels.__name__}.{info.name}")
        for kernel in getattr(module, "KERNELS", ()):
            if found.setdefault(kernel.name, kernel) is not kernel:
                raise RuntimeError(f"two kernels are called {kernel.name!r}")
    return dict(sorted(found.items()))
