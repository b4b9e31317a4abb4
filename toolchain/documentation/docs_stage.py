"""``docs``: the site of docs/, for a browser, from MkDocs; a broken link or a page without a place is an error."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.folders import whole_folder
from toolchain.report import status

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="index.html; its folder is the site")


def run(args: argparse.Namespace) -> None:
    status.done(f"{build(args.output.parent)} pages")


def build(folder: Path) -> int:
    """Puts the site where ``folder`` is, in the place of what was there; returns how many pages it has.

    Raises GoldcrestError with every warning of MkDocs, if there is one.
    """
    with whole_folder(folder) as fresh:
        return _build(fresh)


def _build(folder: Path) -> int:
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # Material prints an advertisement otherwise
    from mkdocs.commands.build import build as build_site
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    heard = _Heard(logging.WARNING)
    logger = logging.getLogger("mkdocs")
    logger.addHandler(heard)
    try:
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder.resolve()), strict=True)
        config.plugins.on_startup(command="build", dirty=False)
        build_site(config)
    except MkDocsException as error:
        complaints = "\n".join(heard.messages or [str(error)])
        raise GoldcrestError(f"docs: {complaints}") from error
    finally:
        logger.removeHandler(heard)
    return sum(1 for _ in folder.rglob("*.html")) - 1  # all but 404.html


class _Heard(logging.Handler):
    """Keeps what MkDocs complains about."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
