"""Makes ``.venv`` from ``requirements.lock`` and the system packages that it needs, then becomes SCons.

Only Python's standard library is at hand here. ``./scons`` comes here when there is no finished ``.venv`` for this very
lock file; a set-up that was killed left no stamp and is done again from the start.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

VENV = Path(".venv")
LOCK = Path("requirements.lock")
STAMP = VENV / LOCK.name
LOG = Path(".venv.log")
NO_NETWORK = re.compile(
    r"NameResolutionError|name resolution|establish a new connection|Network is unreachable|ConnectTimeout"
    r"|Read timed out|ProxyError|Connection refused|Connection reset|Max retries exceeded"
)


def main(arguments: list[str]) -> NoReturn:
    began = time.monotonic()
    with only_one() as lock:
        if not whole():
            install_system_packages(missing_system_packages())
            make_venv(lock)
            say(f"ready in {time.monotonic() - began:.0f} s")
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, "-m", "SCons", *arguments])


def whole() -> bool:
    """Is there a finished ``.venv`` for this lock file? Another ``./scons`` may have made it while this one waited."""
    return STAMP.is_file() and STAMP.read_bytes() == LOCK.read_bytes() and (VENV / "bin" / "python").exists()


@contextmanager
def only_one() -> Iterator[IO[str]]:
    """Hold the set-up's lock. pip inherits it, so that a set-up cannot begin while a killed one's pip still writes."""
    try:
        LOG.write_text("")
    except OSError as error:
        fail(f"{Path.cwd()} cannot be written ({error.strerror}), and .venv belongs there.")
    with Path(".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./scons is making .venv; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def missing_system_packages() -> list[str]:
    """Debian's names of what the set-up needs and this machine lacks."""
    missing = []
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        missing.append("python3-venv")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing.append("python3-dev")
    if shutil.which("g++") is None:
        missing += ["g++", "libelf-dev"]  # without a compiler there is no asking for the header
    elif not has_header("libelf.h"):
        missing.append("libelf-dev")
    return missing


def has_header(name: str) -> bool:
    command = ["g++", "-E", "-x", "c++", "-", "-o", os.devnull]
    return subprocess.run(command, input=f"#include <{name}>\n".encode(), stderr=subprocess.DEVNULL).returncode == 0


def install_system_packages(packages: list[str]) -> None:
    if not packages:
        return
    line = f"apt-get update && sudo apt-get install -y {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        fail(f"this machine lacks (in Debian's names): {', '.join(packages)}. Install them and run ./scons again.")
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        if shutil.which("sudo") is None or subprocess.run([*sudo, "true"], capture_output=True).returncode != 0:
            fail(f"this machine lacks {', '.join(packages)}. Type:\n    sudo {line}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with LOG.open("a") as log:
        for command in (["apt-get", "-q", "update"], ["apt-get", "-q", "install", "-y", *packages]):
            task = f"installing {' '.join(packages)}"
            if run([*sudo, *command], log, task, lambda _, task=task: task, environment) != 0:  # type: ignore[misc]
                fail(f"{' '.join(packages)} could not be installed:\n{tail()}\nType:\n    sudo {line}")


def make_venv(lock: IO[str]) -> None:
    """Install everything afresh: a folder that was upgraded in place keeps what an older lock file had."""
    remove(VENV)
    # The interpreter's own name (python3.11, not python3): when the system moves to another version the link breaks,
    # and ./scons sees that .venv must be made again.
    with LOG.open("a") as log:
        if run([os.path.realpath(sys.executable), "-m", "venv", str(VENV)], log, "making .venv") != 0:
            fail(f"no virtual environment could be made:\n{tail()}")
        count = sum(1 for line in LOCK.read_text().splitlines() if re.match(r"[\w.-]+==", line))
        collected = 0

        def progress(line: str) -> str | None:
            nonlocal collected
            if match := re.match(r"Collecting ([\w.-]+)", line):
                collected += 1
                return f"package {collected} of {count}  {match[1]}"
            if match := re.match(r"\s*Building wheel for ([\w.-]+)", line):
                return f"compiling {match[1]}"
            return f"unpacking {count} packages" if line.startswith("Installing collected") else None

        # --no-deps: the lock file is complete, there is nothing to resolve.
        command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "3"]
        command += ["-r", str(LOCK)]
        say(f"installing {count} packages into .venv (log: {LOG})")
        if run(command, log, "starting pip", progress, inherit=lock) != 0:
            log.flush()
            text = LOG.read_text(errors="replace")
            if NO_NETWORK.search(text):
                fail("no connection to the package index. The first run needs the network; run ./scons again with it.")
            if "No space left on device" in text:
                fail("the disk is full; .venv needs about 3 GB. Make room and run ./scons again.")
            fail(f"the packages of {LOCK} could not be installed (whole log: {LOG}):\n{tail()}")
    partial = STAMP.with_suffix(".part")
    shutil.copyfile(LOCK, partial)
    os.sync()
    partial.rename(STAMP)


def run(
    command: list[str],
    log: IO[str],
    task: str,
    progress: Callable[[str], str | None] = lambda line: None,
    environment: dict[str, str] | None = None,
    inherit: IO[str] | None = None,
) -> int:
    """Run a command with its output in the log; on a terminal show the task, the seconds gone and what is under way."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        pass_fds=[inherit.fileno()] if inherit else [],
    )
    current = task

    def read() -> None:
        nonlocal current
        assert process.stdout is not None
        for line in process.stdout:
            with suppress(OSError):  # a full disk, which whoever closes the log hears of: the pipe must be emptied
                log.write(line)
            current = progress(line) or current

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(0.5)
        if sys.stdout.isatty():
            print(f"\rsetup      {current[:50]:<50} {time.monotonic() - began:5.0f} s\033[K", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    log.flush()
    return process.wait()


def remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        # Out of the way first, and the stamp with it: a half-removed .venv must not look like one.
        heap = Path(tempfile.mkdtemp(prefix=".venv.old-", dir="."))
        folder.rename(heap / folder.name)
    for heap in Path.cwd().glob(".venv.old-*"):
        shutil.rmtree(heap, ignore_errors=True)


def tail(lines: int = 15) -> str:
    return "\n".join("    " + line for line in LOG.read_text(errors="replace").splitlines()[-lines:])


def say(text: str) -> None:
    print(f"setup      {text}", flush=True)


def fail(message: str) -> NoReturn:
    print(f"scons: error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        print("\nscons: interrupted; the next ./scons makes .venv from the start", file=sys.stderr)
        sys.exit(130)
    except OSError as error:  # a full disk, say
        where = f": {error.filename}" if error.filename else ""
        fail(f".venv cannot be made ({error.strerror}{where}). The next ./scons makes it from the start.")
