"""Writes the MNIST arrays of ``keras.datasets`` as the four IDX files they came from: ``python -m … FOLDER``.

A program of its own, so that the data set stage needs no TensorFlow unless every other source of MNIST has failed.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from toolchain.datasets import idx

CONNECT_SECONDS = 60.0  # a firewall that swallows packets must not hang the build


def main(folder: Path) -> None:
    """Fetches through Keras and writes the files into ``folder``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    socket.setdefaulttimeout(CONNECT_SECONDS)
    from keras.datasets import mnist

    (train_images, train_labels), (test_images, test_labels) = mnist.load_data()
    for name, array in {
        "train-images-idx3-ubyte": train_images,
        "train-labels-idx1-ubyte": train_labels,
        "t10k-images-idx3-ubyte": test_images,
        "t10k-labels-idx1-ubyte": test_labels,
    }.items():
        (folder / name).write_bytes(idx.render(array))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
