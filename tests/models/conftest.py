"""The models, built for real in a copy of the project; all modules of this folder share one cache of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.project import Project


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache of this test run's own, which the processes of a parallel run share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "models-cache"
    folder.mkdir(exist_ok=True)
    return str(folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.copied(tmp_path_factory.mktemp("models") / "project")


def built(project: Project, cache: str, names: list[str]) -> dict[str, Path]:
    """The build folder of each model, from one run of SCons."""
    run = project.scons(f"model={','.join(names)}", "-j2", cache=cache)
    assert run.status == 0, run.out + run.err
    return {name: project.root / "build" / name for name in names}
