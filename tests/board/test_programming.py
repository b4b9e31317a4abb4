"""The unmodified programmers against the virtual board's UPDI port, and what goes wrong with chips and cables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.board.conftest import Model
from toolchain.board import chips, flash_stage, image, programmers, serial_line
from toolchain.board.programmers import Job
from toolchain.board.virtual_board import VirtualBoard
from toolchain.errors import BoardError

FLASH = 49152
ERASED = zlib.crc32(b"\xff" * FLASH)
PYMCUPROG = str(Path(sys.executable).with_name("pymcuprog"))
TOOLS = [
    "serialupdi",
    pytest.param(
        "avrdude", marks=pytest.mark.skipif(shutil.which("avrdude") is None, reason="avrdude is not installed")
    ),
]


def job(model: Model, port: str, **more: object) -> Job:
    path = model.folder / "firmware.hex"
    more = {"patience": 10.0, **more}  # other tests may keep the machine busy
    return Job(chips.chip("atmega4809"), 20_000_000, image.read(path), path, port, **more)  # type: ignore[arg-type]


def content(model: Model) -> int:
    """The CRC-32 of a flash that holds the model's image."""
    return zlib.crc32(image.read(model.folder / "firmware.hex").ljust(FLASH, b"\xff"))


def commands(tool: str, path: Path, port: str) -> list[str]:
    if tool == "avrdude":
        return ["avrdude", "-c", "serialupdi", "-p", "atmega4809", "-P", port, f"-Uflash:w:{path}:i"]
    return [PYMCUPROG, *f"write -f {path} --erase --verify -t uart -u {port} -d atmega4809 --uart-timeout 10".split()]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tool_itself_programs_the_virtual_board(model: Model, tool: str) -> None:
    """Twice in a row: the second run meets a port and a chip that somebody has used."""
    with VirtualBoard("atmega4809", FLASH) as board:
        for _ in range(2):
            command = commands(tool, model.folder / "firmware.hex", board.updi)
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert board.tell(state=True)["flash"] == content(model)


@pytest.mark.parametrize("tool", TOOLS)
def test_flash_stage_ends_on_the_chips_answer(model: Model, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    flash_stage.run(model.flash("--programmer", tool, "--sample", "3"))
    assert "the chip says" in capsys.readouterr().out


def test_a_sample_that_does_not_exist(model: Model) -> None:
    with pytest.raises(BoardError, match=r"sample=100: the test samples are numbered from 0 to 99"):
        flash_stage.run(model.flash("--sample", "100"))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_cell_that_does_not_take_a_write_fails_verification(model: Model, tool: str) -> None:
    with VirtualBoard("atmega4809", FLASH) as board:
        board.tell(stuck=[0x123])
        with pytest.raises(BoardError, match=r"verification failed.*0x0123"):
            programmers.program(tool, job(model, board.updi))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_byte_that_changes_after_writing_fails_verification(model: Model, tool: str) -> None:
    """Corrupted in the emulated flash between write and verify."""
    with VirtualBoard("atmega4809", FLASH) as board:

        def corrupt(phase: str, fraction: float) -> None:
            if phase == "verifying" and not corrupted:
                corrupted.append(board.tell(flip=len(content_of) - 1))

        corrupted: list[object] = []
        content_of = image.read(model.folder / "firmware.hex")
        with pytest.raises(BoardError, match=r"verification failed"):
            programmers.program(tool, job(model, board.updi, progress=corrupt))
        assert corrupted


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("mcu", "spoil", "message"),
    [
        ("atmega4808", {}, r"has atmega4808 \(signature 1E9650\), the manifest says atmega4809 \(1E9651\)"),
        ("atmega4809", {"fuse": [2, 0x01]}, r"OSCCFG is 0x01: the chip runs at 16 MHz, the manifest says 20 MHz"),
        (
            "atmega4809",
            {"fuse": [0, 0x08]},
            r"WDTCFG is 0x08: the watchdog resets the chip.*nothing was erased.*-l 0x00",
        ),
        ("atmega4809", {"lock": 0x00}, r"is locked; unlocking erases everything"),
    ],
)
def test_nothing_is_erased_on_a_chip_that_is_not_the_manifests(
    model: Model, tool: str, mcu: str, spoil: dict[str, object], message: str
) -> None:
    with VirtualBoard(mcu, FLASH) as board:
        board.tell(flip=5, **spoil)  # something that an erase would take away
        before = board.tell(state=True)["flash"]
        with pytest.raises(BoardError, match=message):
            programmers.program(tool, job(model, board.updi))
        assert board.tell(state=True)["flash"] == before


@pytest.mark.parametrize("tool", TOOLS)
def test_a_program_of_the_users_own_may_feed_a_watchdog(model: Model, tool: str) -> None:
    with VirtualBoard("atmega4809", FLASH) as board:
        board.tell(fuse=[0, 0x08])
        programmers.program(tool, job(model, board.updi, own=True))
        assert board.tell(state=True)["flash"] == content(model)


