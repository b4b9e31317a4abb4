"""Measure a network on the chip: N test samples over the serial line, each compared byte for byte with the reference.

    python -m toolchain evaluate --image build/M/firmware.hex --mcu atmega4809 --clock 20000000
        --network build/M/quantized.npz --dataset build/datasets/D.npz --output build/M/evaluation.json
        [--samples N] [--report build/M/report.json] [--flash yes]
        [--port P] [--programmer NAME] [--updi P] [--baud N] [--settings .local.yaml]

Without a port it is the virtual board, which is flashed first; a real one is with ``--flash yes``. Writes
evaluation.json, also when it is interrupted, and the field ``accuracy.board`` of the report. In SCons an AlwaysBuild
alias.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from toolchain.board import answers, picture, settings, subject
from toolchain.board.evaluation import Evaluation
from toolchain.board.link import Answer, Link
from toolchain.board.serial_line import PortLost
from toolchain.errors import BoardError
from toolchain.files import atomic
from toolchain.report import status

SIMULATED = "simulated  its core takes some instructions' time from older chips: for the chip's own see the report"
BATCH = 250  # samples that the reference computes at once
SAVE_SECONDS = 5.0
TELL_SECONDS = 0.25 if status.VARIABLE in os.environ else 5.0  # a live line, or a line each
COME_BACK_SECONDS = 30.0  # for a cable that was pulled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subject.add_arguments(parser)
    settings.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="evaluation.json")
    parser.add_argument("--report", type=Path, help="report.json, whose field accuracy.board is filled in")
    parser.add_argument("--samples", type=int, default=1000, help="test samples to measure (default 1000; 0 for all)")
    parser.add_argument(
        "--flash", choices=("yes", "no"), default="no", help="program a real board first; the virtual is"
    )


def run(args: argparse.Namespace) -> None:
    """Measures, writes, prints. Raises ``BoardError`` if an answer differs from the reference or the board is lost."""
    if args.samples < 0:
        raise BoardError(f"samples={args.samples}: expected a positive number, or 0 for all")
    given = settings.settings(args)
    what = subject.load(args)
    count = min(args.samples or len(what.samples), len(what.samples))
    outputs = what.graph.output.size
    classes = {"argmax": outputs, "threshold": 2}.get(what.graph.decision, 0)
    digest = hashlib.sha256(what.image).hexdigest()
    result = Evaluation(what.graph.name, what.chip.mcu, what.clock, classes, count, digest)
    float_accuracy = _float_accuracy(args.report)
    port = "virtual board" if given.virtual else str(given.port)
    console = Console(highlight=False)
    try:
        with subject.board(what, given) as at:
            line = subject.flash(what, at, status.update) if given.virtual or args.flash == "yes" else at.port
            with subject.conversation(what, line, at.baud) as link:
                _measure(what, link, result, lambda: _save(args.output, result, port, float_accuracy))
    finally:
        _save(args.output, result, port, float_accuracy)
        if result.samples:
            console.print(result.text(float_accuracy, what.names), markup=False, soft_wrap=True)
            if given.virtual and what.chip.core == "avrxt":  # of older chips the simulator's timing is their own
                console.print(SIMULATED, markup=False, soft_wrap=True)
    if args.report is not None and result.accuracy is not None and args.report.exists():
        report = json.loads(args.report.read_text(encoding="utf-8"))
        report["accuracy"]["board"] = result.accuracy
        with atomic(args.report, "w") as file:
            json.dump(report, file, indent=2)
    if result.differences:
        first = result.differences[0]
        picture.draw(what.samples[first["sample"]], console)
        raise BoardError(
            f"{len(result.differences)} of {count} answers differ; test sample {first['sample']}: {first['message']}"
        )
    accuracy = "" if result.accuracy is None else f"{result.accuracy:.2%} on the chip, "
    status.done(f"{accuracy}{result.samples:,} of {count:,} answers equal to the reference")


def _measure(what: subject.Subject, link: Link, result: Evaluation, save: Callable[[], None]) -> None:
    began = saved = told = time.monotonic()
    for start in range(0, result.requested, BATCH):
        raw = what.samples[start : min(start + BATCH, result.requested)]
        codes = what.codes(raw)
        references, classes = what.reference(raw)
        for offset, (code, reference, class_) in enumerate(zip(codes, references, classes, strict=True)):
            index = start + offset
            answer = _infer(link, code.tobytes(), result)
            message = answers.differs(reference, int(class_), answer)
            label = int(np.asarray(what.labels[index]).reshape(-1)[0]) if result.classes else 0
            result.add(label, answer, None if message is None else {"sample": index, "message": message})
            now = time.monotonic()
            result.seconds = now - began
            result.retries, result.dropped = link.retries, link.dropped
            if now - told > TELL_SECONDS:
                _tell(result)
                told = now
            if now - saved > SAVE_SECONDS:
                save()
                saved = now


def _tell(result: Evaluation) -> None:
    left = result.seconds / result.samples * (result.requested - result.samples)
    right = "" if result.accuracy is None else f"{result.accuracy:.1%} right, "
    status.update(
        f"{result.samples:,} of {result.requested:,}, {right}{_duration(left)} left", result.samples / result.requested
    )


def _infer(link: Link, data: bytes, result: Evaluation) -> Answer:
    """One answer, over a cable that may be pulled and plugged back meanwhile."""
    while True:
        try:
            return link.infer(data)
        except PortLost as lost:
            status.update(f"{lost}; waiting for it")
            link.reconnect(COME_BACK_SECONDS)
            result.reconnections += 1


def _save(path: Path, result: Evaluation, port: str, float_accuracy: float | None) -> None:
    with atomic(path, "w") as file:
        json.dump(result.as_json(port, float_accuracy), file, indent=2)


def _float_accuracy(report: Path | None) -> float | None:
    try:
        value = json.loads(report.read_text(encoding="utf-8"))["accuracy"]["float"] if report is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if value is None else float(value)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
