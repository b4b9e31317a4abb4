"""Stage `train`: from the plan's network and a data set to a Keras .h5, and beside it the history of its training.

The .h5 holds the network after the scaling: its input is the scaled sample. Same plan, same data, same versions: the
same bytes. A training that takes long leaves a checkpoint after each epoch, from which the next run goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolchain import blank
from toolchain.datasets import base
from toolchain.errors import DataError
from toolchain.files import together
from toolchain.report import status
from toolchain.stages import add_files, read_json
from toolchain.training import trained

if TYPE_CHECKING:
    from toolchain.training.session import Session
    from toolchain.training.trainer import Outcome, Trainer

PROGRAM = ("datasets", "ir", "layers", "passes", "quantization", "training")  # packages that have a say in the bytes
CHECKPOINT_AFTER_SECONDS = 15.0  # shorter trainings are sooner repeated than stored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = "the plan's `training` section, as JSON"
    add_files(parser, "dataset", plan=plan, output="the .h5 to write; its history goes beside it")
    parser.add_argument("--teacher", type=Path, help="the teacher's model file, if the plan has a teacher")
    parser.add_argument(
        "--study", action="store_true", help="for a study: if the training diverges, the model is blank, and says why"
    )
    parser.add_argument("--manifest", type=Path, help="the manifest, for the line in an error")


def warm_up() -> None:
    """Imports what trainings need, for a process that will be forked for each of them. Raises ToolError."""
    from toolchain.training import checkpoint, network, session, trainer  # noqa: F401

    session.load()


def checkpoint_path(output: Path) -> Path:
    """Where a long training keeps its state until it is done."""
    return output.with_suffix(".checkpoint.npz")


def run(args: argparse.Namespace) -> None:
    plan = read_json(args.plan)
    splits = base.read(args.dataset)
    check(plan, splits, str(args.dataset))
    training = trained.digest(plan, args.dataset)
    if _taken(plan, training, args.output):
        return
    status.update("starting TensorFlow")
    from toolchain.training import network
    from toolchain.training.loop import DivergedError
    from toolchain.training.session import start, versions
    from toolchain.training.trainer import Trainer

    session = start()
    trainer = Trainer(session, plan, splits, args.teacher)
    try:
        best, summaries = _train(trainer, args)
    except DivergedError as error:
        if not args.study:
            raise
        blank.write((trained.history_path(args.output), args.output), f"diverged: {error.reason}")
        checkpoint_path(args.output).unlink(missing_ok=True)
        status.done(f"diverged: {error.reason}")
        return
    model = trainer.model(best.seed)
    model.set_weights(best.weights)
    content = trained.marked(model.h5_bytes() if plan.get("quantization") else network.h5_bytes(model), training)
    history = {
        "schema": 1,
        "seed": best.seed,
        "epochs": best.history,
        "kept_epoch": best.kept_epoch,
        "validation": best.validation and {**asdict(best.validation), "samples": len(splits.x["validation"])},
        "test": {**asdict(best.test), "samples": len(splits.x["test"])},
        "tries": summaries,
        "zeros": best.zeros,
        **_proof(plan, content, model, splits),
        "versions": versions(session),
    }
    with together(args.output, trained.history_path(args.output)) as (h5, companion):
        h5.write_bytes(content)
        companion.write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    checkpoint_path(args.output).unlink(missing_ok=True)
    status.done(_summary(plan["training"]["epochs"], best, summaries))


def _taken(plan: Mapping[str, Any], training: str, output: Path) -> bool:
    """Takes the file that training.trained names, if it is this training's result."""
    found = [Path(each) for each in trained.files(plan["training"].get("trained"))]
    if not found:
        return False
    if trained.training_of(found[0]) != training:
        status.update(f"{found[0]} is another training's result: training anew")
        return False
    with together(output, trained.history_path(output)) as copies:
        for copy, kept in zip(copies, found, strict=True):
            copy.write_bytes(kept.read_bytes())
    status.done(f"taken from {found[0]}")
    return True


