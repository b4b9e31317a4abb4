"""What the sections of a manifest have to say to each other. One function a rule; each reports at the line at fault.

A check sees what could be read: ``draft.get`` gives None for what is missing or wrong (and reported already), and the
check then says nothing. ``CHECKS`` is the list of them, in no particular order: diagnostics are sorted by line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from toolchain.board.chips import CHIPS
from toolchain.datasets import registry as datasets
from toolchain.datasets.base import DatasetOptionError, Description, goes_with, shape_text
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import MOST_CLASSES
from toolchain.manifest import compression, firmware, network, trained_network
from toolchain.manifest.diagnostics import KeyPath
from toolchain.manifest.draft import Draft
from toolchain.manifest.losses import LOSSES
from toolchain.manifest.schema import MODEL_NAME
from toolchain.manifest.units import CLOCK, SIZE, show
from toolchain.memory import stream


def model_name(draft: Draft) -> None:
    """The model is called as its file: nobody has to look for it."""
    name, stem = draft.get("model"), draft.path.name.removesuffix(".yaml")
    if name is not None and name != stem:
        remedy = f"write `model: {stem}`" if re.match(MODEL_NAME, stem) else f"rename the file: {name}.yaml"
        draft.report(("model",), f"the model `{name}` stands in a file called `{stem}`", remedy)


def dataset_options(draft: Draft) -> None:
    """What the data set itself objects to: more samples than it has, a step that does not go with its shape."""
    _describe(draft, report=True)


def dataset_files(draft: Draft) -> None:
    """The user's own files must be there: without them nothing can be trained."""
    options = draft.get("dataset")
    if _describe(draft) is None:
        return
    for path in datasets.sources(options):
        for key, value in options.items():
            if not isinstance(value, str) or Path(value).expanduser() != path:
                continue
            wanted, other = ("folder", "file") if key == "folder" else ("file", "folder")
            if not path.exists():
                note = "the path is relative to the folder that holds the build"
                draft.report(("dataset", key), f"there is no {wanted} `{value}`", note)
            elif path.is_dir() != (wanted == "folder"):
                draft.report(("dataset", key), f"`{value}` is a {other}, and a {wanted} was expected")


def input_shape(draft: Draft) -> None:
    """A sample of the data set must be readable as the network's input."""
    description, shape = _describe(draft), draft.get("input", "shape")
    if description is None or description.shape is None or not shape or goes_with(description.shape, tuple(shape)):
        return
    count = math.prod(description.shape)
    draft.report(
        ("input", "shape"),
        f"the input is {_shape(shape)}, and a sample of {draft.get('dataset', 'name')} is {_shape(description.shape)}",
        f"expected `shape: [{count}]`" + (f" or `{[*description.shape, 1]}`" if len(description.shape) == 2 else ""),
    )


def scaling(draft: Draft) -> None:
    """Lists of offsets and divisors have one entry a feature."""
    shape = draft.get("input", "shape")
    for key in ("offset", "divide"):
        values = draft.get("input", key)
        if shape and isinstance(values, list) and len(values) != shape[-1]:
            what = "features" if len(shape) == 1 else "channels"
            draft.report(
                ("input", key),
                f"`{key}` has {len(values)} entries, and the input has {shape[-1]} {what}",
                "one each, or one number",
            )


def calibration(draft: Draft) -> None:
    """Calibration takes training samples, so it cannot take more than there are."""
    description, samples = _describe(draft), draft.get("quantization", "calibration")
    samples = samples.get("samples") if isinstance(samples, dict) else samples
    if description is None or not description.sizes or samples is None or samples <= description.sizes["train"]:
        return
    if not _written(draft, "quantization", "calibration"):
        return  # the default means: as many as there are, up to that
    have = description.sizes["train"]
    message = f"calibration on {samples:,} samples, and there are {have:,} training samples"
    draft.report(("quantization", "calibration"), message, f"write at most {have}")


def softmax_place(draft: Draft) -> None:
    """softmax turns scores into shares of one: only the last layer's output is such."""
    for layer in draft.layers[:-1]:
        if layer.options.get("function") == "softmax":
            message = "softmax can only be the last layer"
            draft.report_layer(layer, message, "between layers use relu, tanh or sigmoid", option="function")


def output_function(draft: Draft) -> None:
    """The loss must be able to read what the last layer puts out."""
    loss, function = draft.get("training", "loss"), _last_function(draft)
    if loss is None or function is None or LOSSES[loss].goes_with(function):
        return
    given = "a linear output" if function == "linear" else f"a {function} output"
    others = " or ".join([name for name in LOSSES if LOSSES[name].goes_with(function)][:2])
    end = f"end the network with `- activation: {LOSSES[loss].only[0]}`, or choose" if LOSSES[loss].only else "choose"
    draft.report(("training", "loss"), f"{loss} does not go with {given}", f"{end} {others}")


