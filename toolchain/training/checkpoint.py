"""What a killed training goes on from: its state after each epoch, in one file beside the model.

A resumed training ends in the same bytes as one that was never interrupted: the order of samples, augmentation and
learning rates are functions of seed and step, and everything else (weights, normalization statistics, dropout's
counters, the optimizer's moments, the best weights so far) is stored. ``key`` says which training the state belongs to.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.files import atomic
from toolchain.training.loop import Score
from toolchain.training.trainer import Outcome, Progress, Weights


class Checkpoint:
    """The checkpoint file of one output. ``key`` is a digest of everything the trained bytes depend on."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self._key = key
        self._state = self._read()

    @property
    def finished(self) -> int:
        """How many tries are behind this state."""
        return len(self.summaries)

    @property
    def summaries(self) -> list[dict[str, Any]]:
        """Seed and scores of the finished tries."""
        return list(self._meta["summaries"]) if self._state else []

    @property
    def best_try(self) -> Outcome | None:
        """The best of the finished tries."""
        if not self._state or self._meta["best_try"] is None:
            return None
        stored = self._meta["best_try"]
        validation = Score(**stored["validation"]) if stored["validation"] else None
        return Outcome(
            stored["seed"],
            self._arrays("best_try"),
            stored["history"],
            stored["kept_epoch"],
            validation,
            Score(**stored["test"]),
            stored["zeros"],
        )

    @property
    def unfinished(self) -> bool:
        """Whether a try was under way."""
        return bool(self._state) and self._meta["progress"] is not None

    def restore(self, variables: Sequence[Any]) -> Progress:
        """Puts the variables of the try under way back and returns where it stood."""
        for variable, value in zip(variables, self._arrays("variable"), strict=True):
            variable.assign(value)
        stored = dict(self._meta["progress"])
        best = self._arrays("best") if stored.pop("has_best") else None
        return Progress(best=best, **stored)

    def save(
        self,
        summaries: list[dict[str, Any]],
        best_try: Outcome | None,
        under_way: tuple[Sequence[Any], Progress] | None = None,
    ) -> None:
        """Replaces the file by the state after an epoch (``under_way``: variables and progress) or after a try."""
        meta: dict[str, Any] = {"key": self._key, "summaries": summaries, "best_try": None, "progress": None}
        arrays: dict[str, Any] = {}
        if best_try is not None:
            meta["best_try"] = {
                "seed": best_try.seed,
                "history": best_try.history,
                "kept_epoch": best_try.kept_epoch,
                "validation": best_try.validation and vars(best_try.validation),
                "test": vars(best_try.test),
                "zeros": best_try.zeros,
            }
            arrays |= _named("best_try", best_try.weights)
        if under_way is not None:
            variables, progress = under_way
            meta["progress"] = {
                "epoch": progress.epoch,
                "history": progress.history,
                "best_epoch": progress.best_epoch,
                "best_value": progress.best_value,
                "stopped": progress.stopped,
                "has_best": progress.best is not None,
            }
            arrays |= _named("variable", [variable.numpy() for variable in variables])
            arrays |= _named("best", progress.best or [])
        with atomic(self.path) as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **arrays)

    def remove(self) -> None:
        """Takes the file away: the training is done."""
        self.path.unlink(missing_ok=True)

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta: Mapping[str, Any] = self._state["meta"]
        return meta

    def _arrays(self, name: str) -> Weights:
        count = sum(key.rpartition(".")[0] == name for key in self._state)
        return [self._state[f"{name}.{index}"] for index in range(count)]

    def _read(self) -> dict[str, Any]:
        """The stored state, or nothing if there is none, it is torn, or it is another training's."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                state: dict[str, Any] = {name: archive[name] for name in archive.files}
            state["meta"] = json.loads(str(state["meta"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}
        return state if state["meta"].get("key") == self._key else {}


def _named(name: str, arrays: Weights) -> dict[str, np.ndarray]:
    return {f"{name}.{index}": np.asarray(array) for index, array in enumerate(arrays)}
