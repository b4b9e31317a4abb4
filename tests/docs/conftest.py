"""The site, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.documentation import docs_stage


def pages(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.html") if path.name != "404.html"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site. Tests must not change it."""
    folder = tmp_path_factory.mktemp("documentation") / "site"
    assert docs_stage.build(folder) == len(pages(folder))
    return folder
