"""Stage ``memory``: what an image takes of the chip's program and data memory, from its ELF file, into memory.json.

Program memory is .text, .data (its initial values) and .rodata. Data memory is .data, .bss and the worst-case stack.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from toolchain.memory import chip, near_flash, stack
from toolchain.memory.elf import Image
from toolchain.report import status
from toolchain.stages import add_files, read_json, write_json

WEIGHTS_OF = re.compile(r"gc_w_(\d+)_")
CODE_OF = re.compile(r"gc_k_(\d+)_")  # kernels made for one layer: straight-line code
FUNCTION_OF = re.compile(r"gc_layer_(\d+)_(\w+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "elf", plan="plan/compilation.json", output="memory.json")
    parser.add_argument("--usage", type=Path, nargs="*", default=[], help="gcc's -fstack-usage files, to compare with")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    report = measure(args.elf, plan["mcu"], args.usage)
    write_json(args.output, report)
    status.done(f"program {report['program']['used']:,} B, data {report['data']['used']:,} B")


def measure(elf: Path, mcu: str, usage: list[Path] | tuple[Path, ...] = ()) -> dict[str, Any]:
    """The content of memory.json; all sizes in bytes.

    Raises StackError if the stack has no bound, GoldcrestError if the chip cannot read all constants.
    """
    image, facts = Image(elf), chip.facts(mcu)
    near_flash.check(image, facts)
    depth = stack.bound(image, facts)
    stack.cross_check(depth, usage)
    program = image.program
    return {
        "schema": 1,
        "mcu": mcu,
        "compiler": image.compiler,
        "program": {
            "used": program.used,
            "weights": program.weights,
            "kernels": program.kernels,
            "application": program.application,
        },
        "data": {
            "used": image.ram + depth.total,
            "static": image.ram - image.activations,
            "activations": image.activations,
            "stack": depth.total,
        },
        "stack": {
            "main": depth.main,
            "main_path": list(depth.path),
            "interrupts": depth.interrupts,
            "interrupts_path": list(depth.interrupt_path),
        },
        "weights": by_layer(image, WEIGHTS_OF),
        "code": by_layer(image, CODE_OF),
        "largest": [{"name": symbol.name, "bytes": symbol.size} for symbol in image.largest(20)],
    }


def layer_names(image: Image) -> dict[int, str]:
    """The layers' names by their numbers; layers that are alike to the byte share one function under several names."""
    return {int(found[1]): found[2] for name in image.addresses if (found := FUNCTION_OF.match(name.split(".")[0]))}


def by_layer(image: Image, pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    """Bytes of each layer's own constants or code, in the network's order; only layers that have any."""
    names = layer_names(image)
    sizes: dict[int, int] = {}
    for symbol in image.symbols:
        found = pattern.match(symbol.name)
        if found:
            sizes[int(found[1])] = sizes.get(int(found[1]), 0) + symbol.size
    return [{"name": names.get(index, f"layer {index}"), "bytes": size} for index, size in sorted(sizes.items())]
