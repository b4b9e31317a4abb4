"""The models that these tests import, trained and saved once a run by the frameworks themselves."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).parent / "files"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of ``made_files``; tests that run side by side share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "imported_models"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "classes.npz").exists():
            command = [sys.executable, "-m", "tests.imports.made_files", str(folder)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def classes(made: Path) -> dict[str, np.ndarray]:
    """What each model's own framework finds on the test samples, by file name."""
    with np.load(made / "classes.npz") as own, np.load(FILES / "keras2_classes.npz") as older:
        found = {**own, **older}
    return {**found, "tf2onnx_residual.onnx": found["keras2_residual.h5"]}
