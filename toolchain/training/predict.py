"""Keras's own outputs of a model file, as the reference that the toolchain's float graph is compared with.

``python -m toolchain.training.predict MODEL.h5 SAMPLES.npy OUTPUTS.npy``: samples scaled as the network takes them,
float32 (n, *shape). A program of its own, so that whoever compares needs no TensorFlow in its process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from toolchain.errors import ToolError
from toolchain.files import atomic


def predict(model: Path | str, samples: np.ndarray) -> np.ndarray:
    """The outputs (n, *output shape), float32, of the Keras model file for scaled ``samples`` (n, *input shape).

    Raises ToolError with Keras's complaint.
    """
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "inputs.npy", Path(folder) / "outputs.npy"
        np.save(inputs, samples.astype(np.float32))
        command = [sys.executable, "-m", __name__, str(Path(model).resolve()), str(inputs), str(outputs)]
        root = Path(__file__).parents[2]
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if result.returncode:
            complaint = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ToolError(f"Keras does not run {model}: {complaint}")
        loaded: np.ndarray = np.load(outputs)
        return loaded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "samples", "outputs"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    from toolchain.training.session import start

    session = start()
    model = session.keras.models.load_model(args.model, compile=False)
    samples = np.load(args.samples)
    results = [model(samples[start : start + 500], training=False).numpy() for start in range(0, len(samples), 500)]
    with atomic(args.outputs) as file:
        np.save(file, np.concatenate(results))


if __name__ == "__main__":
    main()
