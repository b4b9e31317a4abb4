"""SavedModel folders: what their serving function computes, by way of TensorFlow's own converter to TensorFlow Lite."""

from __future__ import annotations

import re
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.importing import tflite_file
from toolchain.ir.graph import Encoding, Graph, Tensor


def read(path: Path, name: str, encoding: Encoding, raw: Tensor) -> Graph:
    """The float graph of the folder's default signature. Raises GoldcrestError, naming the layer."""
    if not (path / "saved_model.pb").is_file():
        raise GoldcrestError(f"{path}: a folder without saved_model.pb is no SavedModel; name the model's own folder")
    from toolchain.training.session import quiet, start

    session = start()
    try:
        with quiet(show=False):
            content = session.tf.lite.TFLiteConverter.from_saved_model(str(path)).convert()
    except Exception as error:  # the converter raises whatever its parts raise
        raise GoldcrestError(f"{path}: {_cause(str(error))}; save the model as .keras instead") from error
    return tflite_file.graph(str(path), bytes(content), name, encoding, raw)


def _cause(text: str) -> str:
    """What TensorFlow says, without the pages around it."""
    missing = re.search(r"Custom ops?: ([\w, ]+)|Flex ops?: ([\w, ]+)", text)
    if missing:
        return f"the operators {missing[1] or missing[2]} are not supported"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"TensorFlow cannot convert it ({lines[0][:200] if lines else 'no reason given'})"
