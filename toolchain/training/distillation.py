"""Distillation: a student learns from a teacher's answers beside the labels (Hinton, Vinyals and Dean, 2015).

Every training image, as it was augmented, is shown to the teacher too. With z the scores before the softmax, both
networks' divided by the temperature T, a sample's loss is

    (1 - weight) · loss(label, softmax(z)) + weight · T² · KL(softmax(z_teacher / T), softmax(z / T))

T² keeps the gradients of both parts of one size, whatever T is. The teacher is never trained here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.datasets.base import shape_text
from toolchain.errors import DataError
from toolchain.training.loop import Distil
from toolchain.training.options import MIXTURE, filled
from toolchain.training.session import Session

FLOOR = 1e-9
"""Smallest probability whose logarithm is taken."""


class TeacherError(DataError):
    """A file that cannot teach this student."""

    key_path = ("training", "distillation", "teacher")


class Teacher:
    """A trained Keras model that answers for raw samples. ``given`` is its input: shape, offset and divide.

    Raises TeacherError for a file that is no model, or whose outputs are no scores of ``classes`` classes.
    """

    def __init__(self, session: Session, path: Path, given: Mapping[str, Any], classes: int) -> None:
        self._tf = session.tf
        self._given = given
        try:
            self._model = session.keras.models.load_model(path, compile=False)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TeacherError(f"Keras cannot read the teacher {path}: {_first_line(error)}") from error
        taken, shape = getattr(self._model, "input_shape", None), tuple(given["shape"])
        if not isinstance(taken, tuple) or taken[1:] != shape:
            raise TeacherError(f"the teacher {path} takes samples of {_size(taken)}, not of {shape_text(shape)}")
        if self._model.output_shape != (None, classes):
            size = _size(self._model.output_shape)
            raise TeacherError(f"the teacher {path} has {size} outputs, and this network {classes}")
        last = self._model.layers[-1]
        function = getattr(getattr(last, "activation", None), "__name__", type(last).__name__.lower())
        if function not in ("softmax", "linear"):
            message = f"the teacher {path} ends with {function}, which gives no scores of classes"
            raise TeacherError(f"{message}; take a model that ends with softmax, or with a linear layer before one")
        self._logarithms = function == "softmax"

    def scores(self, raw: Any) -> Any:
        """The scores (batch, classes) for raw samples (batch, …), float32; any number may be added to a row."""
        tf = self._tf
        values = tf.reshape(raw, (-1, *self._given["shape"]))
        values = (values + tf.constant(self._given["offset"], tf.float32)) / tf.constant(
            self._given["divide"], tf.float32
        )
        outputs = tf.stop_gradient(self._model(values, training=False))
        return tf.math.log(outputs + FLOOR) if self._logarithms else outputs


def build(
    session: Session, plan: Mapping[str, Any], options: Mapping[str, Any] | None, path: Path | None, classes: int
) -> Distil | None:
    """The function (losses, raw samples, outputs) → losses that mixes in the teacher's, or None without a teacher.

    ``plan`` is the plan's `training` section, ``path`` the teacher's model file.
    """
    if options is None:
        return None
    assert path is not None, "a plan with distillation needs --teacher"
    tf = session.tf
    chosen = filled(options, MIXTURE)
    teacher = Teacher(session, path, plan["teacher"]["input"], classes)
    weight, temperature = chosen["weight"], chosen["temperature"]

    def distil(losses: Any, raw: Any, outputs: Any) -> Any:
        taught = tf.nn.log_softmax(teacher.scores(raw) / temperature)
        learned = tf.nn.log_softmax(tf.math.log(outputs + FLOOR) / temperature)
        divergence = tf.reduce_sum(tf.exp(taught) * (taught - learned), axis=1)
        return (1 - weight) * losses + weight * temperature**2 * divergence

    return distil


def _size(shape: Any) -> str:
    return shape_text(shape[1:]) if isinstance(shape, tuple) else "several tensors"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
