"""Files by their content, in a folder that machines share: what is put in under a name of its own is never changed.

They lie in the cache folder, and are pruned with it: whoever finds one missing asks for it again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from toolchain.files import staged

EXECUTABLE = ".x"


class Blobs:
    """``folder`` is that of the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "blobs"
        self._known: dict[tuple[str, int, int], str] = {}  # a file as it was looked at → its blob

    def put(self, path: Path) -> str:
        """Sees to it that the file's content is in the folder; returns its name there."""
        found = path.stat()
        seen = (str(path), found.st_mtime_ns, found.st_size)
        name = self._known.get(seen)
        if name is None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            name = digest + (EXECUTABLE if os.access(path, os.X_OK) else "")
            self._known[seen] = name
        blob = self.path(name)
        if not blob.is_file():
            with staged(blob) as temporary:
                shutil.copyfile(path, temporary)
                temporary.chmod(0o555 if name.endswith(EXECUTABLE) else 0o444)
        return name

    def has(self, name: str) -> bool:
        """Is it there? If so it will not be pruned soon."""
        try:
            os.utime(self.path(name))
        except PermissionError:
            return True  # another user's
        except OSError:
            return False
        return True

    def copy(self, name: str, target: Path) -> None:
        """Writes the content to a file of its own, which may be changed."""
        shutil.copyfile(self.path(name), target)
        target.chmod(0o755 if name.endswith(EXECUTABLE) else 0o644)

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name
