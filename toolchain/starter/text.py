"""The text of a starter manifest: what was found, with a comment on each guess."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from toolchain.layers.base import Shape
from toolchain.manifest import scalars
from toolchain.starter.findings import Findings, Scaling, plain

WIDTH = 100
WEIGHTS_SHARE = 20_000  # bytes of flash that the first layer's weights may take to begin with
WIDTHS = (32, 16, 8, 4)
SMALL_TABLE = 50  # features: fewer need no 32 units
STEPS = 3000  # changes of the weights that a small network takes to learn a small table
BATCH = 32


def manifest(name: str, asked: str, found: Findings) -> str:
    """The whole file. ``asked`` is the command that it answers."""
    blocks = [
        f"# yaml-language-server: $schema=schema.json\n"
        f"# Begun by `{asked}`.\n"
        f"# What it says was guessed from the file; all of it may be changed.\n"
        f"model: {word(name)}\n"
        f"description: {word(description(found))}\n",
        dataset(found),
        scaling(found.features, found.scaling),
        network(found),
        training(found),
        "# power_of_two is the fastest; `scheme: affine` keeps more accuracy where values of one layer differ much.\n"
        "quantization: {scheme: power_of_two, weights: int8}\n",
        "# The chip, and what the image may take of its memory: a build beyond it fails.\n"
        "target:\n"
        "  mcu: atmega4809\n"
        "  clock: 20 MHz\n"
        "  memory: {program: 48 KiB, data: 6 KiB}\n",
    ]
    return "\n".join(blocks)


def hidden(found: Findings) -> int:
    """How many units the hidden layer begins with."""
    most = 32 if found.features >= SMALL_TABLE else 16
    return next((width for width in WIDTHS if width <= most and width * found.features <= WEIGHTS_SHARE), WIDTHS[-1])


def description(found: Findings) -> str:
    """One line on what the model is."""
    what = found.dataset.get("label") or ", ".join(map(str, found.dataset.get("targets", []))) or "classes"
    if not found.splits.classes and found.dataset["name"] == "npz":
        what = "values"
    return f"{what} of {found.dataset['file']} from {found.features} inputs"


def dataset(found: Findings) -> str:
    options = found.dataset
    lines = ["dataset:"]
    lines += [f"  {key}: {word(options[key])}" for key in ("name", "file", "label") if key in options]
    if "classes" in options:
        lines += flow("  classes: ", map(word, options["classes"]))
        lines[-1] += "    # in the order of the network's outputs"
    for key in ("targets", "features"):
        if key in options:
            lines += flow(f"  {key}: ", map(word, options[key]))
    if "split" in options:
        parts = ", ".join(f"{part}: {count}" for part, count in options["split"].items())
        lines.append(f"  split: {{{parts}}}    # after a shuffle; accuracy is measured on test")
    return "\n".join(lines) + "\n"


def scaling(features: int, found: Scaling) -> str:
    if isinstance(found.offset, Sequence) and isinstance(found.divide, Sequence):
        head = "# x' = (x + offset) / divide, one entry a feature: its mean becomes 0, its standard deviation 1.\n"
        lines = ["input:", f"  shape: [{features}]"]
        lines += flow("  offset: ", map(plain, found.offset)) + flow("  divide: ", map(plain, found.divide))
        return head + "\n".join(lines) + "\n"
    head = "# x' = (x + offset) / divide; with one number for all, bytes reach the chip as they are.\n"
    assert not isinstance(found.offset, Sequence)
    assert not isinstance(found.divide, Sequence)
    return head + f"input: {{shape: [{features}], offset: {plain(found.offset)}, divide: {plain(found.divide)}}}\n"


def network(found: Findings) -> str:
    end = ["  - activation: softmax"] if found.splits.classes else []
    meaning = "a class" if found.splits.classes else "a target"
    return "\n".join(
        [
            "# More units are more accurate, up to a point, and take more flash; `units: fit` takes all that there is.",
            *image_note(found.shape),
            "network:",
            f"  - dense: {{units: {hidden(found)}}}",
            "  - activation: relu",
            f"  - dense: {{units: {found.outputs}}}    # one {meaning}",
            *end,
            "",
        ]
    )


def image_note(shape: Shape) -> list[str]:
    """A hint for samples that are images or series: here their values are read one row after the other."""
    if len(shape) < 2:
        return []
    image = [*shape, 1] if len(shape) == 2 else list(shape)
    notes = [f"# For an image write `shape: {image}` above, and layers such as `convolution` and `max_pooling`"]
    if len(shape) == 2:
        steps = f"{shape[0]} steps of {shape[1]} values"
        notes += [f"# for {steps} `shape: {list(shape)}`, and layers such as `convolution_1d`, `max_pooling_1d`, `gru`"]
    return [*(f"{note};" for note in notes[:-1]), f"{notes[-1]}."]


def training(found: Findings) -> str:
    samples = len(found.splits.y["train"])
    loss = "sparse_categorical_crossentropy" if found.splits.classes else "mean_squared_error"
    return (
        "training:\n"
        "  optimizer: {adam: {learning_rate: 0.003}}\n"
        f"  loss: {loss}\n"
        f"  epochs: {epochs(samples)}\n"
        f"  batch: {min(BATCH, samples)}\n"
        "  seed: 1\n"
    )


def epochs(samples: int) -> int:
    return min(150, max(10, round(STEPS / -(-samples // BATCH))))


def word(value: Any) -> str:
    """A scalar as YAML writes it, in quotes where it needs them."""
    if not isinstance(value, str):
        return str(value)
    plain_words = re.fullmatch(r"[\w/][\w /.()%-]*", value) and value[0] not in "0123456789" and value == value.strip()
    bare = plain_words and isinstance(scalars.resolve(value), str) and value.lower() not in scalars.OLD_TRUTHS
    return value if bare else json.dumps(value, ensure_ascii=False)


def flow(key: str, values: Iterable[str]) -> list[str]:
    """``key: [a, b, …]`` in lines of at most WIDTH columns."""
    text = ", ".join(value.replace(" ", "\0") for value in values)
    lines = textwrap.wrap(
        f"{key}[{text}]",
        WIDTH,
        subsequent_indent=" " * (len(key) + 1),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return [line.replace("\0", " ") for line in lines]
