"""Weights as their few codes, in the training graph: exact codes forward, a straight-through gradient backward.

``int8``     step = largest / 127, an output channel                     codes -127…127
``int4``     a learned step, an output channel                           codes -7…7
``ternary``  step = mean of the kept, those above 0.7 · mean             codes -1, 0, 1
``binary``   step = mean                                                 codes -1, 1

Sources: S. Esser et al., "Learned Step Size Quantization", ICLR 2020 (int4); F. Li and B. Liu, "Ternary Weight
Networks", 2016; M. Rastegari et al., "XNOR-Net", ECCV 2016 (binary); Y. Bengio et al., 2013 (straight-through).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from toolchain.training.session import Session

LIMITS = {"int8": 127, "int4": 7, "ternary": 1, "binary": 1}
THRESHOLD = 0.7


class Weights:
    """The quantizer of one kernel. ``channel_axes`` are those whose entries have a step of their own."""

    def __init__(self, session: Session, coding: str, kernel: Any, channel_axes: tuple[int, ...]) -> None:
        self._tf = session.tf
        self.coding = coding
        self._limit = LIMITS[coding]
        self._others = tuple(axis for axis in range(len(kernel.shape)) if axis not in channel_axes)
        self.variables: list[Any] = []
        if coding == "int4":
            # The step is learned as its logarithm: it stays positive, and a learning rate means the same for any scale.
            mean = np.abs(kernel.numpy()).mean(axis=self._others, keepdims=True)
            first = np.log2(2 * np.maximum(mean, 1e-6) / np.sqrt(self._limit)).reshape(-1)
            initial = session.keras.initializers.Constant(0.0)
            self._log_step = session.keras.Variable(initial, shape=first.shape, dtype="float32", name="log_step")
            self._log_step.assign(first.astype(np.float32))
            self._shape = mean.shape
            self.variables.append(self._log_step)

    def coded(self, kernel: Any) -> tuple[Any, Any]:
        """Codes (whole numbers, the kernel's shape) and steps (broadcastable to it), float32."""
        tf = self._tf
        size = tf.abs(kernel)
        mean = tf.reduce_mean(size, axis=self._others, keepdims=True)
        if self.coding == "binary":
            return tf.where(kernel < 0, -1.0, 1.0), tf.maximum(mean, 1e-6)
        if self.coding == "ternary":
            kept = tf.cast(size > THRESHOLD * mean, tf.float32)
            count = tf.maximum(tf.reduce_sum(kept, axis=self._others, keepdims=True), 1.0)
            step = tf.reduce_sum(size * kept, axis=self._others, keepdims=True) / count
            return tf.sign(kernel) * kept, tf.where(step > 0, step, 1.0)
        if self.coding == "int4":
            step = self._step()
        else:
            largest = tf.reduce_max(size, axis=self._others, keepdims=True)
            step = tf.where(largest > 0, largest, 1.0) / self._limit
        return tf.round(tf.clip_by_value(kernel / step, -self._limit, self._limit)), step

    def effective(self, kernel: Any) -> Any:
        """codes · step, with the gradient of the kernel itself (int4: of the clipped kernel and of the step)."""
        tf = self._tf
        codes, step = self.coded(kernel)
        if self.coding == "int4":
            exact = tf.clip_by_value(kernel / step, -self._limit, self._limit)
            return (exact + tf.stop_gradient(codes - exact)) * step
        return kernel + tf.stop_gradient(codes * step - kernel)

    def _step(self) -> Any:
        tf = self._tf
        return tf.reshape(tf.pow(2.0, tf.convert_to_tensor(self._log_step)), self._shape)