def check(plan: Mapping[str, Any], splits: base.Splits, origin: str) -> None:
    """Raises DataError if the data does not go with the declared input, network or loss."""
    from toolchain.layers.registry import kinds
    from toolchain.training import targets

    wanted = tuple(plan["input"]["shape"])
    shape = splits.x["train"].shape[1:]
    if not base.goes_with(shape, wanted):
        raise DataError(
            f"{origin} has samples of {base.shape_text(shape)}, and the network takes {base.shape_text(wanted)}; "
            "set input.shape, or the data set's preprocess, so that they agree"
        )
    shapes = {"input": wanted}
    name = "input"
    for layer in plan["network"]:
        name = layer["name"]
        shapes[name] = kinds()[layer["kind"]].output_shape(layer, [shapes[source] for source in layer["inputs"]])
    if plan.get("quantization"):
        _check_bytes(plan["input"], splits, origin)
    outputs = 1
    for axis in shapes[name]:
        outputs *= axis
    targets.check(splits, outputs, plan["training"]["loss"], origin)


def _check_bytes(given: Mapping[str, Any], splits: base.Splits, origin: str) -> None:
    """Raises DataError for samples that do not reach the chip as they are."""
    if splits.x["train"].dtype != "uint8" or isinstance(given["offset"], list) or isinstance(given["divide"], list):
        raise DataError(
            f"{origin}: quantization.training `aware` learns with the bytes that the chip takes, "
            "whole numbers from 0 to 255 with one offset and one divisor for all; write `training: after`"
        )


def _proof(plan: Mapping[str, Any], content: bytes, model: Any, splits: base.Splits) -> dict[str, Any]:
    """What the history says of a network that trained with its integers: that they are the chip's on all test samples.

    Raises GoldcrestError if a single output differs.
    """
    if not plan.get("quantization"):
        return {}
    from toolchain.training.aware_check import compare

    status.update("comparing with the integer network")
    return {"integers": compare(plan, content, model, splits)}


def _train(trainer: Trainer, args: argparse.Namespace) -> tuple[Outcome, list[dict[str, Any]]]:
    """All tries, going on from a checkpoint if there is one; the best outcome and a summary of each."""
    from toolchain.training.checkpoint import Checkpoint
    from toolchain.training.trainer import better

    plan = trainer.plan
    state = Checkpoint(checkpoint_path(args.output), _key(trainer.session, plan, args))
    summaries, best = state.summaries, state.best_try
    first, tries = plan["training"]["seed"], trainer.training["tries"]
    began = time.monotonic()
    if state.unfinished or summaries:
        status.update("going on from the checkpoint of an interrupted training")

    def long() -> bool:
        return bool(summaries) or state.unfinished or time.monotonic() - began > CHECKPOINT_AFTER_SECONDS

    for attempt in range(len(summaries), tries):

        def report(text: str, fraction: float, attempt: int = attempt) -> None:
            which = f"try {attempt + 1}/{tries}  " if tries > 1 else ""
            status.update(which + text, (attempt + fraction) / tries)

        def keep(variables: Any, progress: Any, best: Outcome | None = best) -> None:
            if long():
                state.save(summaries, best, (variables, progress))

        resume = state.restore if state.unfinished and attempt == state.finished else None
        outcome = trainer.run(first + attempt, report, keep, resume)
        if best is None or better(outcome, best):
            best = outcome
        if tries > 1:
            summaries.append(_try(outcome))
            if attempt + 1 < tries and long():
                state.save(summaries, best)
    assert best is not None
    return best, summaries


def _try(outcome: Outcome) -> dict[str, Any]:
    assert outcome.validation is not None
    validation = {f"validation_{key}": value for key, value in asdict(outcome.validation).items()}
    return {"seed": outcome.seed, **validation}


def _key(session: Session, plan: Mapping[str, Any], args: argparse.Namespace) -> str:
    """A digest of what the trained bytes depend on: plan, data, teacher, versions and the code that trains."""
    from toolchain.training.session import versions

    digest = hashlib.sha256(json.dumps([plan, versions(session)], sort_keys=True).encode())
    package = Path(__file__).parents[1]
    code = (path for folder in PROGRAM for path in package.glob(f"{folder}/*.py"))
    for path in (args.dataset, *([args.teacher] if args.teacher else ()), *sorted(code)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _summary(epochs: int, best: Outcome, summaries: list[dict[str, Any]]) -> str:
    text = f"epoch {best.kept_epoch}/{epochs}"
    if best.test.accuracy is None:
        return f"{text}  loss {best.test.loss:.4g}"
    text += f"  accuracy {100 * best.test.accuracy:.1f} %"
    if len(summaries) > 1:
        values = [100 * entry["validation_accuracy"] for entry in summaries]
        spread = f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} %"
        text += f"  seed {best.seed}, best of {len(values)} (validation {spread})"
    return text
