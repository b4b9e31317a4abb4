"""The site of docs/: it builds without a warning, nothing on it comes from elsewhere, and no page is lost."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.conftest import pages
from toolchain.documentation import docs_stage
from toolchain.errors import GoldcrestError
from toolchain.graph.arguments import ARGUMENTS

ROOT = Path(__file__).resolve().parents[2]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the site is made of, for a test to spoil."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "toolchain/documentation", tmp_path / "toolchain/documentation")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    monkeypatch.setattr(docs_stage, "ROOT", tmp_path)
    return tmp_path


class Fetched(HTMLParser):
    """The addresses that a browser asks for when it shows a page; links that one has to click are not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in FETCHED and given.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(given.get(FETCHED[tag]) or "")


def test_every_page_of_the_folder_is_on_the_site(site: Path) -> None:
    sources = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    built = {path.relative_to(site).as_posix() for path in pages(site)}
    assert built == sources | {"reference/manifest.html", "reference/study.html"}
    links = set(
        re.findall(r'<a href="([^"#]+)" class="md-nav__link', (site / "index.html").read_text(encoding="utf-8"))
    )
    assert built - links <= {"index.html"}, "not in the navigation"


def test_every_option_is_on_the_page_of_the_command_line(site: Path) -> None:
    text = (site / "command-line.html").read_text(encoding="utf-8")
    assert all(f"<code>{each.name}={each.value}</code>" in text for each in ARGUMENTS)


def test_nothing_is_asked_for_from_elsewhere(site: Path) -> None:
    seen = 0
    for path in site.rglob("*.html"):
        parser = Fetched()
        parser.feed(path.read_text(encoding="utf-8"))
        for address in parser.addresses:
            assert not re.match(r"(\w+:)?//", address), f"{path}: {address}"
        seen += len(parser.addresses)
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path
    assert seen > 20


def test_a_broken_link_is_an_error_and_leaves_the_last_site(project: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("the last one", encoding="utf-8")
    with (project / "docs/boards.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](no-such-page.md)\n")
    with pytest.raises(GoldcrestError, match=r"boards\.md.*no-such-page\.md"):
        docs_stage.build(tmp_path / "site")
    assert (tmp_path / "site/index.html").read_text(encoding="utf-8") == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "mkdocs.yml", "site", "toolchain"]


def test_a_page_that_the_navigation_forgot_comes_last(project: Path, tmp_path: Path) -> None:
    (project / "docs/results").mkdir(exist_ok=True)
    (project / "docs/results/forgotten.md").write_text("# A forgotten page\n", encoding="utf-8")
    docs_stage.build(tmp_path / "site")
    text = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "results/forgotten.html" in text and text.index("A forgotten page") > text.index("boards.html")
    assert re.search(r"Results\s*</", text)
