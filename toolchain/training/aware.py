"""Quantization-aware training: the plan's network as a graph that learns with the chip's own integers.

A weighted layer with the batch normalization and the relu that follow it is one block (``aware_layers``); all else is
Keras's own layer. ``AwareNetwork`` has what the training loop asks of a Keras model. What is written at the end is an
ordinary Keras model, normalization folded into weights that lie on their grid, beside a group of scales that
quantization takes as they are (``from_keras``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError, LayerError
from toolchain.ir.from_keras import PINS
from toolchain.ir.graph import Tensor
from toolchain.ir.operators import Pinned
from toolchain.layers.base import Shape
from toolchain.layers.registry import kinds
from toolchain.training import network
from toolchain.training.aware_layers import Average, Grid, Weighted
from toolchain.training.aware_plan import AVERAGES, WEIGHTED, Block, blocks, pool_size
from toolchain.training.session import Session

Entry = Mapping[str, Any]


class AwareNetwork:
    """The training graph. ``plan`` is the plan's `training` section, whose `quantization` says how weights are coded.

    ``training=True`` computes reals on the grid, with gradients; ``training=False`` what the chip computes, after
    ``freeze``.
    """

    def __init__(self, session: Session, plan: Mapping[str, Any], seed: int) -> None:
        keras = session.keras
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        self._session, self._plan = session, plan
        given = plan["input"]
        self._input = Tensor(tuple(given["shape"]), "uint8", 1 / given["divide"], -given["offset"], 0, 255)
        shapes: dict[str, Shape] = {"input": self._input.shape}
        grids = {"input": Grid(session, self._input.shape)}
        grids["input"].set(self._input)
        self._types: dict[str, Tensor] = {}
        self._nodes: list[tuple[Block, Any]] = []
        for block in blocks(plan["network"]):
            sources = [shapes[name] for name in block.inputs]
            shape = kinds()[block.entry["kind"]].output_shape(block.entry, sources)
            node = self._built(block, sources[0], shape, grids[block.inputs[0]])
            self._nodes.append((block, node))
            shapes[block.name] = shape
            grids[block.name] = node.grid if isinstance(node, Weighted) else grids[block.inputs[0]]
        self.output = SimpleNamespace(shape=(None, *shapes[self._nodes[-1][0].name]))

    def _built(self, block: Block, source: Shape, shape: Shape, grid: Grid) -> Any:
        session, entry = self._session, block.entry
        layer = kinds()[entry["kind"]].keras_layer(entry, entry["name"], session.keras)
        layer.build((None, *source))
        if entry["kind"] in AVERAGES:
            return Average(session, layer, pool_size(entry, source), shape, grid)
        if entry["kind"] not in WEIGHTED:
            return layer
        normalization = None
        if block.normalization is not None:
            name = block.normalization["name"]
            normalization = kinds()["batch_normalization"].keras_layer(block.normalization, name, session.keras)
            normalization.build((None, *shape))
        coding = entry.get("weights") or self._plan["quantization"]["weights"]
        return Weighted(session, layer, entry["kind"], coding, (source, shape), normalization, block.function)

    @property
    def shape(self) -> Shape:
        """The input's."""
        return self._input.shape

    # What the training loop, the checkpoint and pruning ask of a model

    def __call__(self, values: Any, training: bool = False) -> Any:
        return self._run(values, training)[self._nodes[-1][0].name]

    def _run(self, values: Any, training: bool) -> dict[str, Any]:
        """Every layer's output by name."""
        known = {"input": values}
        for block, node in self._nodes:
            operands = [known[name] for name in block.inputs]
            if isinstance(node, Weighted | Average):
                known[block.name] = node(operands[0], training)
            else:
                known[block.name] = node(operands[0], **({"training": training} if _trains(node) else {}))
        return known

    @property
    def layers(self) -> list[Any]:
        """The Keras layers."""
        return [node.layer if isinstance(node, Weighted) else node for _, node in self._nodes]

    @property
    def variables(self) -> list[Any]:
        """All that training changes, in a fixed order."""
        return [variable for _, node in self._nodes for variable in getattr(node, "variables", ())]

    @property
    def trainable_variables(self) -> list[Any]:
        return [variable for variable in self.variables if variable.trainable]

    def get_weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    # The integers

    def freeze(self) -> dict[str, tuple[np.ndarray, np.ndarray, Pinned]]:
        """Takes the integers' constants from the weights as they are now.

        Returns kernel, bias and pinned scales of each weighted layer, for the model file. Raises GoldcrestError naming
        a layer that cannot be computed in integers.
        """
        found = {}
        types = self._types = {"input": self._input}
        for block, node in self._nodes:
            source = types[block.inputs[0]]
            try:
                if isinstance(node, Weighted):
                    found[block.entry["name"]] = node.freeze(source)
                    types[block.name] = node.grid.tensor
                elif isinstance(node, Average):
                    types[block.name] = node.freeze(source)
                else:
                    types[block.name] = source
            except LayerError as error:
                raise GoldcrestError(f"layer {block.entry['name']}: {error}") from error
        return found

    def answers(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the frozen network says of raw samples (n, …): its outputs (float32) and, flat, its scores' codes.

        The scores are what a final softmax or sigmoid is applied to.
        """
        values = self._session.tf.constant(raw.reshape(-1, *self._input.shape).astype(np.float32))
        known = self._run((values + self._plan["input"]["offset"]) / self._plan["input"]["divide"], False)
        last, _ = self._nodes[-1]
        name = last.inputs[0] if last.entry["kind"] == "activation" else last.name
        tensor = self._types[name]
        codes = np.rint(known[name].numpy().astype(np.float64) / tensor.scale) + tensor.zero_point
        return known[last.name].numpy(), codes.astype(np.int64).reshape(len(raw), -1)

    def zeros(self) -> dict[str, float]:
        """The share of zero codes in each weighted layer, as of the last freeze."""
        return {node.layer.name: node.zeros for _, node in self._nodes if isinstance(node, Weighted)}

    def h5_bytes(self) -> bytes:
        """The model file."""
        import h5py

        found = self.freeze()
        model = network.build(self._input.shape, inference(self._plan["network"]), self._session, 0)
        for layer in model.layers:
            if layer.name in found:
                layer.set_weights(list(found[layer.name][:2]))
        buffer = io.BytesIO(network.h5_bytes(model))
        with h5py.File(buffer, "a") as file:
            pins = file.create_group(PINS)
            for name, (_kernel, _bias, pinned) in found.items():
                group = pins.create_group(name)
                group["steps"] = pinned.steps
                group.attrs["scale"], group.attrs["zero_point"] = pinned.scale, pinned.zero_point
        return buffer.getvalue()


def _trains(layer: Any) -> bool:
    return type(layer).__name__ == "Dropout"


def inference(declared: Sequence[Entry]) -> list[dict[str, Any]]:
    """The network of the model file: blocks without their normalization, every weighted layer with a bias."""
    gone: dict[str, str] = {}
    for block in blocks(declared):
        if block.normalization is not None:
            gone[block.normalization["name"]] = block.entry["name"]
    kept = []
    for entry in declared:
        if entry["name"] in gone:
            continue
        inputs = [gone.get(name, name) for name in entry["inputs"]]
        kept.append({**entry, "inputs": inputs, **({"bias": True} if entry["kind"] in WEIGHTED else {})})
    return kept
