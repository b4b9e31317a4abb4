"""``explain`` against what the next build really runs, and its words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.graph.project import Project
from toolchain.graph import reasons

MODEL = "sensor_and"
MANIFEST = f"models/{MODEL}.yaml"
LOSS = "training.loss: binary_crossentropy → mean_squared_error"
STAGES = (
    "dataset", "train", "quantize", "generate", "compile", "link", "memory", "latency", "host", "accuracy", "budget",
)  # fmt: skip


def explained(project: Project, cache: str = "off") -> dict[str, str]:
    """Verb → what is said of it, lines joined."""
    run = project.scons(f"model={MODEL}", "explain", "verbose=0", cache=cache)
    assert run.status == 0, run.out + run.err
    lines = run.out.splitlines()
    assert (lines[0], lines[-1][:13]) == (f"explain    {MANIFEST}", f"ok         {MODEL}"[:13])
    assert max(map(len, lines)) <= 80
    found: dict[str, str] = {}
    for line in lines[1:-1]:
        verb = line[:11].strip() or list(found)[-1]
        found[verb] = f"{found.get(verb, '')} {line[11:].strip()}".strip()
    return found


def rewrite(project: Project, path: str) -> None:
    file = project.root / path
    file.write_bytes(file.read_bytes() + b"\n")


EDITS: dict[str, tuple[Callable[[Project], object], dict[str, str]]] = {
    "nothing": (lambda project: None, {}),
    "a comment": (lambda project: project.edit(MANIFEST, "  epochs: 20", "  # more\n  epochs: 20"), {}),
    "epochs": (
        lambda project: project.edit(MANIFEST, "epochs: 20", "epochs: 21"),
        {"train": f"runs: {MANIFEST}:20: training.epochs: 20 → 21", "quantize": "runs if train changes model.h5"},
    ),
    "a layer": (
        lambda project: project.edit(MANIFEST, "- dense: {units: 4}\n  - activation: relu\n  - dense: {units: 1}",
                                     "- dense: {units: 5}\n  - activation: relu\n  - dense: {units: 1}"),
        {"train": f"runs: {MANIFEST}:12: dense_2.units: 4 → 5"},
    ),
    "the loss, which several stages read": (
        lambda project: project.edit(MANIFEST, "loss: binary_crossentropy", "loss: mean_squared_error"),
        dict.fromkeys(("train", "quantize", "accuracy"), f"runs: {MANIFEST}:19: {LOSS}"),
    ),
    "optimize": (
        lambda project: project.edit(MANIFEST, "optimize: s", "optimize: 2"),
        {"link": f"runs: {MANIFEST}:29: target.optimize: s → 2", "train": "up to date", "host": "up to date"},
    ),
    "the budget": (
        lambda project: project.edit(MANIFEST, "data: 6 KiB", "data: 5 KiB"),
        {"budget": f"runs: {MANIFEST}:30: target.memory.data: 6144 → 5120", "latency": "up to date"},
    ),
    "a kernel": (
        lambda project: rewrite(project, "firmware/kernels/gc_dense.c"),
        {"compile": "firmware/kernels/gc_dense.c changed", "host": "runs if compile changes kernels.o",
         "link": "runs if compile changes gc_dense.c.o"},
    ),
    "a module": (
        lambda project: project.edit("toolchain/quantization/linear.py", "from __future__", "#\nfrom __future__"),
        {"quantize": "toolchain/quantization/linear.py changed", "dataset": "up to date"},
    ),
    "a result by hand": (
        lambda project: rewrite(project, f"build/{MODEL}/weights.h"),
        {"generate": f"runs: build/{MODEL}/weights.h is not what it wrote"},
    ),
    "a result that is gone": (
        lambda project: (project.root / f"build/{MODEL}/latency.json").unlink(),
        {"latency": f"runs: build/{MODEL}/latency.json does not exist", "budget": "runs if latency changes"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_it_says_what_will_run(built: Project, edit: str) -> None:
    """What is said to run does, what is said to be up to date does not; nothing at all runs for the asking."""
    change, expected = EDITS[edit]
    change(built)
    before = {path: path.stat().st_mtime_ns for path in built.root.rglob("*.*") if "build" in path.parts}
    said = explained(built)
    assert set(said) == set(STAGES)
    results = {path for path in before if not path.name.startswith(".")}
    assert all(path.stat().st_mtime_ns == before[path] for path in results)
    for verb, words in expected.items():
        assert words in said[verb]
    if not expected:
        assert set(said.values()) == {"up to date"}
    run = built.scons(f"model={MODEL}")
    assert run.status == 0, run.out + run.err
    ran = set(run.stages)
    assert {verb for verb, words in said.items() if re.match("runs( for [^:]*)?:", words)} <= ran
    assert ran <= {verb for verb, words in said.items() if words != "up to date"}
    if edit == "optimize":  # and the build has settled it
        assert set(explained(built).values()) == {"up to date"}


def test_what_the_cache_holds(fresh: Project, cache: str) -> None:
    said = explained(fresh, cache)
    assert re.match("from the cache: build/datasets/sensor_and-.*npz does not exist", said["dataset"])
    assert said["train"].startswith("runs: ")  # its input is not there yet, so nobody can know
    assert explained(fresh)["dataset"].startswith("runs: ")


def test_it_must_be_asked_alone(built: Project) -> None:
    run = built.scons(f"model={MODEL}", "explain", "build")
    assert run.status == 2
    assert "ask for it alone" in run.err
    assert "explain needs a model" in built.scons("explain").err


def test_an_inherited_key_is_shown_where_it_stands(built: Project) -> None:
    child = built.root / "models/child.yaml"
    child.write_text("extends: sensor_and.yaml\nmodel: child\ndescription: A child\n", encoding="utf-8")
    assert built.scons("model=child").status == 0
    built.edit(MANIFEST, "epochs: 20", "epochs: 21")
    run = built.scons("model=child", "explain")
    assert f"runs: {MANIFEST}:20: training.epochs: 20 → 21" in run.out


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ([{"kind": "dense", "name": "a"}], [{"kind": "dense", "name": "a"}, {"kind": "flatten", "name": "b"}],
         "network: 1 layers → 2 layers"),
        ([{"kind": "dense", "name": "a"}], [{"kind": "flatten", "name": "f"}], "network: dense → flatten"),
        ([{"kind": "dense", "name": "a", "bias": True}], [{"kind": "dense", "name": "a", "bias": False}],
         "a.bias: true → false"),
    ],
)  # fmt: skip
def test_networks(old: object, new: object, shown: str) -> None:
    assert [str(change) for change in reasons.changes("training", {"network": old}, {"network": new})] == [shown]


def test_a_command() -> None:
    assert reasons.in_command("gcc -Os -c x.c", "gcc -O3 -c x.c") == "its command: -Os → -O3"
    assert reasons.in_command("gcc a b", "gcc b a") == "the order of its command's words changed"
