"""Builds on a Dask cluster: byte for byte what one machine makes, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.clusters import Cluster, cluster, wait_for
from tests.graph.project import Project

MODELS = "sensor_and,wider"
TRAINS = "build/*/plan/training.json"
LEFT_OUT = ("plan/", ".check")  # made on this machine in any case


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with two tiny models, built here and alone."""
    project = Project.copied(tmp_path_factory.mktemp("origin") / "project")
    text = (project.root / "models/sensor_and.yaml").read_text(encoding="utf-8")
    wider = text.replace("model: sensor_and", "model: wider").replace("units: 4", "units: 6", 1)
    (project.root / "models/wider.yaml").write_text(wider, encoding="utf-8")
    for model in MODELS.split(","):
        run = project.scons(f"model={model}")
        assert run.status == 0, run.out + run.err
    return project


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, origin: Project) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster") / "two") as found:
        found.add(origin)
        found.add(origin)
        yield found


@pytest.fixture
def home(tmp_path: Path, origin: Project) -> Project:
    return Project.copied(tmp_path / "home", origin.root)


def made(project: Project) -> dict[str, bytes]:
    """All that lies in the models' build folders."""
    build = project.root / "build"
    files = [path for model in (*MODELS.split(","), "datasets") for path in sorted((build / model).rglob("*"))]
    named = {str(path.relative_to(build)): path for path in files if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if not any(part in name for part in LEFT_OUT)}


def test_a_cluster_makes_the_same_bytes(two: Cluster, home: Project, origin: Project) -> None:
    run = two.scons(home, f"model={MODELS}")
    assert run.status == 0, run.out + run.err
    assert made(home) == made(origin)
    assert {name.partition("/")[2] for name in made(home)} >= {
        "model.h5",
        "firmware.hex",
        "host/network",
        "obj/main.c.o",
    }
    assert "saturated" in run.out  # a stage's own closing words
    assert "program  [" in run.out
    for worker in two.workers:
        assert worker.orders == []
        assert not (worker.project.root / "build/sensor_and").exists()
    again = two.scons(home, f"model={MODELS}")
    assert (again.status, again.stages) == (0, [])
    assert "up to date" in again.out


@pytest.fixture
def alone(tmp_path: Path, origin: Project) -> Project:
    return Project.copied(tmp_path / "alone", origin.root)


def complaint(two: Cluster, home: Project, alone: Project, edit: tuple[str, str], *arguments: str) -> str:
    """What a build says that fails for an edit of its manifest, on the cluster exactly as on this machine."""
    for project in (home, alone):
        project.edit("models/sensor_and.yaml", *edit)
    there, here = two.scons(home, *arguments), alone.scons(*arguments)
    assert (there.status, there.err) == (here.status, here.err)
    assert there.status == 2
    return there.err


def test_a_stage_that_fails_says_what_it_says_here(two: Cluster, home: Project, alone: Project) -> None:
    tiny = ("shape: [2]", "shape: [2], divide: 1.0e-30")
    assert "the training diverged" in complaint(two, home, alone, tiny, "model=sensor_and")


def test_what_exceeds_the_budget_is_refused_with_its_line(two: Cluster, home: Project, alone: Project) -> None:
    less = ("program: 48 KiB", "program: 1 KiB")
    assert "models/sensor_and.yaml:" in complaint(two, home, alone, less, "model=sensor_and", "check=skip")
    assert not (home.root / "build/sensor_and/firmware.hex").exists()


def test_a_worker_that_is_killed(tmp_path: Path, home: Project, origin: Project) -> None:
    """In the middle of a training, which begins again on the other worker."""
    with cluster(tmp_path / "cluster") as found:
        found.add(origin)
        found.add(origin)
        build = home.started(*found.arguments(f"model={MODELS}"), cache=found.cache)
        trains = [False]

        def somebody_trains() -> bool:
            for worker in found.workers:
                if worker.carries_out(TRAINS):
                    worker.kill()
                    trains[0] = True
                    return True
            return build.poll() is not None

        wait_for(somebody_trains, "a training")
        out, err = build.communicate()
    assert trains[0]
    assert build.returncode == 0, out + err
    assert made(home) == made(origin)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_build_that_is_stopped_stops_the_workers(two: Cluster, home: Project, how: signal.Signals) -> None:
    home.edit("models/sensor_and.yaml", "epochs: 20", "epochs: 100000")
    build = home.started(*two.arguments("model=sensor_and"), cache=two.cache)
    wait_for(lambda: any(each.carries_out(TRAINS) for each in two.workers) or build.poll() is not None, "a training")
    os.killpg(build.pid, how)
    out, err = build.communicate()
    assert build.returncode == (2 if how == signal.SIGINT else -how), out + err
    if how == signal.SIGINT:
        assert out.splitlines()[-1].startswith("stopped    sensor_and")
        assert not list((home.root / "build").rglob("*.partial"))
    assert "Traceback" not in err
    wait_for(lambda: not any(each.orders for each in two.workers), "the workers to stop")
    home.edit("models/sensor_and.yaml", "epochs: 100000", "epochs: 20")
    run = two.scons(home, "model=sensor_and")
    assert run.status == 0, run.out + run.err


