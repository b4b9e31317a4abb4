"""Accuracy: the C on this machine against the reference, and the counting against labels made up for it."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.budget.building import INCLUDES, ROOT, Built, build, float_graph, samples
from toolchain import manifest
from toolchain.board import chips
from toolchain.errors import GoldcrestError, ToolError
from toolchain.graph import compilers
from toolchain.ir.graph import Graph
from toolchain.report import accuracy_stage


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Graph, Path, np.ndarray]:
    """mnist_dense8 with random weights: what was built, its float graph, its program for this machine, samples."""
    folder = tmp_path_factory.mktemp("network")
    plan = manifest.load(ROOT / "models" / "mnist_dense8.yaml")
    built = build(plan, folder)
    host = folder / "network"
    include = [f"-I{path}" for path in (folder, *(ROOT / name for name in INCLUDES))]
    kernels = sorted((ROOT / "firmware/kernels").glob("*.c"))
    sources = [*(ROOT / name for name in chips.HOST_SOURCES), *kernels, folder / "network.c"]
    subprocess.run(["cc", *compilers.host_flags(), *include, *sources, "-o", host], check=True)
    return built, float_graph(plan, folder), host, samples(plan, 300, seed=5)


def test_shares_of_right_answers(network: tuple[Built, Graph, Path, np.ndarray]) -> None:
    built, trained, host, x = network
    classes = built.graph.classify(built.graph.run(built.graph.encode(x).astype(np.int64)))
    labels = classes.copy()
    labels[:30] = (labels[:30] + 1) % 10
    report = accuracy_stage.measure(host, built.graph, trained, x, labels.astype(np.int32), 0.5)
    assert report["quantized"] == pytest.approx(0.9)
    real = trained.run(trained.encoding.scaled(x))
    assert report["float"] == pytest.approx((np.argmax(real, axis=1) == labels).mean())
    assert report["agreement"] == pytest.approx((np.argmax(real, axis=1) == classes).mean())
    assert (report["samples"], report["compared"], report["error"]) == (300, 256, None)


def test_one_hot_targets_are_classes(network: tuple[Built, Graph, Path, np.ndarray]) -> None:
    built, trained, host, x = network
    labels = np.random.default_rng(0).integers(0, 10, 300)
    numbers = accuracy_stage.measure(host, built.graph, trained, x, labels, 0.5)
    rows = accuracy_stage.measure(host, built.graph, trained, x, np.eye(10, dtype=np.float32)[labels], 0.5)
    answers, same = numbers.pop("answers"), rows.pop("answers")
    assert numbers == rows
    assert {name: values.tolist() for name, values in answers.items()} == {n: v.tolist() for n, v in same.items()}
    assert (answers["chip"] == answers["labels"]).mean() == numbers["quantized"]


def test_a_regression_has_an_error_and_no_share(network: tuple[Built, Graph, Path, np.ndarray]) -> None:
    built, trained, host, x = network
    real = trained.run(trained.encoding.scaled(x))
    numbers = replace(built.graph, decision="none")
    report = accuracy_stage.measure(_lying(host, classes=0), numbers, trained, x, real.astype(np.float32), 0.5)
    assert report["float"] is None
    assert report["quantized"] is None
    assert report["error"]["float"] < 1e-4
    assert 0 < report["error"]["quantized"] < 5 * built.graph.output.scale


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flip": 3}, r"differ on 1 of 256 test samples, first on sample 3; this is a defect of the compiler"),
        ({"classes": 77}, r"differ on 256 of 256 test samples, first on sample 0"),
        ({"drop": 1}, r"failed on 300 inputs: 3299 bytes came back"),
    ],
)
def test_a_program_that_answers_otherwise(
    network: tuple[Built, Graph, Path, np.ndarray], change: dict[str, int], reason: str
) -> None:
    built, trained, host, x = network
    with pytest.raises(GoldcrestError, match=reason):
        accuracy_stage.measure(_lying(host, **change), built.graph, trained, x, np.zeros(300, np.int32), 0.5)


def test_a_program_that_fails(network: tuple[Built, Graph, Path, np.ndarray], tmp_path: Path) -> None:
    built, trained, _host, x = network
    broken = _script(tmp_path / "network", "import sys\nsys.exit('out of luck')\n")
    with pytest.raises(ToolError, match="out of luck; delete it and build again"):
        accuracy_stage.measure(broken, built.graph, trained, x, np.zeros(300, np.int32), 0.5)
    with pytest.raises(ToolError, match="cannot be run"):
        accuracy_stage.measure(tmp_path / "none", built.graph, trained, x, np.zeros(300, np.int32), 0.5)


def _lying(host: Path, flip: int = -1, classes: int = -1, drop: int = 0) -> Path:
    """A program that passes on what ``host`` says, changed: one sample's output, every class, bytes at the end."""
    path = host.parent / f"lying_{flip}_{classes}_{drop}"
    return _script(
        path,
        "import subprocess, sys\n"
        f"done = subprocess.run([{str(host)!r}], input=sys.stdin.buffer.read(), capture_output=True)\n"
        "said = bytearray(done.stdout)\n"
        f"if {flip} >= 0: said[11 * {flip}] ^= 1\n"
        f"if {classes} >= 0: said[10::11] = bytes([{classes}]) * (len(said) // 11)\n"
        f"sys.stdout.buffer.write(said[: len(said) - {drop}])\n",
    )


def _script(path: Path, text: str) -> Path:
    import sys

    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
