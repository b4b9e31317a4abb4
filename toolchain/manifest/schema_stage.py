"""Writes the JSON Schemas of manifests and of studies, which editors use for completion, help and errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.manifest import editors
from toolchain.report import status
from toolchain.studies import schema as studies

OUTPUT = Path("models/schema.json")
STUDIES = Path("studies/schema.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the file to write (default {OUTPUT})")
    parser.add_argument("--studies", type=Path, default=STUDIES, help=f"the one of studies (default {STUDIES})")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")


def run(args: argparse.Namespace) -> None:
    texts = {args.output: editors.text(), args.studies: studies.text()}
    for path, text in texts.items():
        if not args.check:
            with atomic(path, "w") as file:
                file.write(text)
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise GoldcrestError(f"{path} is not current; run: python -m toolchain schema")
    if not args.check:
        status.done(f"{sum(len(text.encode()) for text in texts.values()):,} bytes of schema")
