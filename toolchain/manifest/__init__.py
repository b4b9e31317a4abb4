"""Manifests: ``load(path)`` reads one, checks it and gives the plan of every stage.

Everything that is wrong with a manifest is reported at once, each with its line (``diagnostics``). Reading needs
neither numpy nor TensorFlow and takes a few milliseconds, because every build begins with it.
"""

from toolchain.manifest.changes import Change
from toolchain.manifest.diagnostics import Diagnostic, InvalidManifest, Place, coloured
from toolchain.manifest.loading import error_at, load, load_all, locate, place
from toolchain.manifest.plan import Plan

__all__ = [
    "Change",
    "Diagnostic",
    "InvalidManifest",
    "Place",
    "Plan",
    "coloured",
    "error_at",
    "load",
    "load_all",
    "locate",
    "place",
]
