"""Which modules a stage runs, found by reading their text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.graph.project import ROOT
from toolchain.graph import imports


def package(root: Path, **files: str) -> None:
    for name, text in {"__init__": "", **files}.items():
        path = root / "p" / (name.replace("__", "/") if name != "__init__" else name)
        path = path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "import p.b",
        "import os, p.b as short",
        "from p import b",
        "from p import (\n    a,\n    b,  # why\n)",
        "from p import a, \\\n    b",
        "from . import b",
        "from .b import name",
        "def later():\n    from p.b import name",
        "import p.b; import os",
        "if True:\n    import p.b",
    ],
)
def test_ways_of_importing(tmp_path: Path, text: str) -> None:
    package(tmp_path, a=text, b="name = 1", c="")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py", "p/b.py"]


@pytest.mark.parametrize(
    "text",
    [
        "# import p.b",
        "if TYPE_CHECKING:\n    from p import b\n",
        "if TYPE_CHECKING:\n\n    from p.b import (\n        name,\n    )\nx = 1\n",
        "important = 1",
        "import os",
    ],
)
def test_what_is_no_import(tmp_path: Path, text: str) -> None:
    package(tmp_path, a=text, b="name = 1")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py"]


def test_what_follows_the_imports_for_types_counts(tmp_path: Path) -> None:
    package(tmp_path, a="if TYPE_CHECKING:\n    import p.b\nelse:\n    import p.c\nimport p.d\n", b="", c="", d="")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py", "p/c.py", "p/d.py"]


def test_circles_and_chains(tmp_path: Path) -> None:
    package(tmp_path, a="import p.b", b="import p.c", c="import p.a", d="")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py", "p/b.py", "p/c.py"]


def test_a_package_runs_its_init(tmp_path: Path) -> None:
    package(tmp_path, a="import p.sub.x", sub__x="", b="")
    (tmp_path / "p/sub/__init__.py").write_text("import p.b\n", encoding="utf-8")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py", "p/b.py", "p/sub/__init__.py", "p/sub/x.py"]


def test_a_registry_runs_its_siblings(tmp_path: Path) -> None:
    package(tmp_path, a="for each in pkgutil.iter_modules(path): ...", b="", c="")
    assert imports.closure("p.a", tmp_path) == ["p/__init__.py", "p/a.py", "p/b.py", "p/c.py"]


@pytest.mark.parametrize("path", sorted((ROOT / "toolchain").rglob("*.py")), ids=str)
def test_finds_what_the_parser_finds(path: Path) -> None:
    """Python's own parser as the reference: every import outside of ``if TYPE_CHECKING`` is among ours."""
    file = str(path.relative_to(ROOT))
    found = set(imports.imported(file, ROOT))
    for node in ast.walk(without_types(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= found
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module in found
            assert {f"{node.module}.{alias.name}" for alias in node.names} <= found


def without_types(tree: ast.Module) -> ast.Module:
    class Strip(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST:
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                return ast.If(ast.Constant(True), node.orelse or [ast.Pass()], [])
            return self.generic_visit(node)

    return Strip().visit(tree)
