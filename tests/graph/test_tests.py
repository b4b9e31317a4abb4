"""``./scons test``: pytest's last line is the last line, pytest's exit status is the exit status."""

from __future__ import annotations

import re

import pytest

from tests.graph.project import Project


@pytest.mark.parametrize(("body", "status"), [("assert True", 0), ("assert False", 1)])
def test(fresh: Project, body: str, status: int) -> None:
    (fresh.root / "tests").mkdir()
    (fresh.root / "tests/test_x.py").write_text(f"def test_x():\n    {body}\n", encoding="utf-8")
    run = fresh.scons("test")
    assert run.status == status
    assert re.match(r"=*\s*1 (passed|failed) in .*s", run.out.splitlines()[-1])


def test_no_tests_found(fresh: Project) -> None:
    (fresh.root / "tests").mkdir()
    assert fresh.scons("test").status == 5


def test_some_of_them(fresh: Project) -> None:
    (fresh.root / "tests").mkdir()
    for name in ("a", "b", "c"):
        (fresh.root / f"tests/test_{name}.py").write_text("def test():\n    pass\n", encoding="utf-8")
    run = fresh.scons("test", "only=tests/test_a.py,tests/test_c.py")
    assert run.status == 0
    assert "2 passed" in run.out.splitlines()[-1]
