"""Evaluations on the virtual board, undisturbed and disturbed: every answer is right or the run ends with a message."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.board.conftest import Model
from tests.board.test_programming import as_nobody
from toolchain.board import evaluate_stage, image, link, programmers, serial_line
from toolchain.board.link import Answer, Link
from toolchain.board.virtual_board import VirtualBoard
from toolchain.errors import BoardError
from toolchain.report import status

FLASH = 49152


@contextmanager
def board(model: Model) -> Iterator[VirtualBoard]:
    """A virtual board with the model on it."""
    with VirtualBoard("atmega4809", FLASH, image=image.read(model.folder / "firmware.hex")) as virtual:
        yield virtual


def result(model: Model) -> dict[str, object]:
    content: dict[str, object] = json.loads((model.folder / "evaluation.json").read_text(encoding="utf-8"))
    return content


def when(monkeypatch: pytest.MonkeyPatch, inference: int, action: Callable[[], object]) -> None:
    """Does something to the board in the middle of an evaluation: while inference number ``inference`` is under way."""
    calls, infer = [0], Link.infer

    def disturbed(self: Link, data: bytes) -> Answer:
        calls[0] += 1
        if calls[0] == inference:
            threading.Thread(target=action).start()
        return infer(self, data)

    monkeypatch.setattr(Link, "infer", disturbed)


def test_a_whole_evaluation(model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"accuracy": {"float": 0.5, "quantized": 0.5, "board": None}}), encoding="utf-8")
    evaluate_stage.run(model.evaluate("--samples", "100", "--report", str(report)))
    found = result(model)
    assert (found["samples"], found["identical"], found["complete"], found["differences"]) == (100, 100, True, [])
    assert found["accuracy"] == {"board": 0.9, "float": 0.5}
    assert np.asarray(found["confusion"]).sum() == 100
    assert np.asarray(found["confusion"]).trace() == 90
    cycles = found["cycles"]
    assert isinstance(cycles, dict)
    assert 0 < cycles["min"] <= cycles["mean"] <= cycles["max"]
    assert sum(cycles["histogram"]["counts"]) == 100
    assert len(cycles["histogram"]["counts"]) <= max(1, cycles["max"] - cycles["min"])
    assert json.loads(report.read_text(encoding="utf-8"))["accuracy"]["board"] == 0.9
    assert "100 of 100 answers equal byte for byte" in capsys.readouterr().out


@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_bytes_dropped_doubled_and_flipped(model: Model, rate: float) -> None:
    with board(model) as virtual:
        virtual.tell(noise={"drop": rate / 3, "double": rate / 3, "flip": rate / 3, "seed": 1})
        evaluate_stage.run(model.evaluate("--samples", "15", "--port", virtual.serial))
    found = result(model)
    assert (found["samples"], found["identical"]) == (15, 15)
    assert found["link"]["retries"] > 0  # type: ignore[index]


def test_a_cable_pulled_and_plugged_back(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with board(model) as virtual:

        def pull() -> None:
            virtual.tell(unplug="all")
            lost.wait(20)
            virtual.tell(plug="all")

        lost = threading.Event()  # the evaluation has noticed
        monkeypatch.setattr(status, "update", lambda text, fraction=None: "vanished" in text and lost.set())
        when(monkeypatch, 5, pull)
        evaluate_stage.run(model.evaluate("--samples", "20", "--port", virtual.serial))
    found = result(model)
    assert (found["samples"], found["identical"]) == (20, 20)
    assert found["link"]["reconnections"] == 1  # type: ignore[index]


def test_a_cable_that_stays_out_keeps_what_was_measured(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_stage, "COME_BACK_SECONDS", 0.5)
    with board(model) as virtual:
        when(monkeypatch, 5, lambda: virtual.tell(unplug="serial"))
        with pytest.raises(serial_line.PortLost, match=r"did not come back within"):
            evaluate_stage.run(model.evaluate("--samples", "20", "--port", virtual.serial))
    found = result(model)
    assert found["samples"] in (4, 5)
    assert (found["requested"], found["complete"]) == (20, False)


def test_an_interrupted_run_keeps_what_was_measured(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Link, data: bytes) -> Answer:
        raise KeyboardInterrupt

    with board(model) as virtual:
        infer = Link.infer
        calls = [0]

        def sometimes(self: Link, data: bytes) -> Answer:
            calls[0] += 1
            return interrupt(self, data) if calls[0] == 8 else infer(self, data)

        monkeypatch.setattr(Link, "infer", sometimes)
        with pytest.raises(KeyboardInterrupt):
            evaluate_stage.run(model.evaluate("--port", virtual.serial))
    assert (result(model)["samples"], result(model)["complete"]) == (7, False)


def test_resets_during_inferences(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def press() -> None:
        for _ in range(3):
            virtual.tell(reset=True)

    with board(model) as virtual:
        when(monkeypatch, 4, press)
        evaluate_stage.run(model.evaluate("--samples", "10", "--port", virtual.serial))
    assert (result(model)["samples"], result(model)["identical"]) == (10, 10)


def test_a_chip_with_another_model_is_refused(model: Model, other_model: Model) -> None:
    with (
        board(other_model) as virtual,
        pytest.raises(BoardError, match=r"runs another model .* flash this model first"),
    ):
        evaluate_stage.run(model.evaluate("--port", virtual.serial))


def test_a_chip_with_another_build_is_refused(model: Model) -> None:
    with board(model) as virtual:
        virtual.tell(flip=len(image.read(model.folder / "firmware.hex")) - 1)
        virtual.tell(reset=True)
        with pytest.raises(BoardError, match=r"another build of this model"):
            evaluate_stage.run(model.evaluate("--port", virtual.serial))


def test_an_answer_that_differs_is_shown(model: Model, other_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flash cell that changes under the running program: the link is right, the chip is not."""
    infer = Link.infer

    def wrong(self: Link, data: bytes) -> Answer:
        answer = infer(self, data)
        outputs = bytes([answer.outputs[0] ^ 1]) + answer.outputs[1:]
        return Answer(outputs, answer.class_, answer.cycles, answer.seconds)

    monkeypatch.setattr(Link, "infer", wrong)
    with board(model) as virtual, pytest.raises(BoardError, match=r"3 of 3 answers differ; test sample 0: .* outputs"):
        evaluate_stage.run(model.evaluate("--samples", "3", "--port", virtual.serial))
    assert result(model)["identical"] == 0


