"""Every command of README and docs/: run in a copy of the project, or marked with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import commands
from tests.graph.project import Project
from toolchain.graph.arguments import ARGUMENTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = {page: list(commands.blocks(page.read_text(encoding="utf-8"))) for page in PAGES}
MORE = ("docs", "tests", "mkdocs.yml", "pyproject.toml", "README.md")

NOT_RUN = {"./scons test": "it would run this very test"}
GIVEN = {  # what the text before a command says has been done
    "./scons model=mnist_dense64": "sed 's/dense32/dense64/; s/units: 32/units: 64/' "
    "models/mnist_dense32.yaml > models/mnist_dense64.yaml",
}


@pytest.fixture
def groups() -> Iterator[list[int]]:
    """The process groups of a page's commands; what they leave running is ended."""
    found: list[int] = []
    yield found
    commands.end(found)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.commands for b in BLOCKS[page])], ids=name)
def test_commands_do_what_the_page_shows(page: Path, tmp_path: Path, groups: list[int]) -> None:
    folder = tmp_path / "goldcrest"
    Project.copied(folder, more=MORE)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for block in BLOCKS[page]:
        if block.directive == "file":
            path = folder / block.value
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n", encoding="utf-8")
        elif block.directive == "edit":
            commands.edit(folder / block.value, block.text)
        elif block.directive != "not run":
            for command, shown in block.commands:
                if command in GIVEN:
                    assert commands.run(GIVEN[command], folder).status == 0
                if command not in NOT_RUN:
                    check(f"{name(page)}:{block.line}", commands.run(command, folder, groups), shown)


def check(where: str, ran: commands.Ran, shown: list[str]) -> None:
    refused = any("error:" in line for line in shown)
    assert ran.status == (2 if refused else 0), f"{where}: {ran}"
    line = commands.missing(shown, ran.output)
    assert line is None, f"{where}: this line was not printed:\n{line}\nby\n{ran}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_command_is_left_out(page: Path) -> None:
    for block in BLOCKS[page]:
        assert block.directive == "" or block.value, f"{name(page)}:{block.line}: the comment gives no reason"
        swallowed = block.commands if block.directive in ("file", "edit") else []
        assert not swallowed, f"{name(page)}:{block.line}: a file or a change in a block of its own, with a fence"
        assert not commands.disguised(block), f"{name(page)}:{block.line}: begin commands with `$ `"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_within_sentences_name_what_exists(page: Path) -> None:
    """`./scons model=M library`, say: every option and target is known."""
    known = {argument.name: argument.choices for argument in ARGUMENTS}
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for words in re.findall(r"`\./scons ([^`]*)`", text):
        for word in words.split():
            option, equals, _ = word.partition("=")
            if equals:
                assert option in known, f"{name(page)}: {words}"
            elif not word.startswith("-") and word not in ("…", "[target", "…]"):
                assert word in targets(), f"{name(page)}: {words}"


def test_every_target_is_described() -> None:
    described = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/command-line.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert targets() <= described


def targets() -> set[str]:
    """What `./scons` lists, as SConstruct and its tools have it."""
    sources = [ROOT / "SConstruct", *sorted((ROOT / "site_scons/site_tools").glob("*.py"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    return set(re.findall(r'^    (\w+)="', text, re.MULTILINE)) | set(
        re.findall(r'^    general\["(\w+)"\]', text, re.MULTILINE)
    )
