"""The file format of graphs: an .npz with the structure as JSON and every constant as an array.

The same graph always gives the same bytes, so that a build system can compare them.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor
from toolchain.ir.operators import Operator, Requantization
from toolchain.layers import registry

FORMAT = 1
_STRUCTURES: dict[str, type[Any]] = {cls.__name__: cls for cls in (Graph, Layer, Tensor, Encoding, Requantization)}


def save(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``, whole or not at all."""
    with atomic(path, "wb") as stream:
        stream.write(dumps(graph))


def load(path: Path) -> Graph:
    """Read a graph. Raises GoldcrestError if the file is not one of ours."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        structure = json.loads(bytes(arrays["structure"]).decode())
        if structure["format"] != FORMAT:
            raise ValueError(f"format {structure['format']}, this version reads {FORMAT}")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GoldcrestError(f"{path}: not a network of ours ({error}); delete it and build again") from error
    registry.kinds()  # the layer files define the operators
    return _decode(structure["graph"], arrays)


def dumps(graph: Graph) -> bytes:
    """The file's content."""
    arrays: dict[str, Any] = {}  # savez's own options stand in the way of a narrower type
    structure = {"format": FORMAT, "graph": _encode(graph, arrays)}
    text = json.dumps(structure, sort_keys=True).encode()
    buffer = io.BytesIO()
    np.savez(buffer, structure=np.frombuffer(text, np.uint8), **arrays)
    return buffer.getvalue()


def fingerprint(graph: Graph) -> int:
    """A 32-bit name for the network's behaviour (CRC-32 of the file): the firmware and the host compare it."""
    return zlib.crc32(dumps(graph))


def _encode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _encode(getattr(value, field.name), arrays) for field in fields(value)}
        return {"type": type(value).__name__, **content}
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple | list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    name = value["type"]
    cls = _STRUCTURES.get(name) or Operator.classes[name]
    return cls(**{key: _decode(item, arrays) for key, item in value.items() if key != "type"})
