"""Writes the JSON Schema of manifests, which editors use for completion, help and errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from toolchain.errors import GoldcrestError
from toolchain.files import atomic
from toolchain.manifest import schema
from toolchain.report import status

OUTPUT = Path("models/schema.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the file to write (default {OUTPUT})")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")


def run(args: argparse.Namespace) -> None:
    text = schema.text()
    if args.check:
        if not args.output.is_file() or args.output.read_text(encoding="utf-8") != text:
            raise GoldcrestError(f"{args.output} is not current; run: python -m toolchain schema")
        return
    with atomic(args.output, "w") as file:
        file.write(text)
    status.done(f"{len(text.encode()):,} bytes of schema")
