"""Modules that are imported at their first use.

Reading a manifest needs a layer's schema and shapes, not its arithmetic: numpy (and TensorFlow all the more) must not
be imported for it. A module that needs numpy for its arithmetic only writes::

    if TYPE_CHECKING:
        import numpy as np
    else:
        np = LazyModule("numpy")
"""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for the module ``name`` and imports it when an attribute is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
