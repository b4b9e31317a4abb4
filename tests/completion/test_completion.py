"""What bash and zsh offer while a command is typed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.graph.project import ROOT, Project
from toolchain.graph import completion
from toolchain.graph.arguments import Argument

WORDS = completion.words(
    ["flash", "flush", "evaluate"],
    [Argument("model", "A,B", ""), Argument("study", "S", ""), Argument("check", "skip", "", "", ("skip", "no"))],
)

BASH = r"""
source "$1"
COMP_LINE=$2; COMP_POINT=${#2}; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_goldcrest_scons
printf '%s\n' "${COMPREPLY[@]}"
"""

# A shell in a pseudo-terminal: the line, then Tab twice lists what there is.
ZSH = r"""
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell "PS1='>'; stty columns 200; autoload -U compinit; compinit -D -u; LISTMAX=1000"
zpty -w shell "source $1; setopt no_list_ambiguous auto_list; echo READY"
while zpty -r shell line; do [[ $line == *READY* && $line != *echo* ]] && break; done
zpty -w -n shell "$2"$'\t\t'
sleep ${3:-2}
zpty -w -n shell $'\x15echo DONE\n'
while zpty -r shell line; do print -r -- $line; [[ $line == *DONE* && $line != *echo* ]] && break; done
zpty -d shell
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("site_scons", "models", "studies", "build"):
        (tmp_path / name).mkdir()
    for name in ("models/mnist_a.yaml", "models/mnist_b.yaml", "models/sensor.yaml", "studies/sweep.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "build/.completion").write_text(WORDS, encoding="utf-8")
    return tmp_path


def bash(folder: Path, line: str) -> list[str]:
    script = str(ROOT / "completions/scons.bash")
    done = subprocess.run(["bash", "-c", BASH, "bash", script, line], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("./scons fl", ["flash", "flush"]),
        ("./scons m", ["model="]),
        ("./scons ch", ["check="]),
        ("./scons model=", ["all", "mnist_a", "mnist_b", "sensor"]),
        ("./scons model=mn", ["mnist_a", "mnist_b"]),
        ("./scons evaluate model=mnist_a,s", ["mnist_a,sensor"]),
        ("./scons check=s", ["skip"]),
        ("./scons study=", ["sweep"]),
        ("./scons nothing", []),
    ],
)
def test_bash(folder: Path, line: str, expected: list[str]) -> None:
    assert bash(folder, line) == expected


def test_before_the_first_run(folder: Path) -> None:
    (folder / "build/.completion").unlink()
    assert bash(folder, "./scons mo") == ["model="]
    assert bash(folder, "./scons model=se") == ["sensor"]


def test_in_another_project(folder: Path) -> None:
    (folder / "site_scons").rmdir()
    assert bash(folder, "scons fl") == []


@pytest.mark.parametrize(
    ("line", "offered", "others"),
    [
        ("./scons fl", ["flash", "flush"], ["evaluate"]),
        ("./scons model=mnist_", ["mnist_a", "mnist_b"], ["sensor"]),
        ("./scons model=sensor,mnist_", ["mnist_a", "mnist_b"], []),
        ("./scons study=", ["sweep"], ["mnist_a"]),
    ],
)
def test_zsh(folder: Path, line: str, offered: list[str], others: list[str]) -> None:
    assert shutil.which("zsh"), "no zsh: ./scons test installs it"
    script = str(ROOT / "completions/scons.zsh")
    for seconds in ("2", "10", "40"):  # as long as a busy machine takes to answer a key
        command = ["zsh", "-f", "-c", ZSH, "zsh", script, line, seconds]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        if all(word in done.stdout for word in offered):
            break
    assert all(word in done.stdout for word in offered), done.stdout + done.stderr
    assert not any(word in done.stdout for word in others)


def test_each_run_leaves_the_words(fresh: Project) -> None:
    run = fresh.scons("--help", "verbose=0")
    assert run.status == 0
    lines = (fresh.root / "build/.completion").read_text(encoding="utf-8").splitlines()
    assert {"target flash", "target test", "target explain", "option model=", "value check=skip"} <= set(lines)
    written = (fresh.root / "build/.completion").stat().st_mtime_ns
    fresh.scons("--help", "verbose=0")
    assert (fresh.root / "build/.completion").stat().st_mtime_ns == written


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    return Project.copied(tmp_path / "project")
