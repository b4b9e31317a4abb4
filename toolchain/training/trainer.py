"""One training from the first weights to the kept ones, and several of them with the best one kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.datasets.base import PARTS, Splits
from toolchain.errors import GoldcrestError
from toolchain.layers.base import Shape
from toolchain.training import augmentation, distillation, network, pruning
from toolchain.training.loop import Loop, Samples, Score, samples, scaling
from toolchain.training.optimizers import OPTIMIZERS
from toolchain.training.options import EARLY_STOPPING, EXTRA, filled
from toolchain.training.schedule import rates
from toolchain.training.session import Session
from toolchain.training.targets import Objective

Weights = list[np.ndarray]
Report = Callable[[str, float], None]
Measure = Callable[[Samples], Score]


@dataclass
class Progress:
    """Where a training stands between two epochs: what a checkpoint holds beside the variables."""

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: Weights | None = None
    best_epoch: int = 0
    best_value: float = float("inf")
    stopped: bool = False


@dataclass(frozen=True)
class Outcome:
    """A finished training: seed, weights (Keras's order), epochs, scores, each layer's share of zeros."""

    seed: int
    weights: Weights
    history: list[dict[str, Any]]
    kept_epoch: int
    validation: Score | None
    test: Score
    zeros: dict[str, float]


class Trainer:
    """Trains the plan's network on ``splits``.

    ``plan`` is the plan's `training` section, ``teacher`` the model file of the teacher, if the plan has one.
    """

    def __init__(self, session: Session, plan: Mapping[str, Any], splits: Splits, teacher: Path | None = None) -> None:
        self.session = session
        self.plan = plan
        self.training = {**plan["training"], **filled(plan["training"], EXTRA)}
        self.splits = splits
        self.teacher = teacher
        self.shape = tuple(plan["input"]["shape"])
        self._check_validation()

    def _image_shape(self) -> Shape:
        """How a sample is laid out as an image: where the network takes it flat, the data set knows."""
        own = tuple(axis for axis in self.splits.x["train"].shape[1:] if axis != 1)
        return own if len(self.shape) == 1 and len(own) in (2, 3) else self.shape

    def _check_validation(self) -> None:
        if len(self.splits.x["validation"]):
            return
        for key, used in (("early_stopping", self.training["early_stopping"]), ("tries", self.training["tries"] > 1)):
            if used:
                raise GoldcrestError(f"training.{key} decides on validation samples, and dataset.split has none")

    def model(self, seed: int) -> Any:
        """The network with its first weights: a Keras model, or one that trains with its integers."""
        if self.plan.get("quantization"):
            from toolchain.training.aware import AwareNetwork

            return AwareNetwork(self.session, self.plan, seed)
        return network.build(self.shape, self.plan["network"], self.session, seed)

    def run(
        self,
        seed: int,
        report: Report,
        keep: Callable[[Sequence[Any], Progress], None],
        restore: Callable[[Sequence[Any]], Progress] | None = None,
    ) -> Outcome:
        """One training with this seed.

        ``keep(variables, progress)`` is called after each epoch; ``restore(variables)`` brings back what an earlier run
        had kept.
        """
        session, training = self.session, self.training
        model = self.model(seed)
        objective = Objective(
            training["loss"], training["label_smoothing"], int(np.prod(model.output.shape[1:])), self.splits.classes
        )
        data = {
            part: samples(session, self.splits.x[part], self.splits.y[part], self.shape, objective) for part in PARTS
        }
        optimizer, learning_rate = self._optimizer(model)
        epochs, batch = training["epochs"], training["batch"]
        steps = -(-len(data["train"]) // batch)
        pruner = pruning.build(session, model, self.plan["pruning"], epochs * steps)
        loop = Loop(
            session,
            model,
            optimizer,
            objective,
            data["train"],
            batch,
            rates(training, learning_rate, epochs, steps),
            scaling(session, self.plan["input"]["offset"], self.plan["input"]["divide"]),
            augmentation.build(session, training["augmentation"], self._image_shape(), seed),
            pruner.adjust if pruner else None,
            distillation.build(session, self.plan, training["distillation"], self.teacher, objective.outputs),
        )
        score = _scorer(loop, model)
        variables = [*model.variables, *optimizer.variables, *(pruner.variables if pruner else [])]
        progress = Progress() if restore is None else restore(variables)
        while progress.epoch < epochs and not progress.stopped:
            self._epoch(loop, score, data, progress, seed, report)
            self._watch(model, progress, -(-pruner.final_after // steps) if pruner else 1)
            keep(variables, progress)
        if progress.best is not None:
            model.set_weights(progress.best)
        validation = score(data["validation"]) if len(data["validation"]) else None
        kept = progress.best_epoch if progress.best is not None else progress.epoch
        test = score(data["test"])
        zeros = model.zeros() if hasattr(model, "freeze") else pruning.zeros(model)
        return Outcome(seed, model.get_weights(), progress.history, kept, validation, test, zeros)

    def _epoch(
        self, loop: Loop, measure: Measure, data: Mapping[str, Samples], progress: Progress, seed: int, report: Report
    ) -> None:
        """Trains and measures one epoch, and says in ``progress`` what came of it."""
        epochs = self.training["epochs"]
        label = f"epoch {progress.epoch + 1}/{epochs}"
        tail = _percent(progress.history[-1]) if progress.history else ""
        score = Score(0.0, None)
        for news in loop.epoch(progress.epoch, epoch_order(seed, progress.epoch, len(data["train"]))):
            if isinstance(news, Score):
                score = news
            else:
                report(f"{label}{tail}", (progress.epoch + news) / epochs)
        progress.epoch += 1
        entry = {"epoch": progress.epoch, **asdict(score)}
        if len(data["validation"]):
            entry |= {f"validation_{key}": value for key, value in asdict(measure(data["validation"])).items()}
        progress.history.append(entry)
        report(f"{label}{_percent(entry)}", progress.epoch / epochs)

    def _watch(self, model: Any, progress: Progress, first: int) -> None:
        """Early stopping: remembers the best weights, and stops after `patience` epochs without better ones.

        Epochs before ``first`` (from 1) do not count: they end with fewer zeros than pruning is asked for.
        """
        if self.training["early_stopping"] is None or progress.epoch < first:
            return
        options = filled(self.training["early_stopping"], EARLY_STOPPING)
        watched = progress.history[-1][f"validation_{options['monitor']}"]
        if watched is None:
            raise GoldcrestError("training.early_stopping.monitor: accuracy goes with classes; for values take loss")
        value = -watched if options["monitor"] == "accuracy" else watched
        if value < progress.best_value:
            progress.best, progress.best_epoch, progress.best_value = model.get_weights(), progress.epoch, value
        progress.stopped = progress.epoch - progress.best_epoch >= options["patience"]

    def _optimizer(self, model: Any) -> tuple[Any, float]:
        """The Keras optimizer with its variables made, and its learning rate."""
        chosen = self.training["optimizer"]
        name, given = (chosen, {}) if isinstance(chosen, str) else next(iter(chosen.items()))
        described = OPTIMIZERS[name]
        options = filled(given, described.options)
        optimizer = getattr(self.session.keras.optimizers, described.keras)(**options)
        if options.get("weight_decay"):
            vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
            optimizer.exclude_from_weight_decay(var_list=vectors)  # biases and normalization: decay only harms them
        optimizer.build(model.trainable_variables)
        return optimizer, float(options["learning_rate"])


def _scorer(loop: Loop, model: Any) -> Measure:
    """How samples are scored: a network that trains with its integers takes their constants anew before."""
    if not hasattr(model, "freeze"):
        return loop.score

    def score(of: Samples) -> Score:
        model.freeze()
        return loop.score(of)

    return score


def better(candidate: Outcome, than: Outcome) -> bool:
    """Whether a try beats another: by validation accuracy, then by validation loss, never by the test set."""
    assert candidate.validation is not None
    assert than.validation is not None
    return _rank(candidate.validation) < _rank(than.validation)


def _rank(score: Score) -> tuple[float, float]:
    return (-(score.accuracy or 0.0), score.loss)


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the training samples: a function of seed and epoch, so that a resumed training has the same."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _percent(entry: Mapping[str, Any]) -> str:
    accuracy = entry.get("validation_accuracy", entry["accuracy"])
    if accuracy is None:
        return f"  loss {entry.get('validation_loss', entry['loss']):.4g}"
    return f"  accuracy {100 * accuracy:.1f} %"