def output_width(draft: Draft) -> None:
    """One output a class (a single one will do for two), or what the data set's values ask for."""
    description, loss = _describe(draft), draft.get("training", "loss")
    if draft.output is None or not draft.layers:
        return
    last = draft.layers[-1]
    if len(draft.output) != 1:
        draft.report_layer(
            last, f"the network puts out {shape_text(draft.output)} values", "put `- flatten` and a `dense` layer last"
        )
        return
    (width,) = draft.output
    function = _last_function(draft)
    if function == "softmax" and width == 1:
        draft.report_layer(
            last, "softmax over one output is always 1", "use `sigmoid`, or one output a class", option="function"
        )
        return
    classes = description.classes if description else None
    targets = draft.get("dataset", "targets")
    one_will_do = classes == 2 and loss != "sparse_categorical_crossentropy"
    told_apart = classes if classes is not None else width if loss and LOSSES[loss].indices else 0
    gives = f"and the network {_count(width, 'output')}"
    if isinstance(targets, list) and width != len(targets):
        message = f"{draft.get('dataset', 'name')} has {_count(len(targets), 'target')}, {gives}"
        note = "one output a target"
    elif told_apart > MOST_CLASSES:
        message = f"{_count(told_apart, 'class')}, and the chip names a class with one byte"
        note = f"{MOST_CLASSES} are the most"
    elif classes and width != classes and not (width == 1 and one_will_do):
        message = f"{draft.get('dataset', 'name')} has {_count(classes, 'class')}, {gives}"
        note = f"expected {classes} outputs{', or 1' if one_will_do else ''}"
        if width < classes:
            note += f": a label from {width} on has none"
    else:
        return
    producer = next((layer for layer in reversed(draft.layers) if "units" in layer.options), last)
    draft.report_layer(producer, message, note, option="units")


def labels(draft: Draft) -> None:
    """A loss that compares with class numbers needs a data set that has them."""
    description, loss = _describe(draft), draft.get("training", "loss")
    if description is None or description.classes is None or loss is None:
        return
    name = draft.get("dataset", "name")
    if LOSSES[loss].indices and not description.classes:
        draft.report(
            ("training", "loss"), f"{loss} needs class numbers, and {name} has values", "use mean_squared_error"
        )


def smoothing(draft: Draft) -> None:
    """Label smoothing spreads probability; only cross-entropies compare probabilities."""
    loss, share = draft.get("training", "loss"), draft.get("training", "label_smoothing")
    if share and loss is not None and not loss.endswith("crossentropy"):
        draft.report(
            ("training", "label_smoothing"), f"label_smoothing does not go with {loss}", "it is for cross-entropies"
        )


def schedule(draft: Draft) -> None:
    """A step of the learning rate after the last epoch would never be taken."""
    steps, epochs = draft.get("training", "schedule", "steps", "epochs"), draft.get("training", "epochs")
    for index, epoch in enumerate(steps or ()):
        if epochs is not None and epoch >= epochs:
            here: KeyPath = ("training", "schedule", "steps", "epochs", index)
            draft.report(here, f"a step after epoch {epoch}, and training ends with epoch {epochs}")


def validation(draft: Draft) -> None:
    """Stopping early and choosing among tries are decided on validation samples."""
    description = _describe(draft)
    if description is None or not description.sizes or description.sizes["validation"] > 0:
        return
    wishes = (
        ("early_stopping", draft.get("training", "early_stopping")),
        ("tries", (draft.get("training", "tries") or 1) > 1),
    )
    for key, wanted in wishes:
        if wanted:
            note = "give `dataset.split.validation` some"
            draft.report(("training", key), f"`{key}` needs validation samples, and there are none", note)


def images(draft: Draft) -> None:
    """Only images can be rotated, shifted or sheared."""
    description, wanted = _describe(draft), draft.get("training", "augmentation")
    if wanted and description is not None and description.shape is not None and len(description.shape) < 2:
        name = draft.get("dataset", "name")
        draft.report(
            ("training", "augmentation"),
            f"augmentation is for images, and a sample of {name} is {_shape(description.shape)}",
        )


