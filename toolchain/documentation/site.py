"""What MkDocs calls while it builds the site: it adds what is generated, and the pages that the navigation forgot."""

from __future__ import annotations

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

from toolchain.documentation import options, reference

GENERATED = {"reference/manifest.md": reference.page, "reference/study.md": reference.study_page}


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    for name, page in GENERATED.items():
        files.append(File.generated(config, name, content=page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace(options.MARK, options.table())


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files, **_: Any) -> Navigation:
    """A page that mkdocs.yml does not name is reachable all the same: after the others, in a section for its folder."""
    named = {page.file.src_uri for page in nav.pages}
    forgotten: dict[str, list[Page]] = {}
    for file in files.documentation_pages():
        if file.src_uri not in named:
            folder = file.src_uri.rpartition("/")[0].partition("/")[0]
            forgotten.setdefault(folder.capitalize() or "More", []).append(Page(None, file, config))
    for title, pages in forgotten.items():
        section = Section(title, [*pages])
        nav.items.append(section)
        for page in pages:
            page.parent = section
            page.previous_page, nav.pages[-1].next_page = nav.pages[-1], page
            nav.pages.append(page)
    return nav