@pytest.mark.parametrize("tool", TOOLS)
def test_unlocking_erases_no_chip_that_is_not_locked(model: Model, tool: str) -> None:
    """The fuse is wrong for the manifest's clock: the chip keeps what it has, as the message says."""
    with VirtualBoard("atmega4809", FLASH) as board:
        before = board.tell(flip=5, fuse=[2, 0x01])["flash"]
        with pytest.raises(BoardError, match="nothing was erased"):
            programmers.program(tool, job(model, board.updi, unlock=True))
        assert board.tell(state=True)["flash"] == before


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("phase", ["erasing", "verifying"])
def test_stopping_says_what_the_chip_holds(
    model: Model, tool: str, phase: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(now: str, fraction: float) -> None:
        if now == phase:
            raise KeyboardInterrupt

    with VirtualBoard("atmega4809", FLASH) as board:
        with pytest.raises(KeyboardInterrupt):
            programmers.program(tool, job(model, board.updi, progress=stop))
        assert "stopped while the chip was being programmed: it may hold part of an image" in capsys.readouterr().err
        programmers.program(tool, job(model, board.updi))
        assert board.tell(state=True)["flash"] == content(model)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_locked_chip_can_be_unlocked_on_demand(model: Model, tool: str) -> None:
    with VirtualBoard("atmega4809", FLASH) as board:
        board.tell(lock=0)
        programmers.program(tool, job(model, board.updi, unlock=True))
        assert board.tell(state=True)["flash"] == content(model)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_cable_pulled_while_writing_and_plugged_back(model: Model, tool: str) -> None:
    with VirtualBoard("atmega4809", FLASH) as board:
        pulled: list[object] = []

        def pull(phase: str, fraction: float) -> None:
            if phase == "writing" and fraction > 0 and not pulled:
                pulled.append(board.tell(pull_after=700))

        with pytest.raises(serial_line.PortLost, match=r"vanished while the chip was being programmed"):
            programmers.program(tool, job(model, board.updi, progress=pull))
        state = board.tell(plug="all")
        assert state["flash"] not in (ERASED, content(model)), "the chip holds part of an image"
        programmers.program(tool, job(model, board.updi))
        assert board.tell(state=True)["flash"] == content(model)


@pytest.mark.parametrize("tool", TOOLS)
def test_ports_that_cannot_be_opened(model: Model, tool: str) -> None:
    with pytest.raises(
        BoardError, match=r"there is no port /dev/nowhere; (ports on this machine|this machine shows no)"
    ):
        programmers.program(tool, job(model, "/dev/nowhere"))
    with VirtualBoard("atmega4809", FLASH) as board:
        with (
            serial_line.SerialLine(board.updi, 115_200),
            pytest.raises(BoardError, match=r"in use by another program; close it"),
        ):
            programmers.program(tool, job(model, board.updi))
        device = Path(board.updi).resolve()
        work = job(model, str(device))
        with pytest.raises(BoardError, match=r"no permission to open .* dialout"):
            as_nobody(device, lambda: programmers.program(tool, work))


def as_nobody(device: Path, action: Callable[[], None]) -> None:
    """Runs ``action`` as a user who may not open the port (only root can become one; others take the right away)."""
    mode = device.stat().st_mode
    device.chmod(0o000)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        action()
    finally:
        os.seteuid(user)
        device.chmod(mode)


def test_a_port_without_a_board_behind_it(model: Model) -> None:
    """The serial line's port is no UPDI port: nothing there answers as a programmer expects."""
    with (
        VirtualBoard("atmega4809", FLASH) as board,
        pytest.raises(BoardError, match=r"does not answer on .* as UPDI does"),
    ):
        programmers.program("serialupdi", job(model, board.serial, patience=0.3))


@pytest.mark.parametrize("name", ["nedbg", "pkob", "medbg", "edbg", "atmelice"])
def test_debuggers_that_are_not_plugged_in(model: Model, name: str) -> None:
    with pytest.raises(BoardError, match=r"debugger found on USB|debugger failed"):
        programmers.program(name, job(model, ""))


def test_unknown_programmers_get_a_suggestion() -> None:
    with pytest.raises(BoardError, match=r"did you mean serialupdi"):
        programmers.find("serialudpi")
    assert programmers.find("avrdude:usbasp").hardware == "usbasp"


def test_an_image_that_did_not_fit_cannot_be_flashed(model: Model, tmp_path: Path) -> None:
    args = model.flash()
    args.image = tmp_path / "firmware.hex"
    with pytest.raises(BoardError, match=r"made when the model fits"):
        flash_stage.run(args)


def test_a_debugger_is_known_by_any_name_of_its_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/serial/by-id/… are links to /dev/ttyACM…"""
    device, name = tmp_path / "ttyACM0", tmp_path / "usb-Microchip_nEDBG"
    device.touch()
    name.symlink_to(device)
    found = SimpleNamespace(device=str(device), vid=programmers.ATMEL, product="nEDBG CMSIS-DAP")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [found])
    chip = chips.chip("atmega4809")
    assert programmers.default(chip, str(device)) == programmers.default(chip, str(name)) == "nedbg"
    assert programmers.default(chip, None) == "nedbg"
    assert programmers.default(chip, str(tmp_path / "ttyUSB0")) == "serialupdi"
