"""The site as a reader sees it, opened from its files: nothing is fetched from elsewhere, it fits, the search finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.support.wait import WebDriverWait

from tests.docs.conftest import pages
from tests.report.browser import opened


@pytest.mark.parametrize("width", [1280, 400])
def test_every_page_fits_and_asks_only_for_the_sites_own_files(site: Path, tmp_path: Path, width: int) -> None:
    with opened(site / "index.html", tmp_path, width) as browser:
        for path in sorted(pages(site)):
            browser.driver.get(path.as_uri())
            asked = [url for url in browser.requests() if not url.startswith(("data:", "blob:", "about:"))]
            assert asked and all(url.startswith(site.as_uri()) for url in asked), asked
            assert browser.complaints == []
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), path.name
            missing = "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
            assert browser.run(missing) == []


def test_the_search_works_without_a_server(site: Path, tmp_path: Path) -> None:
    with opened(site / "index.html", tmp_path, 1280) as browser:
        browser.driver.get(f"{(site / 'index.html').as_uri()}?q=early_stopping")
        wait = WebDriverWait(browser.driver, 120)
        wait.until(lambda _: browser.all(".md-search-result__item"))
        assert any(
            "reference/manifest.html" in str(a.get_attribute("href")) for a in browser.all(".md-search-result a")
        )
