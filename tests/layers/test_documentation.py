"""docs/new-layer.md: the layer that it adds works as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import toolchain.kernels
import toolchain.layers
from tests.layers.models import whole_way
from toolchain.codegen import workbench
from toolchain.ir.operators import Operator
from toolchain.kernels import registry as kernels
from toolchain.layers import registry as layers

PAGE = (Path(__file__).resolve().parents[2] / "docs/new-layer.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(name: str) -> str:
    (found,) = re.findall(rf"^```python {name}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def with_the_pages_files(tmp_path, monkeypatch):
    """The files of the page beside those of the project, for one test."""
    firmware = tmp_path / "firmware/kernels"
    shutil.copytree(workbench.KERNELS, firmware)
    for name, text in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(toolchain.layers, "__path__", [*toolchain.layers.__path__, str(tmp_path / "toolchain/layers")])
    monkeypatch.setattr(
        toolchain.kernels, "__path__", [*toolchain.kernels.__path__, str(tmp_path / "toolchain/kernels")]
    )
    monkeypatch.setattr(workbench, "KERNELS", firmware)
    monkeypatch.setattr(workbench, "INCLUDE", (workbench.INCLUDE[0], firmware))
    monkeypatch.setattr(Operator, "classes", dict(Operator.classes))
    caches = (layers.kinds, layers.by_keras_class, kernels.kernels)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_the_recipe(with_the_pages_files, keras, tmp_path) -> None:
    assert len(FILES) == 4
    from toolchain.layers.upsampling_1d import Upsampling  # type: ignore[import-not-found]

    from toolchain.quantization.error_bounds import Place, error_bound

    scope = {"error_bound": error_bound, "Place": Place, "Upsampling": Upsampling, "np": np, "whole_way": whole_way}
    exec(block("rule"), scope)
    exec(block("test"), scope)
    scope["test_upsampling"](keras, tmp_path)


@pytest.mark.parametrize(("name", "text"), [file for file in FILES if file[0].endswith(".py")])
def test_the_pages_python_keeps_the_projects_rules(name: str, text: str) -> None:
    assert max(len(line) for line in text.splitlines()) <= 120
    assert "from __future__ import annotations" in text
