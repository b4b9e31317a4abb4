"""What a stage finds wrong with a value of the manifest, said beside its line.

A stage reads its section of the plan and knows no manifest: it says which value is at fault
(``GoldcrestError.key_path``) or which layer (``RefusedLayer``). Whoever runs the stage says where that stands. So a
stage does not depend on how manifests are read and checked, and an edit of that makes no training run again.
"""

from __future__ import annotations

from pathlib import Path

from toolchain.errors import GoldcrestError, RefusedLayer
from toolchain.manifest.diagnostics import KeyPath
from toolchain.manifest.loading import error_at, load


def beside_its_line(error: GoldcrestError, manifest: Path) -> GoldcrestError:
    """The same error at its line of the manifest; as it is if it is about none.

    What stands after the first semicolon is the remedy, and becomes a note. Raises ManifestError if the manifest cannot
    be read any more.
    """
    if isinstance(error, RefusedLayer):
        return _at_the_layer(error, manifest)
    return _at(manifest, error.key_path, str(error), value=True) if error.key_path else error


def _at_the_layer(error: RefusedLayer, manifest: Path) -> GoldcrestError:
    plan = load(manifest)
    if plan.imported:
        return _at(manifest, ("network", plan.imported["format"]), str(error), value=True)
    network = plan.training["network"]
    # A layer that a pass made is called after the one that it was made from: dense_1_relu.
    own = [i for i, entry in enumerate(network) if f"{error.layer}_".startswith(f"{entry['name']}_")]
    if not own:
        return error
    index = max(own, key=lambda i: len(network[i]["name"]))
    return _at(manifest, ("network", index), f"`{network[index]['name']}`: {error.reason}")


def _at(manifest: Path, key_path: KeyPath, message: str, value: bool = False) -> GoldcrestError:
    said, _, remedy = message.partition("; ")
    return error_at(manifest, key_path, said, *([remedy] if remedy else []), value=value)