def budgets(draft: Draft) -> None:
    """A budget of nothing builds nothing, one beyond the chip's memory promises what is not there."""
    mcu = draft.get("target", "mcu")
    available = None
    if mcu and draft.get("target", "memory"):
        with suppress(GoldcrestError):  # no compiler to ask: the stage that needs it will say so
            available = chip_memory(mcu)
    for key in ("program", "data"):
        budget = draft.get("target", "memory", key)
        if budget == 0:
            draft.report(
                ("target", "memory", key),
                f"`{key}`: a budget of 0 bytes",
                "leave the key out for all that the chip has",
            )
        elif budget is not None and available and budget > available[key]:
            message = f"{mcu} has {available[key]:,} bytes of {key} memory, and the budget is {budget:,}"
            draft.report(("target", "memory", key), message, f"expected at most `{show(available[key], SIZE)}`")
    if draft.get("target", "time") == 0:
        draft.report(("target", "time"), "`time`: a budget of 0", "leave the key out for any time")


def streamed(draft: Draft) -> None:
    """Only a dense layer can take the input in pieces."""
    if draft.get("target", "input") != "streamed" or draft.output is None or not draft.layers:
        return
    layer, reason = stream.obstacle(network.plan(draft.layers), draft.get("quantization", "weights") or "int8")
    if reason:
        message = f"{layer['name']} needs the whole input: {reason}"
        draft.report(("target", "input"), message, "write `input: whole`")


def batch(draft: Draft) -> None:
    """A batch larger than the training set is a slip of the pen."""
    description, size = _describe(draft), draft.get("training", "batch")
    if description is not None and description.sizes and size is not None and size > description.sizes["train"]:
        have = description.sizes["train"]
        draft.report(("training", "batch"), f"batches of {size:,}, and there are {have:,} training samples")


def clock(draft: Draft) -> None:
    """The clock must be one that the chip's fuses can choose; the firmware divides it no further."""
    mcu, hertz = draft.get("target", "mcu"), draft.get("target", "clock")
    if hertz == 0:
        draft.report(("target", "clock"), "`clock`: a chip does not run at 0 Hz")
        return
    for fuse in CHIPS[mcu].fuses if mcu and hertz else ():
        if fuse.values and hertz not in fuse.values:
            known = " or ".join(f"`{show(value, CLOCK)}`" for value in sorted(fuse.values))
            draft.report(("target", "clock"), f"the {mcu} does not run at {show(hertz, CLOCK)}", f"expected {known}")


def chip_memory(mcu: str) -> dict[str, int]:
    """The chip's own memory sizes, from the compiler (asked once, see ``toolchain.memory.chip``). Raises ToolError."""
    from toolchain.memory import chip

    facts = chip.facts(mcu)
    return {"program": facts.flash_size, "data": facts.ram_size}


RESHAPING = ("flatten", "reshape", "dropout")  # kinds that leave the values as they are

Check = Callable[[Draft], None]
CHECKS: tuple[Check, ...] = (
    model_name,
    dataset_options,
    dataset_files,
    input_shape,
    scaling,
    calibration,
    batch,
    softmax_place,
    output_function,
    output_width,
    labels,
    smoothing,
    schedule,
    validation,
    images,
    budgets,
    streamed,
    clock,
    *compression.CHECKS,
    *trained_network.CHECKS,
    firmware.files,
)


def run(draft: Draft) -> None:
    """Runs every check on the draft."""
    for check in CHECKS:
        check(draft)


def _describe(draft: Draft, report: bool = False) -> Description | None:
    """What the manifest alone shows of the data set; None if its options are wrong."""
    options = draft.get("dataset")
    if not options or any(problem.key_path[:1] == ("dataset",) for problem in draft.problems):
        return None
    try:
        return datasets.describe(options)
    except DatasetOptionError as error:
        if report:
            here: KeyPath = ("dataset", *error.option)
            draft.report(here, str(error))
        return None


def _last_function(draft: Draft) -> str | None:
    """The activation function that the network ends with ("linear" if none), None if that cannot be known."""
    items = draft.get("network")
    if not items or not draft.layers or draft.layers[-1].index != len(items) - 1:
        return None
    for layer in reversed(draft.layers):
        if layer.kind == "activation":
            return layer.options.get("function")
        if layer.kind not in RESHAPING:
            break
    return "linear"


def _written(draft: Draft, *key_path: str) -> bool:
    """Whether the manifest itself gives the value (else it is a default)."""
    node = draft.top
    for key in key_path:
        if not node.is_mapping or key not in node.value:
            return False
        node = node.value[key]
    return True


def _count(number: int, what: str) -> str:
    plural = "" if number == 1 else "es" if what.endswith("s") else "s"
    return f"{number} {what}{plural}"


def _shape(shape: list[int] | tuple[int, ...]) -> str:
    return shape_text(shape) if len(shape) > 1 else f"{shape[0]} value{'' if shape[0] == 1 else 's'}"
