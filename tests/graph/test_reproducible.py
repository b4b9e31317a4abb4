"""Two builds from scratch, in different folders and without a cache, give the same bytes."""

from __future__ import annotations

from tests.graph.project import Project

# The digits' network, trained just long enough to have weights of its own.
SHORT = """
extends: mnist_dense8.yaml
model: mnist_short
training: {epochs: 1}
"""


def test_the_smallest_model(fresh: Project, built_once: Project) -> None:
    run = fresh.scons("model=sensor_and", "-j2")
    assert run.status == 0, run.out + run.err
    assert fresh.results("sensor_and") == built_once.results("sensor_and")


def test_digits(fresh: Project) -> None:
    (fresh.root / "models/mnist_short.yaml").write_text(SHORT, encoding="utf-8")
    other = fresh.clone(fresh.root.with_name("another place"))
    results = []
    for project in (fresh, other):
        run = project.scons("model=mnist_short")
        assert run.status == 0, run.out + run.err
        assert "train" in run.stages
        results.append(project.results("mnist_short"))
    assert results[0] == results[1]
