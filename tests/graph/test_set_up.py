"""``./scons`` on a fresh clone: .venv from the lock file, whole or again, one at a time.

The lock file here names one small package, a stand-in for SCons that prints its arguments, and pip is given a folder
instead of the network. All else is real: sh, venv, pip, hashes, locks, kills.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.graph.project import ROOT

MAIN = "import sys; print('SCons', *sys.argv[1:], sep='|')\n"


class Clone:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "clone"
        self.wheels = folder / "wheels"
        (self.root / "site_scons").mkdir(parents=True)
        self.wheels.mkdir()
        shutil.copy2(ROOT / "scons", self.root)
        shutil.copy2(ROOT / "site_scons/bootstrap.py", self.root / "site_scons")
        self.lock("1.0", MAIN)

    def lock(self, version: str, main: str) -> None:
        """Make a wheel of the stand-in and a lock file that names it with its hash."""
        path = wheel(self.wheels, version, main)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        text = f"scons=={version} \\\n    --hash=sha256:{digest}\n"
        (self.root / "requirements.lock").write_text(text, encoding="utf-8")

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull, **extra}

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "scons"), *arguments],
            cwd="/",
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **extra: str) -> tuple[int, list[str], str]:
        process = self.start(*arguments, **extra)
        out, err = process.communicate(timeout=600)
        return process.returncode, out.splitlines(), err


def wheel(folder: Path, version: str, main: str) -> Path:
    files = {
        "SCons/__init__.py": "",
        "SCons/__main__.py": main,
        f"scons-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: scons\nVersion: {version}\n",
        f"scons-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    path = folder / f"scons-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"scons-{version}.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_first_and_second_run(clone: Clone) -> None:
    status, out, err = clone.run("model=a b", "-j", "2")
    assert (status, err) == (0, "")
    assert out[-1] == "SCons|model=a b|-j|2"
    assert out[0] == "setup      installing 1 packages into .venv (log: .venv.log)"
    assert clone.run("test") == (0, ["SCons|test"], "")


def test_a_link_to_it_elsewhere_and_a_locale_without_umlauts(clone: Clone, tmp_path: Path) -> None:
    clone.run()
    (tmp_path / "gc").symlink_to(clone.root / "scons")
    environment = clone.environment(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    done = subprocess.run([tmp_path / "gc", "größe"], cwd="/", env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "SCons|größe\n", b"")


def test_a_full_disk(clone: Clone) -> None:
    """Stood in for by a log that takes nothing."""
    (clone.root / ".venv.log").symlink_to("/dev/full")
    status, _, err = clone.run()
    assert status == 2
    assert err.splitlines() == [
        "scons: error: .venv cannot be made (No space left on device). The next ./scons makes it from the start."
    ]
    (clone.root / ".venv.log").unlink()
    assert clone.run("x")[1][-1] == "SCons|x"


def test_a_new_lock_file_makes_a_new_venv(clone: Clone) -> None:
    clone.run()
    (clone.root / ".venv/left-over").touch()
    clone.lock("2.0", "print('the new one')\n")
    assert clone.run()[1][-1] == "the new one"
    assert not (clone.root / ".venv/left-over").exists()
    assert not list(clone.root.glob(".venv.old*"))


def test_a_killed_set_up_is_done_again(clone: Clone) -> None:
    process = clone.start()
    assert process.stdout is not None
    assert "installing" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert clone.run("x")[1][-1] == "SCons|x"


def test_only_the_parent_is_killed(clone: Clone) -> None:
    """pip goes on for a while; the next set-up waits for it rather than share a folder with it."""
    process = clone.start()
    assert process.stdout is not None
    assert "installing" in process.stdout.readline()
    process.kill()
    process.communicate()
    assert clone.run("x")[1][-1] == "SCons|x"


def test_two_at_once(clone: Clone) -> None:
    both = [clone.start("first"), clone.start("second")]
    outs = [process.communicate(timeout=600)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [out[-1] for out in outs] == ["SCons|first", "SCons|second"]
    assert sum(any("installing" in line for line in out) for out in outs) == 1


def test_a_wrong_hash_is_refused(clone: Clone) -> None:
    lock = clone.root / "requirements.lock"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0")[:-2] + "\n", encoding="utf-8")
    status, _, err = clone.run()
    assert status == 2
    assert "could not be installed" in err
    assert "Traceback" not in err
    assert not (clone.root / ".venv/requirements.lock").exists()


def test_without_network(clone: Clone) -> None:
    """A port on this machine at which nobody answers stands for the unreachable index."""
    extra = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    status, _, err = clone.run(**extra)
    assert status == 2
    assert err.startswith("scons: error: no connection to the package index. The first run needs the network;")
    assert len(err.splitlines()) == 1
    assert clone.run("x")[1][-1] == "SCons|x"


def test_missing_system_packages_without_rights(clone: Clone, tmp_path: Path) -> None:
    """A PATH without g++ and sudo, and a user who is not root: the line to type, and status 2."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cmp", "id", "apt-get", "env", "readlink"):
        (programs / name).symlink_to(shutil.which(name) or "/bin/true")
    base = os.path.realpath(sys.executable)
    (programs / "python3").write_text(f'#!/bin/sh\nexec {base} "$@"\n', encoding="utf-8")
    (programs / "python3").chmod(0o755)
    bootstrap = clone.root / "site_scons/bootstrap.py"
    bootstrap.write_text(bootstrap.read_text().replace("os.geteuid() != 0", "True"), encoding="utf-8")
    status, _, err = clone.run(PATH=str(programs))
    assert status == 2
    first, second = err.splitlines()
    assert first.startswith("scons: error: this machine lacks ")
    assert "g++" in first
    assert second.startswith("    sudo apt-get update && sudo apt-get install -y ")