def test_the_wrong_baud_rate(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HELLO_TRIES", 2)
    with board(model) as virtual, pytest.raises(BoardError, match=r"does not answer .* baud rate"):
        evaluate_stage.run(model.evaluate("--port", virtual.serial, "--baud", "115200"))


def test_an_empty_chip(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HELLO_TRIES", 2)
    with (
        VirtualBoard("atmega4809", FLASH) as virtual,
        pytest.raises(BoardError, match=r"does not answer .* is the firmware flashed"),
    ):
        evaluate_stage.run(model.evaluate("--port", virtual.serial))


def test_a_port_that_is_in_use_or_forbidden_or_not_there(model: Model) -> None:
    with board(model) as virtual:
        with (
            serial_line.SerialLine(virtual.serial, 500_000),
            pytest.raises(BoardError, match=r"in use by another program"),
        ):
            evaluate_stage.run(model.evaluate("--port", virtual.serial))
        device = Path(virtual.serial).resolve()
        with pytest.raises(BoardError, match=r"no permission to open"):
            as_nobody(device, lambda: serial_line.SerialLine(str(device), 500_000).close())
    with pytest.raises(BoardError, match=r"there is no port"):
        evaluate_stage.run(model.evaluate("--port", "/dev/nowhere"))


def test_settings_of_this_machine(model: Model, tmp_path: Path) -> None:
    local = tmp_path / "local.yaml"
    with board(model) as virtual:
        local.write_text(f"port: {virtual.serial}\nprogrammer: serialupdi\n", encoding="utf-8")
        evaluate_stage.run(model.evaluate("--samples", "2", "--settings", str(local)))
        assert result(model)["port"] == virtual.serial
    for text, message in {
        "prot: /dev/x": "did you mean port",
        "baud: fast": "expected a number",
        "baud: 0": "baud=0: no serial line has this speed; the firmware's is 500000",
        "baud: 99999999999": "no serial line has this speed",
        "programmer: pkop": "did you mean pkob",
        "- port": "expected lines such as",
        "port: [": r"local\.yaml:1:8: not readable as YAML: ",
        "port:\t/dev/x": r"local\.yaml:1:6: not readable as YAML: found character '\\t' that cannot start any token$",
    }.items():
        local.write_text(text, encoding="utf-8")
        with pytest.raises(BoardError, match=message):
            evaluate_stage.run(model.evaluate("--settings", str(local)))


def test_programming_and_talking_over_two_ports(model: Model) -> None:
    """As with a serialupdi adapter beside a serial cable."""
    with VirtualBoard("atmega4809", FLASH) as virtual:
        more = ("--port", virtual.serial, "--updi", virtual.updi, "--programmer", "serialupdi", "--flash", "yes")
        evaluate_stage.run(model.evaluate("--samples", "2", *more))
    assert result(model)["samples"] == 2
    assert programmers.find("serialupdi").serial
