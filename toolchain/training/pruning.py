"""Magnitude pruning: in the course of the training a growing share of the smallest weights becomes and stays zero.

The schedule is that of Zhu and Gupta (2017, "To prune, or not to prune"): sparsity rises as a cubic from `initial` to
`final` between the steps `begin` and `end`; which weights are zero is chosen anew every `frequency` steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.training.options import PRUNING, filled
from toolchain.training.session import Session


def sparsity(options: Mapping[str, Any], total: int) -> np.ndarray:
    """The share of zeros chosen at each of ``total`` steps, float32; -1 where nothing is chosen anew."""
    step = np.arange(total, dtype=np.float64)
    begin = min(options["begin"], total - 1)
    end = min(total - 1, total // 2 if options["end"] is None else options["end"])
    if end <= begin:
        raise GoldcrestError(f"pruning.end ({end}) must come after pruning.begin ({begin}) within the {total} steps")
    if options["schedule"] == "constant":
        share = np.full(total, float(options["final"]))
    else:
        left = (1 - np.clip((step - begin) / (end - begin), 0, 1)) ** options["power"]
        share = options["final"] + (options["initial"] - options["final"]) * left
    chosen = (step >= begin) & (step <= end) & (((step - begin) % options["frequency"] == 0) | (step == end))
    return np.where(chosen, share, -1.0).astype(np.float32)


class Pruner:
    """Keeps a mask for every pruned kernel (1: alive); ``adjust`` is called in the graph after each step."""

    def __init__(self, session: Session, layers: list[Any], shares: np.ndarray, structure: str) -> None:
        self._tf = session.tf
        self._layers = layers
        self._shares = session.tf.constant(shares)
        self.final_after = 1 + int(np.flatnonzero(shares >= 0)[-1])  # steps
        self._structure = structure
        self.variables = [session.tf.Variable(np.ones(self._groups(layer), np.float32)) for layer in layers]

    def adjust(self, number: Any) -> None:
        """Chooses the zeros anew if this step is one for it, and sets them in any case: the optimizer moved them."""
        tf = self._tf
        share = self._shares[number]
        for layer, mask in zip(self._layers, self.variables, strict=True):
            kernel = layer.kernel

            def choose(kernel: Any = kernel, mask: Any = mask) -> Any:
                return self._mask(kernel, mask.shape, share)

            mask.assign(tf.cond(share >= 0, choose, lambda mask=mask: tf.identity(mask)))
            kernel.assign(kernel * mask)
            if self._structure == "units" and getattr(layer, "bias", None) is not None:
                layer.bias.assign(layer.bias * tf.reshape(mask, (-1,)))

    def _groups(self, layer: Any) -> tuple[int, ...]:
        """The mask's shape: one entry for what becomes zero together; it broadcasts against the kernel."""
        shape = tuple(layer.kernel.shape)
        if self._structure == "units":
            own = 2 if hasattr(layer, "depth_multiplier") else 1  # a depthwise kernel's last two axes are its channels
            return (*(1 for _ in shape[:-own]), *shape[-own:])
        if self._structure == "rows":
            return (*(1 for _ in shape[:-2]), shape[-2], 1)
        return shape

    def _mask(self, kernel: Any, shape: Any, share: Any) -> Any:
        """1 for the groups to keep: all but the `share` of smallest norm, of equal ones the later are kept."""
        tf = self._tf
        axes = [axis for axis, size in enumerate(shape) if size == 1 and kernel.shape[axis] != 1]
        size = tf.reshape(tf.reduce_sum(tf.square(kernel), axis=axes), (-1,))
        count = tf.size(size)
        dropped = tf.cast(tf.round(share * tf.cast(count, tf.float32)), tf.int32)
        rank = tf.argsort(tf.argsort(size, stable=True))
        return tf.reshape(tf.cast(rank >= dropped, tf.float32), shape)


def build(session: Session, model: Any, given: Mapping[str, Any] | None, total: int) -> Pruner | None:
    """The pruner of a model, or None. Raises GoldcrestError for layers to keep that are not there."""
    if given is None:
        return None
    options = filled(given, PRUNING)
    layers = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None]
    names = [layer.name for layer in layers]
    for name in options["keep"]:
        if name not in names:
            there = ", ".join(names)
            raise GoldcrestError(f"pruning.keep: no layer with weights is called {name!r}; there are {there}")
    pruned = [layer for layer in layers if layer.name not in options["keep"]]
    return Pruner(session, pruned, sparsity(options, total), options["structure"])


def zeros(model: Any) -> dict[str, float]:
    """The share of exact zeros in each layer's kernel."""
    kernels = {layer.name: layer.kernel for layer in model.layers if getattr(layer, "kernel", None) is not None}
    return {name: float(np.mean(kernel.numpy() == 0)) for name, kernel in kernels.items()}
