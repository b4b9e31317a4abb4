"""The reader of pages' commands: what it finds, what it takes for the same, and what it refuses."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.docs import commands

PAGE = """# A page

Text with `./scons docs` in it, and a block:

    $ echo one   # a comment
    one
    $ echo two \\
        three
    two three

<!-- not run: needs a board -->

    $ ./scons flash

<!-- file: a.txt -->

```text
hello
```

```console
$ false
```
"""


def test_blocks_and_their_comments() -> None:
    found = list(commands.blocks(PAGE))
    assert [(block.directive, block.value) for block in found] == [
        ("", ""),
        ("not run", "needs a board"),
        ("file", "a.txt"),
        ("", ""),
    ]
    assert found[0].line == 5
    assert found[0].commands == [("echo one   # a comment", ["one"]), ("echo two three", ["two three"])]
    assert found[2].text == "hello" and not found[2].commands
    assert found[3].commands == [("false", [])]


def test_a_command_in_disguise_is_seen() -> None:
    (block,) = commands.blocks("Text:\n\n    ./scons model=M library\n")
    assert commands.disguised(block) == ["./scons model=M library"]
    (marked,) = commands.blocks("<!-- not run: no -->\n\n    ./scons model=M library\n")
    assert not commands.disguised(marked)
    (output,) = commands.blocks("Text:\n\n    $ ./scons\n    ./scons model=M [target …]\n")
    assert not commands.disguised(output)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("ok         iris in 42.0 s", "ok         iris in 3.1 s"),
        (
            "train      build/iris/model.h5    epoch 10/10  accuracy 93.2 %",
            "train      build/iris/model.h5  from the cache",
        ),
        ("program  [=====.....]  56.8 %  27,894 of 49,152 B", "program  [====......]  49.1 %   24,102 of 49,152 B"),
        ("accuracy   100.00%   22 of 22   float 100.00%", "accuracy   95.45%   21 of 22   float 95.45%"),
        ("2 passed …", "2 passed in 4.56s"),
        ("dataset    build/datasets/mnist-79145091.npz  x", "dataset    build/datasets/mnist-0912aaef.npz  x"),
    ],
)
def test_taken_for_the_same(shown: str, printed: str) -> None:
    assert commands.missing([shown], f"before\n{printed}\nafter\n") is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("test sample 0: label 7, the chip says 7 (right)", "test sample 0: label 7, the chip says 9 (wrong)"),
        ("program  [=====.....]  56.8 %  27,894 of 49,152 B", "program  [=====.....]  86.8 %  42,894 of 49,152 B"),
        ("train      build/iris/model.h5    epoch 10/10", "quantize   build/iris/quantized.npz  from the cache"),
        ("2 passed …", "1 failed, 1 passed in 4.56s"),
    ],
)
def test_not_taken_for_the_same(shown: str, printed: str) -> None:
    assert commands.missing([shown], printed) == shown


def test_the_order_counts_and_dots_stand_for_anything() -> None:
    assert commands.missing(["one", "…", "three"], "one\ntwo\nthree\n") is None
    assert commands.missing(["three", "one"], "one\ntwo\nthree\n") == "one"


def test_a_diff_changes_one_place(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("network:\n  - dense: {units: 16}\n  - flatten\n", encoding="utf-8")
    commands.edit(path, "-  - dense: {units: 16}\n+  - dense: {units: 6}\n+  - dense: {units: 4}\n")
    assert path.read_text() == "network:\n  - dense: {units: 6}\n  - dense: {units: 4}\n  - flatten\n"
    with pytest.raises(AssertionError, match="0 times"):
        commands.edit(path, "-  - dense: {units: 16}\n+  - flatten\n")


def test_background_processes_hold_nothing_up_and_are_ended(tmp_path: Path) -> None:
    groups: list[int] = []
    ran = commands.run("sleep 1000 & echo $! > pid; echo started", tmp_path, groups)
    assert (ran.status, ran.output) == (0, "started\n")
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    commands.end(groups)
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    raise AssertionError("still running")


def test_status_and_output_of_a_command(tmp_path: Path) -> None:
    ran = commands.run("echo out; echo err >&2; exit 3", tmp_path)
    assert (ran.status, ran.output) == (3, "out\nerr\n")