def test_a_worker_with_another_state_of_the_project(two: Cluster, home: Project) -> None:
    worker = two.workers[1].project
    worker.edit("toolchain/errors.py", "The exceptions", "The other exceptions")
    try:
        run = two.scons(home, "model=sensor_and")
    finally:
        worker.edit("toolchain/errors.py", "The other exceptions", "The exceptions")
    assert run.status == 2
    assert "has not what this build has: project " in run.err
    assert "git pull" in run.err
    assert run.stages == []


def test_a_worker_that_does_not_see_the_shared_folder(tmp_path: Path, home: Project, origin: Project) -> None:
    (tmp_path / "other").mkdir()
    with cluster(tmp_path / "cluster") as found:
        found.add(origin, "--cache", str(tmp_path / "other"), "--name", "blind")
        run = found.scons(home, "model=sensor_and")
    assert run.status == 2
    assert "error: the worker blind does not find what this build puts into the cache folder" in run.err
    assert "cache=NAME" in run.err


def test_a_folder_that_has_another_name_there(tmp_path: Path, home: Project, origin: Project) -> None:
    with cluster(tmp_path / "cluster") as found:
        (tmp_path / "mounted").symlink_to(found.cache)
        found.add(origin, "--cache", str(tmp_path / "mounted"))
        run = found.scons(home, "model=sensor_and")
    assert run.status == 0, run.out + run.err


def test_a_scheduler_without_workers(tmp_path: Path, home: Project) -> None:
    with cluster(tmp_path / "cluster") as found:
        run = found.scons(home, "model=sensor_and")
        assert run.status == 2
        assert run.err == (
            f"scons: error: the Dask scheduler at {found.address} has no workers; on each machine type in its clone of "
            f"this project: ./scons worker scheduler={found.address}\n"
        )


UNREACHABLE = "tcp://127.0.0.1:9"
REFUSED = {
    ("engine=dusk",): "engine=dusk: expected engine=local or dask",
    ("engine=dask",): "engine=dask needs to know where: scheduler=tcp://HOST:8786 (see docs/cluster.md)",
    ("scheduler=tcp://host:1",): "scheduler=tcp://host:1 goes with engine=dask",
    ("engine=dask", f"scheduler={UNREACHABLE}"): (
        f"no Dask scheduler answers at {UNREACHABLE}; start one there (.venv/bin/dask scheduler --port 8786), "
        "or correct scheduler=tcp://HOST:PORT"
    ),
    ("engine=dask", "scheduler=host"): "scheduler=host: expected an address like tcp://HOST:8786",
    ("engine=dask", f"scheduler={UNREACHABLE}", "cache=off"): (
        "with engine=dask files travel through the cache folder: cache=DIR, one that all machines see"
    ),
    ("engine=dask", f"scheduler={UNREACHABLE}", "AVR_GCC=cc"): (
        "AVR_GCC= names a compiler of this machine, and engine=dask compiles on others: leave it out"
    ),
    ("worker",): "worker needs to know for whom: ./scons worker scheduler=tcp://HOST:8786",
    ("worker", "scheduler=host"): "scheduler=host: expected an address like tcp://HOST:8786",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_refusals(tmp_path: Path, home: Project, words: tuple[str, ...]) -> None:
    more = () if "worker" in words else ("model=sensor_and",)
    run = home.scons(*more, *words, cache=str(tmp_path / "cache"))
    assert (run.status, run.err) == (2, f"scons: error: {REFUSED[words]}\n")
    assert run.stages == []


def test_a_worker_for_nobody(home: Project) -> None:
    run = home.scons("worker", f"scheduler={UNREACHABLE}", "cache=missing")
    assert run.status == 2
    assert run.err == "error: cache=missing: there is no such folder; name the one that the builds use\n"
