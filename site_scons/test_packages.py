"""The Debian packages that only the tests need: the browser in which they look at pages, the shell zsh, avrdude.

``./scons test`` runs this first. A build of models never asks for them.
"""

from __future__ import annotations

import shutil

from bootstrap import install_system_packages

PROGRAMS = {
    "chromium": ("chromium", "google-chrome", "chromium-browser"),
    "chromium-driver": ("chromedriver",),
    "zsh": ("zsh",),
    "avrdude": ("avrdude",),
}


def missing() -> list[str]:
    """Debian's names of the packages none of whose programs is on the PATH."""
    return [package for package, programs in PROGRAMS.items() if not any(map(shutil.which, programs))]


if __name__ == "__main__":
    install_system_packages(missing())
