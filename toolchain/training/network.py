"""From the plan's network to a Keras model, and from a Keras model to the bytes of an .h5."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from toolchain.layers.registry import kinds
from toolchain.training.session import Session


def build(shape: Sequence[int], network: Sequence[Mapping[str, Any]], session: Session, seed: int) -> Any:
    """The Keras model of ``network`` with weights drawn from ``seed``.

    Its input is the scaled sample, float32 of ``shape``: scaling is no part of the model, and so none of the .h5.
    """
    keras = session.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    tensors = {"input": keras.Input(tuple(shape), dtype="float32", name="input")}
    name = "input"
    for layer in network:
        name = layer["name"]
        operands = [tensors[source] for source in layer["inputs"]]
        keras_layer = kinds()[layer["kind"]].keras_layer(layer, name, keras)
        tensors[name] = keras_layer(operands[0] if len(operands) == 1 else operands)
    return keras.Model(tensors["input"], tensors[name], name="network")


def h5_bytes(model: Any) -> bytes:
    """The model in Keras's legacy HDF5 format: architecture and weights, no optimizer, no time of day.

    ``.h5`` and not ``.keras``: a ``.keras`` archive holds the time of its writing, so no two are alike.
    """
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=False) as file:
        legacy_h5_format.save_model_to_hdf5(model, file, include_optimizer=False)
    return buffer.getvalue()
