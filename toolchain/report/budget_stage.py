"""Stage ``budget``: report.json from what the other stages measured, and the image if it fits.

report.json is written always. firmware.hex, the only file that a programmer takes, is written only if all budgets hold:
program memory, data memory and, where the manifest grants one, the time of the longest inference. An older one is
removed otherwise, and the stage fails with the line of the manifest that grants too little. The points of a study have
a report and no image: nothing fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from io import StringIO
from pathlib import Path
from typing import Any

from intelhex import IntelHex

from toolchain.errors import BudgetError, GoldcrestError
from toolchain.files import atomic
from toolchain.manifest import Diagnostic, InvalidManifest, load, place
from toolchain.memory import budgets, suggestions
from toolchain.memory.elf import Image
from toolchain.report import bars, status
from toolchain.stages import add_files, read_json, write_json

SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inputs = ("memory", "latency", "accuracy", "ranges", "elf")
    add_files(parser, *inputs, plan="plan/memory.json: the budgets, in bytes and microseconds", output="report.json")
    parser.add_argument("--hex", type=Path, help="the image, written only if it fits; without it only a report is made")
    parser.add_argument("--manifest", type=Path, help="the manifest, for the line in an error and what would fit")
    parser.add_argument("--evaluation", type=Path, help="evaluation.json, if the model was evaluated on a board")


def run(args: argparse.Namespace) -> None:
    granted, memory, latency, accuracy, ranges = (
        read_json(path) for path in (args.plan, args.memory, args.latency, args.accuracy, args.ranges)
    )
    image = Image(args.elf)
    content = flash_of(image)
    report = make(args.output.parent.name, granted, memory, latency, accuracy, ranges)
    report["accuracy"]["board"] = board_accuracy(args.evaluation, content)
    exceeded = budgets.exceeded(report)
    if exceeded and args.hex:
        args.hex.unlink(missing_ok=True)  # first of all: what does not fit cannot be flashed
    write_json(args.output, report)
    if args.hex is None:
        status.done(bars.summary(report))
        return
    bars.show(report)
    if exceeded:
        raise overflow(report, memory, exceeded, args.manifest)
    with atomic(args.hex, "w") as file:
        file.write(hex_text(content))


def make(
    model: str,
    granted: dict[str, int],
    memory: dict[str, Any],
    latency: dict[str, Any],
    accuracy: dict[str, Any],
    ranges: dict[str, Any],
) -> dict[str, Any]:
    """report.json, version 1: the fields are a contract, tools and tests read them."""
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "model": model,
        "mcu": memory["mcu"],
        "clock_hz": latency["clock_hz"],
        "compiler": memory["compiler"],
    }
    for name, parts in (
        ("program", ("weights", "kernels", "application")),
        ("data", ("static", "activations", "stack")),
    ):
        section = memory[name]
        report[name] = {"used": section["used"], "budget": granted[name], **{part: section[part] for part in parts}}
    report["latency"] = {key: latency[key] for key in ("cycles", "cycles_mean", "cycles_max", "ms", "layers")}
    if "time" in granted:
        report["latency"]["budget_ms"] = granted["time"] / 1000
    report["accuracy"] = {
        "float": accuracy["float"],
        "quantized": accuracy["quantized"],
        "board": None,
        "samples": accuracy["samples"],
    }
    if accuracy.get("error"):  # a regression has no share of right answers
        report["accuracy"]["error"] = accuracy["error"]
    fields = ("name", "kind", "shape", "minimum", "maximum", "saturated", "weight_bits", "weight_bytes", "nonzero")
    report["layers"] = [{key: layer[key] for key in fields} for layer in ranges["layers"]]
    return report


def flash_of(image: Image) -> IntelHex:
    """What goes into program memory."""
    content = IntelHex()
    content.padding = 0xFF
    for load_address, _data, part in image.segments:
        content.frombytes(part, offset=load_address)
    return content


def hex_text(content: IntelHex) -> str:
    """Flash as Intel HEX, rows of 16 bytes; the same image always gives the same text."""
    text = StringIO()
    content.write_hex_file(text)
    return text.getvalue()


def board_accuracy(evaluation: Path | None, content: IntelHex) -> float | None:
    """The accuracy that a board reached with exactly this image, if there is one."""
    if evaluation is None or not evaluation.exists():
        return None
    try:
        found = json.loads(evaluation.read_text(encoding="utf-8"))
        if found["image_sha256"] == hashlib.sha256(bytes(content.tobinarray(start=0))).hexdigest():
            accuracy = found["accuracy"]["board"]
            return None if accuracy is None else float(accuracy)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # an evaluation of another version says nothing about this image
    return None


def overflow(
    report: dict[str, Any], memory: dict[str, Any], exceeded: list[str], manifest: Path | None
) -> GoldcrestError:
    """The error for budgets that do not hold, at the line of the manifest that grants them."""
    used = budgets.used(report)
    explained = [
        (name, budgets.message(name, *used[name]), _notes(name, report, memory, manifest)) for name in exceeded
    ]
    if manifest is None:
        return BudgetError(
            "\n".join("\n".join([message, *(f"  {note}" for note in notes)]) for _, message, notes in explained)
        )
    found = []
    for name, message, notes in explained:
        key_path = budgets.PLACES[name]
        found.append(Diagnostic(message, place(manifest, key_path), notes, key_path))
    return InvalidManifest(found[0].file, found)


def _notes(name: str, report: dict[str, Any], memory: dict[str, Any], manifest: Path | None) -> tuple[str, ...]:
    if name == "time":
        # The longest inference is known as a whole; what its layers take is measured on one sample.
        layers = [(layer["name"], layer["cycles"]) for layer in report["latency"]["layers"]]
        first = f"slowest on the first test sample: {budgets.slowest(layers)}"
    else:
        first = f"largest: {budgets.listed(_parts(name, report[name], memory))}"
    if manifest is None:
        return (first,)
    return first, f"fits: {suggestions.fits(load(manifest), name, budgets.used(report)[name][0])}"


def _parts(name: str, section: dict[str, int], memory: dict[str, Any]) -> list[tuple[str, int]]:
    """What takes a memory, with its bytes."""
    if name == "program":
        parts = [(f"{layer['name']} weights", layer["bytes"]) for layer in memory["weights"]]
        own = memory.get("code", [])
        parts += [(f"{layer['name']} code", layer["bytes"]) for layer in own]
        shared = section["kernels"] - sum(layer["bytes"] for layer in own)
        return [*parts, ("kernels", shared), ("application", section["application"])]
    return [(part, section[part]) for part in ("activations", "stack", "static")]
