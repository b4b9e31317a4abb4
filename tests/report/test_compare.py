"""Two reports against each other: golden texts of the terminal and of the pull request's table, and what is refused."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.graph.project import ROOT, Project
from toolchain.report import kept

OLD: dict[str, Any] = {
    "schema": 1, "model": "one", "mcu": "atmega4809", "clock_hz": 20_000_000, "compiler": "avr-gcc 7.3.0",
    "program": {"used": 27894, "budget": 49152, "weights": 25594, "kernels": 1000, "application": 1300},
    "data": {"used": 934, "budget": 6144, "static": 21, "activations": 830, "stack": 83},
    "latency": {
        "cycles": 42000, "cycles_mean": 50000.0, "cycles_max": 230000, "ms": 2.5,
        "layers": [{"name": "dense_1", "kind": "dense", "macs": 25088, "cycles": 40000},
                   {"name": "class", "kind": "class", "macs": 0, "cycles": 2000}],
    },
    "accuracy": {"float": 0.9322, "quantized": 0.9332, "board": None, "samples": 10000},
    "layers": [{"name": "dense_1", "kind": "dense", "shape": [32], "minimum": 0.0, "maximum": 206.0, "saturated": 0.0,
                "weight_bits": 8, "weight_bytes": 25088, "nonzero": 24539}],
}  # fmt: skip


def changed(**figures: Any) -> dict[str, Any]:
    """The report with other figures: ``program__used=1``."""
    report = copy.deepcopy(OLD)
    for path, value in figures.items():
        *folders, last = path.split("__")
        place = report
        for folder in folders:
            place = place[folder]
        place[last] = value
    return report


NEW = changed(
    model="a_model_with_a_rather_long_name", program__used=50000, program__weights=47700, data__used=930,
    data__stack=79, latency__ms=2.25, latency__cycles_max=250000, accuracy__quantized=0.94, accuracy__board=0.9399,
)  # fmt: skip


def write(path: Path, report: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report), encoding="utf-8")
    return path


def compare(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolchain", "compare", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_side_by_side(tmp_path: Path) -> None:
    done = compare(write(tmp_path / "old.json", OLD), write(tmp_path / "new.json", NEW))
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
                                       one  a_model_with_a_ra…            change
program memory            27,894 B    57 %    50,000 B   102 %         +22,106 B
  weights                 25,594 B            47,700 B                 +22,106 B
  kernels                  1,000 B             1,000 B
  application              1,300 B             1,300 B
data memory                  934 B    15 %       930 B    15 %              −4 B
  activations                830 B               830 B
  static                      21 B                21 B
  stack                       83 B                79 B                      −4 B
time, mean                        2.500 ms            2.250 ms         −0.250 ms
time, at most                     11.50 ms            12.50 ms         +1.000 ms
accuracy                           93.32 %             94.00 %          +0.68 pp
accuracy, float                    93.22 %             93.22 %
accuracy, board                          –             93.99 %

layer               weights        time  layer               weights        time
dense_1            25,088 B    2.000 ms  dense_1            25,088 B    2.000 ms
class                          0.100 ms  class                          0.100 ms
"""
    )
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_as_markdown(tmp_path: Path) -> None:
    for side, reports in {
        "old": [OLD, changed(model="same"), changed(model="gone")],
        "new": [{**NEW, "model": "one"}, changed(model="same"), changed(model="added")],
    }.items():
        for report in reports:
            write(tmp_path / side / report["model"] / "report.json", report)
    done = compare(tmp_path / "old", tmp_path / "new", "--markdown")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "<!-- goldcrest: models -->\n"
        "### 3 of 4 models change\n"
        "\n"
        "| model | flash | RAM | time, mean | time, at most | accuracy |\n"
        "|---|---:|---:|---:|---:|---:|\n"
        "| added | new: 27,894 B | 934 B | 2.500 ms | 11.50 ms | 93.32 % |\n"
        "| one | 50,000 B (**+22,106 B**) **over budget** | 930 B (**−4 B**) | 2.250 ms (**−0.250 ms**) "
        "| 12.50 ms (**+1.000 ms**) | 94.00 % (**+0.68 pp**) |\n"
        "| gone | removed: 27,894 B | 934 B | 2.500 ms | 11.50 ms | 93.32 % |\n"
        "\n"
        "Unchanged: same.\n"
    )


def test_a_regression_and_an_image_that_was_not_run(tmp_path: Path) -> None:
    error = {"measure": "mean absolute error", "float": 0.1, "quantized": 0.125}
    old = changed(accuracy={"float": None, "quantized": None, "board": None, "samples": 10, "error": error})
    new = copy.deepcopy(old)
    new["accuracy"]["error"]["quantized"] = 0.15
    new["latency"] = {"cycles": None, "cycles_mean": None, "cycles_max": None, "ms": None, "layers": []}
    done = compare(write(tmp_path / "old.json", old), write(tmp_path / "new.json", new), "--markdown")
    assert "| – (**was 2.500 ms**) | – (**was 11.50 ms**) | 0.15 (**+0.025**) |" in done.stdout
    assert "mean absolute error" in compare(tmp_path / "old.json", tmp_path / "new.json").stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not a report.json (Expecting property name"),
        ("[]", "not a report.json of version 1; delete it and build again"),
        ('{"schema": 2, "model": "x"}', "not a report.json of version 1; delete it and build again"),
        (
            '{"schema": 1, "model": "x", "clock_hz": 1, "program": {}, "data": {}, "latency": {}, "accuracy": {}}',
            "a report.json without layers; delete it and build again",
        ),
    ],
)
def test_what_is_no_report(tmp_path: Path, content: str, complaint: str) -> None:
    good, bad = write(tmp_path / "good.json", OLD), tmp_path / "bad.json"
    bad.write_text(content, encoding="utf-8")
    done = compare(good, bad)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {bad}: {complaint}")
    assert len(done.stderr.splitlines()) == 1


def test_what_is_not_there(tmp_path: Path) -> None:
    good = write(tmp_path / "good.json", OLD)
    assert compare(good, tmp_path / "none.json").stderr == (
        f"error: {tmp_path}/none.json: does not exist; build the model first\n"
    )
    (tmp_path / "empty").mkdir()
    assert "holds no model's report.json" in compare(tmp_path / "empty", tmp_path / "empty").stderr
    write(tmp_path / "full/one/report.json", OLD)
    assert "two files or two folders" in compare(good, tmp_path / "full").stderr


def test_through_scons(digits: Project) -> None:
    """In the order of the command line, whatever the names' own order is."""
    run = digits.scons("compare", "model=sensor_and,digits", "verbose=0")
    assert run.status == 0, run.out + run.err
    head = next(line for line in run.out.splitlines() if line.endswith("change"))
    assert head.split() == ["sensor_and", "digits", "change"]
    assert "compare needs two models: ./scons compare model=A,B" in digits.scons("compare", "model=digits").err


def test_the_report_before_is_kept(tmp_path: Path) -> None:
    reports = [changed(program__used=used) for used in (1, 2, 2, 3)]
    for report in reports:
        write(tmp_path / "report.json", report)
        kept.keep(tmp_path)
    assert [report["program"]["used"] for report in kept.kept(tmp_path)] == [2, 3]
    assert kept.previous(tmp_path, reports[3]) == reports[2]
    assert kept.previous(tmp_path, changed(program__used=4)) == reports[3]
    assert kept.previous(tmp_path / "elsewhere", OLD) is None
