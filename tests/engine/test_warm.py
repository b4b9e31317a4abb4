"""Stages forked from a warm process: the same bytes, the same words and the same ends as in a process of their own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.graph.project import ROOT
from tests.training.conftest import classifier, layers, plan
from toolchain.datasets import base
from toolchain.engine.base import Job
from toolchain.engine.local import Local
from toolchain.graph.process import Listener


class Heard:
    """What a command said, and a listener for it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.shown: list[str] = []
        self.stop = False
        self.listener = Listener(self.messages.append, self.shown.append, lambda: self.stop)


@pytest.fixture
def engine() -> Any:
    local = Local()
    local.warm_up()
    yield local
    local.close()


def job(*words: str, **environment: str) -> Job:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOLDCREST")}
    line = shlex.join([sys.executable, "-m", "toolchain", *words])
    return Job(line, {**inherited, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT), **environment})


NETWORKS: dict[str, dict[str, Any]] = {
    "dense": plan(),
    "wide": plan(classifier(40), seed=2),
    "image": plan(
        layers(
            ("convolution", {"filters": 4, "kernel": [3, 3]}),
            ("batch_normalization", {}),
            ("activation", {"function": "relu"}),
            ("flatten", {}),
            ("dropout", {"rate": 0.3}),
            ("dense", {"units": 3}),
            ("activation", {"function": "softmax"}),
        ),
        shape=(8, 8, 1),
        optimizer={"adamw": {"learning_rate": 0.01}},
        augmentation={"affine": {"rotation": 10.0, "scale": 0.1, "shift": 1.0, "shear": 0.1}},
    ),
    "pruned": plan(
        pruning={"schedule": "polynomial", "initial": 0.0, "final": 0.5},
        tries=2,
    ),
}


SENSORS = {"name": "sensor_and", "split": {"train": 8, "validation": 0, "test": 8}, "preprocess": []}


def training(folder: Path, name: str) -> Job:
    (folder / f"{name}.json").write_text(json.dumps(NETWORKS[name]))
    words = ["--plan", f"{folder}/{name}.json", "--dataset", f"{folder}/data.npz", "--output", f"{folder}/{name}.h5"]
    return job("train", *words)


def test_trainings_give_the_bytes_that_each_gives_alone(tmp_path: Path, splits: base.Splits, engine: Local) -> None:
    """One after another and two at once, each twice, in an order in which one could leave something to the next."""
    made: dict[str, list[bytes]] = {}
    for which, runs, workers in (("alone", Local(), 1), ("warm", engine, 1), ("at once", engine, 2)):
        folder = tmp_path / which
        folder.mkdir()
        base.save(splits, folder / "data.npz")
        with ThreadPoolExecutor(workers) as pool:
            jobs = [training(folder, name) for name in NETWORKS]
            ends = list(pool.map(lambda each, runs=runs: runs.run(each, Heard().listener), jobs))
        assert ends == [(0, "")] * len(NETWORKS)
        made[which] = [(folder / f"{name}{end}").read_bytes() for name in NETWORKS for end in (".h5", ".history.json")]
    assert len(set(made["alone"])) == 2 * len(NETWORKS)
    assert made["warm"] == made["alone"]
    assert made["at once"] == made["alone"]


def test_a_stage_is_heard(tmp_path: Path, engine: Local) -> None:
    heard, alone = Heard(), Heard()
    (tmp_path / "plan.json").write_text(json.dumps(SENSORS))
    words = ("dataset", "--plan", str(tmp_path / "plan.json"), "--output", str(tmp_path / "data.npz"))
    assert engine.run(job(*words), heard.listener) == Local().run(job(*words), alone.listener)
    assert heard.messages == alone.messages != []


@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "--plan", "plan.json", "--output", "plan.json/data.npz"),
        ("dataset", "--plan"),
        ("schema", "--help"),
    ],
)
def test_errors_and_output_are_the_same(tmp_path: Path, engine: Local, words: tuple[str, ...]) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(SENSORS))
    heard, alone = Heard(), Heard()
    ended = engine.run(job(*words), heard.listener, str(tmp_path))
    assert ended == Local().run(job(*words), alone.listener, str(tmp_path))
    assert heard.shown == alone.shown
    assert ended[0] == (0 if "--help" in words else 2)
    assert "".join([ended[1], *heard.shown])


def test_it_runs_where_and_with_what_it_is_told(tmp_path: Path, engine: Local) -> None:
    engine.run(job("schema", "--help", COLUMNS="200"), Heard().listener)
    (tmp_path / "plan.json").write_text(json.dumps(SENSORS))
    command = job("dataset", "--plan", "plan.json", "--output", "data.npz")
    status, errors = engine.run(command, Heard().listener, str(tmp_path))
    assert (status, errors) == (0, "")
    assert (tmp_path / "data.npz").is_file()


def endless(tmp_path: Path, splits: base.Splits) -> Job:
    NETWORKS["endless"] = plan(epochs=1_000_000)
    base.save(splits, tmp_path / "data.npz")
    try:
        return training(tmp_path, "endless")
    finally:
        del NETWORKS["endless"]


@pytest.mark.parametrize("moment", ["importing", "training"])
def test_ctrl_c(tmp_path: Path, splits: base.Splits, engine: Local, moment: str) -> None:
    heard = Heard()
    heard.stop = moment == "importing"
    receive = heard.messages.append

    def message(said: dict[str, Any]) -> None:
        receive(said)
        heard.stop = heard.stop or "epoch" in str(said)

    listener = Listener(message, heard.shown.append, lambda: heard.stop)
    status, errors = engine.run(endless(tmp_path, splits), listener)
    assert (status, errors) == (130, "")
    assert not list(tmp_path.glob("*.h5"))


def children(parent: int) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                if int((each / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(each.name))
            except OSError:
                continue
    return found


def test_a_warm_process_that_is_killed_costs_time_only(tmp_path: Path, splits: base.Splits, engine: Local) -> None:
    base.save(splits, tmp_path / "data.npz")
    command = training(tmp_path, "dense")
    assert engine.run(command, Heard().listener) == (0, "")
    first = (tmp_path / "dense.h5").read_bytes()
    (tmp_path / "dense.h5").unlink()
    heard = Heard()

    def message(said: dict[str, Any]) -> None:
        if not heard.messages:
            (server,) = (each for each in children(os.getpid()) if b"warm_server" in cmdline(each))
            os.kill(server, signal.SIGKILL)
        heard.messages.append(said)

    assert engine.run(command, Listener(message, heard.shown.append, lambda: False)) == (0, "")
    assert (tmp_path / "dense.h5").read_bytes() == first


def cmdline(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from tests.engine.test_warm import Job, Listener, Local, children, signal
local = Local()
local.warm_up()
def message(said):
    if "epoch" in str(said):
        server, = children(os.getpid())
        print(server, *children(server), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
local.run(Job({command!r}, {environment!r}), Listener(message, print, lambda: False))
"""


def test_nothing_outlives_a_build_that_is_killed(tmp_path: Path, splits: base.Splits) -> None:
    command = endless(tmp_path, splits)
    program = KILLED.format(root=str(ROOT), command=command.command, environment=dict(command.environment))
    build = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert build.returncode == -signal.SIGKILL, build.stderr
    started = [int(word) for word in build.stdout.split()]
    assert len(started) == 2
    limit = time.monotonic() + 300
    while any(b"toolchain" in cmdline(each) for each in started):
        assert time.monotonic() < limit
        time.sleep(0.1)
