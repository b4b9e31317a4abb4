"""Folders that are either whole or not there (``files`` does the same for single files)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.files import PARTIAL, explain


@contextmanager
def whole_folder(folder: Path | str) -> Iterator[Path]:
    """Yields an empty folder that takes the place of ``folder`` at the end; after an exception nothing has changed.

    Raises GoldcrestError for a full disk, a read-only folder and their like.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL, dir=folder.parent))
    try:
        yield fresh
        fresh.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
    except OSError as error:
        raise explain(error, folder) or error from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
