"""What cannot be done is said in one message, with status 2 and without a traceback."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.graph.project import Project


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modle=sensor_and"], "scons: error: unknown option modle=sensor_and; did you mean model?"),
        (["model=sensor_an"], "scons: error: unknown model sensor_an; did you mean sensor_and?"),
        (["model=sensor_and", "flahs"], "scons: error: unknown target flahs; did you mean flash?"),
        (["model=sensor_and", "sample=abc"], "scons: error: sample=abc: expected a whole number from 0"),
        (["model=sensor_and", "samples=-3"], "scons: error: samples=-3: expected a whole number from 0"),
        (["model=sensor_and", "check=skp"], "scons: error: check=skp: expected check=skip"),
        (["flash"], "scons: error: flash needs a model: ./scons model=M flash (./scons lists the models)"),
        (["avr_gcc=x"], "scons: error: unknown option avr_gcc=x; did you mean AVR_GCC?"),
        (["sensor_and"], "scons: error: unknown target sensor_and; did you mean model=sensor_and?"),
        (
            ["models/sensor_and.yaml"],
            "scons: error: unknown target models/sensor_and.yaml; did you mean model=sensor_and?",
        ),
        (["input_scalng"], "scons: error: unknown target input_scalng; did you mean study=input_scaling?"),
        (["port", "flash"], "scons: error: unknown target port; did you mean port=PORT?"),
        (["--model=sensor_and"], "scons: error: no such option: --model; write model=sensor_and"),
        (["--port", "flash"], "scons: error: no such option: --port; write port=PORT"),
        (["model=sensor_and", "--debg=explain"], "scons: error: no such option: --debg; did you mean --debug?"),
        (["--frobnicate"], "scons: error: no such option: --frobnicate; --help and -H list what there is"),
        (
            ["build/sensor_and/weights.h"],
            "scons: error: build/sensor_and/weights.h needs a model: ./scons model=M build/sensor_and/weights.h "
            "(./scons lists the models)",
        ),
    ],
)
def test_misspelt(fresh: Project, arguments: list[str], message: str) -> None:
    run = fresh.scons(*arguments)
    assert (run.status, run.out, run.err) == (2, "", message + "\n")


def test_every_error_of_every_manifest_at_once(fresh: Project) -> None:
    fresh.edit("models/sensor_and.yaml", "activation: relu", "activation: rleu")
    fresh.edit("models/mnist_dense8.yaml", "dense: {units: 8}", "dense: {unit: 8}")
    run = fresh.scons("model=sensor_and,mnist_dense8")
    assert run.status == 2
    assert run.err.count("models/sensor_and.yaml:") == 2
    assert "models/mnist_dense8.yaml:" in run.err
    assert "Traceback" not in run.err


def test_too_large_is_refused_before_training(fresh: Project) -> None:
    fresh.edit("models/mnist_dense40.yaml", "dense: {units: 40}", "dense: {units: 64}")
    run = fresh.scons("model=mnist_dense40", "check")
    assert run.status == 2
    assert run.stages == []
    assert "error: program memory: about" in run.err
    assert "fits: units ≤" in run.err


def test_a_folder_that_cannot_be_written(fresh: Project) -> None:
    (fresh.root / "build").write_text("a file where the folder should be", encoding="utf-8")
    run = fresh.scons("model=sensor_and")
    assert run.status == 2
    assert run.err == (
        "scons: error: cannot write build/.lock: a file lies where a folder is needed; move that file away\n"
    )


@pytest.mark.parametrize("place", ["build/sensor_and", "build/sensor_and/model.h5"])
def test_a_file_or_a_folder_in_the_way(fresh: Project, place: str) -> None:
    (fresh.root / place).parent.mkdir(parents=True)
    if place.endswith(".h5"):
        (fresh.root / place).mkdir()
        message = "a folder of that name lies there; move that folder away"
    else:
        (fresh.root / place).write_text("", encoding="utf-8")
        message = "a file lies where a folder is needed; move that file away"
    run = fresh.scons("model=sensor_and")
    assert (run.status, run.err) == (2, f"scons: error: cannot write {place}: {message}\n")


def test_a_stage_that_cannot_write(built: Project) -> None:
    """Its place is taken by a folder (permissions do not stop the root user, who may run the tests)."""
    target = built.root / "build/sensor_and/ranges.json"
    target.unlink()
    (target / "inside").mkdir(parents=True)
    run = built.scons("model=sensor_and")
    assert run.status == 2
    assert "Traceback" not in run.err + run.out
    assert "ranges.json" in run.err + run.out
    (target / "inside").rmdir()
    target.rmdir()
    assert built.scons("model=sensor_and").status == 0


def test_a_full_disk(built: Project, built_once: Project) -> None:
    """A file system of 200 kB in the place of the build folder, seen by this one process only."""
    inside = "mount -t tmpfs -o size=200k none build && exec " + shlex.join(built.command("model=sensor_and"))
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody make namespaces")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside], cwd=built.root, env=built.environment(), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "the disk is full; make room on it and run again" in done.stderr or "No space left on device" in done.stderr
    assert built.scons("model=sensor_and").status == 0
    assert built.results("sensor_and") == built_once.results("sensor_and")


def test_silence(built: Project) -> None:
    """``-s``: SCons announces no command then. What goes wrong is said all the same."""
    for data, status, said in (("1 KiB", 0, ""), ("100 B", 2, "error: data memory: 113 B needed, 100 B available")):
        built.edit("models/sensor_and.yaml", "data: 6 KiB" if status == 0 else "data: 1 KiB", f"data: {data}")
        run = built.scons("-s", "verbose=0", "model=sensor_and")
        assert (run.status, run.out) == (status, "")
        assert said in run.err and "Traceback" not in run.err and bool(run.err) == bool(said)


def test_a_compiler_that_cannot_be_run(built: Project) -> None:
    run = built.scons("model=sensor_and", "AVR_GCC=/nowhere/avr-gcc")
    assert run.status == 2
    assert run.err.startswith("scons: error: AVR_GCC is /nowhere/avr-gcc, and no such program can be run")


def test_the_list(fresh: Project) -> None:
    run = fresh.scons()
    assert (run.status, run.err) == (0, "")
    lines = run.out.splitlines()
    assert any(line.split()[:1] == ["mnist_dense32"] and line.endswith("fits") for line in lines)
    for target in ("build", "check", "flash", "evaluate", "test"):
        assert any(line.split()[:1] == [target] for line in lines), target
    assert not (fresh.root / "build/sensor_and").exists()
    assert max(map(len, lines)) <= 80
