"""TensorFlow, imported quietly and set up so that the same training gives the same bits."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from toolchain.errors import ToolError

THREADS = 2
"""Threads inside one operation. Fixed, because the order of a sum depends on how it is divided among them: two machines
with different numbers of processors must not get two networks."""


@dataclass(frozen=True)
class Session:
    """The imported modules."""

    tf: Any
    keras: Any


def start() -> Session:
    """Imports TensorFlow and Keras and sets them up. Raises ToolError if they are not installed or do not start."""
    session = load()
    tf = session.tf
    with quiet():
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
        tf.constant(0)  # starts the device, which has something to say as well
    return session


def load() -> Session:
    """Only imports them: no thread of theirs runs yet, and this process may still fork. Raises like ``start``."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # oneDNN rounds in another order than Eigen: the bytes must not depend on the caller's environment. With it
    # convolutions train 1.6 times as fast.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a graphics card's sums have no fixed order
    try:
        with quiet():
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise ToolError(f"TensorFlow does not start ({error}); run ./scons, which installs it into .venv") from error
    return Session(tf, keras)


def versions(session: Session) -> dict[str, str]:
    """What the trained bytes depend on beside the manifest and the data."""
    import numpy as np

    return {
        "tensorflow": session.tf.__version__,
        "keras": session.keras.__version__,
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


@contextmanager
def quiet(show: bool = True) -> Iterator[None]:
    """Swallows what native code writes to standard error; with ``show`` it is shown if the block fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            file.seek(0)
            if show:
                os.write(2, file.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
