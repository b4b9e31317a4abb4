"""Projects to build in: one is built once, tests take copies of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.project import Project

MODEL = "sensor_and"


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The smallest model, built from scratch (with a cache beside it). Tests must not change it."""
    folder = tmp_path_factory.mktemp("built")
    project = Project.copied(folder / "project")
    run = project.scons(f"model={MODEL}", cache=str(folder / "cache"))
    assert run.status == 0, run.out + run.err
    return project


@pytest.fixture
def built(built_once: Project, tmp_path: Path) -> Project:
    """A copy of it, for one test to change."""
    return built_once.clone(tmp_path / "project")


@pytest.fixture
def cache(built_once: Project) -> str:
    """The cache folder that holds its results."""
    return str(built_once.root.parent / "cache")


@pytest.fixture
def fresh(built_once: Project, tmp_path: Path) -> Project:
    """The same project with nothing built."""
    return Project.copied(tmp_path / "project", built_once.root)
