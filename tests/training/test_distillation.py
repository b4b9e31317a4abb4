"""Distillation: the loss is the formula, the teacher sees what the student sees, and a kill loses nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import Stage, classifier, history, layers, plan
from tests.training.test_aware import aware_plan
from tests.training.test_training import RUN, read_weights
from toolchain.datasets import base
from toolchain.training import distillation, network, train_stage, trained
from toolchain.training.distillation import TeacherError
from toolchain.training.predict import predict
from toolchain.training.session import Session, start

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def session() -> Session:
    return start()


def student(teacher: dict[str, Any], declared: dict[str, Any] | None = None, **mixture: Any) -> dict[str, Any]:
    """A plan that learns from the plan ``teacher``."""
    declared = declared or plan(classifier(units=3))
    declared["training"]["distillation"] = mixture
    declared["teacher"] = teacher
    return declared


@pytest.fixture
def taught(train: Stage) -> tuple[Path, dict[str, Any]]:
    """A teacher's file and plan: it scales the samples otherwise than the students do."""
    declared = {**plan(classifier(units=24), epochs=8), "input": {"shape": [64], "offset": -20.0, "divide": 100.0}}
    return train(declared, name="teacher.h5"), declared


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 1.0), (4.0, 0.7), (2.0, 0.0)])
def test_the_loss_is_the_formula(
    temperature: float, weight: float, taught: Any, splits: base.Splits, session: Session
) -> None:
    path, declared = taught
    options = {"temperature": temperature, "weight": weight}
    distil = distillation.build(session, student(declared), options, path, 3)
    assert distil is not None
    raw = splits.x["test"].reshape(-1, 64).astype(np.float64)
    scores = np.random.default_rng(3).normal(0, 2, (60, 3))
    own = np.random.default_rng(4).random(60)
    teacher = predict(path, (raw - 20) / 100).astype(np.float64)
    warm, soft = softmax(np.log(teacher) / temperature), softmax(scores / temperature)
    expected = (1 - weight) * own + weight * temperature**2 * (warm * np.log(warm / soft)).sum(axis=1)
    tf = session.tf
    found = distil(*(tf.constant(value, tf.float32) for value in (own, raw, softmax(scores))))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_a_student_of_labels_that_say_nothing_learns_from_its_teacher(
    train: Stage, taught: Any, splits: base.Splits
) -> None:
    path, declared = taught
    shuffled = {**splits.y, "train": np.random.default_rng(1).permutation(splits.y["train"])}
    blind = base.Splits(splits.x, shuffled, splits.classes)
    alone = history(train(plan(epochs=12), blind, "alone.h5"))
    made = history(train(student(declared, plan(epochs=12), temperature=2.0, weight=1.0), blind, teacher=path))
    assert made["test"]["accuracy"] > 0.9 > alone["test"]["accuracy"] + 0.1


def test_the_teacher_sees_the_images_as_they_were_changed(
    train: Stage, taught: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, declared = taught
    seen: list[Any] = []
    build = distillation.build

    def spying(*given: Any) -> Any:
        distil = build(*given)

        def spy(losses: Any, raw: Any, outputs: Any) -> Any:
            session.tf.py_function(lambda batch: seen.append(batch.numpy()), [raw], [])
            return distil(losses, raw, outputs)

        return spy

    monkeypatch.setattr(distillation, "build", spying)
    augmentation = {"affine": {"shift": 1.5, "rotation": 10.0}}
    train(student(declared, plan(epochs=1, augmentation=augmentation)), teacher=path)
    assert len(seen) == 10 and seen[0].shape == (32, 64)
    assert not np.array_equal(seen[0], np.rint(seen[0])), "images as they lie in the data set, not as they were turned"


def test_with_integers_too_and_the_same_bytes_again(train: Stage, taught: Any) -> None:
    path, declared = taught

    def made(name: str, **mixture: Any) -> bytes:
        quantized = student(declared, aware_plan("convolutions", "int4", epochs=6), **mixture)
        model = train(quantized, name=name, teacher=path)
        assert history(model)["integers"] == {"compared": 60, "equal": 60}
        return model.read_bytes()

    first = made("a.h5")
    assert made("b.h5") == first and made("c.h5", weight=0.1) != first


def test_without_weight_it_is_as_if_there_was_no_teacher(train: Stage, taught: Any) -> None:
    path, declared = taught
    alone = read_weights(train(plan(classifier(units=3)), name="alone.h5"))
    made = read_weights(train(student(declared, weight=0.0), teacher=path))
    for name, weights in alone.items():
        np.testing.assert_allclose(made[name], weights, atol=1e-6)


@pytest.mark.parametrize("told", [4, 7])
def test_killed_and_resumed_gives_the_same_bytes(told: int, taught: Any, tmp_path: Path, splits: base.Splits) -> None:
    path, declared = taught
    base.save(splits, tmp_path / "data.npz")
    for name in ("whole", "killed"):
        (tmp_path / f"{name}.json").write_text(json.dumps(student(declared, plan(epochs=4))))

    def run(name: str, stop: int) -> int:
        command = [sys.executable, "-c", RUN, str(tmp_path / f"{name}.json"), str(tmp_path / "data.npz"), str(stop)]
        return subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, check=False).returncode

    assert run("whole", -1) == 0
    assert run("killed", told) == -signal.SIGKILL
    assert (tmp_path / "killed.checkpoint.npz").exists()
    assert run("killed", -1) == 0
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_another_teachers_checkpoint_is_not_used(train: Stage, taught: Any, tmp_path: Path) -> None:
    path, declared = taught
    args = [train_stage._key(start(), declared, a) for a in (_arguments(tmp_path, path), _arguments(tmp_path, None))]
    assert args[0] != args[1]


def _arguments(folder: Path, teacher: Path | None) -> Any:
    from tests.training.conftest import arguments

    return arguments(folder / "plan.json", folder / "data.npz", folder / "model.h5", teacher)


def test_the_training_is_named_by_its_teacher_too(taught: Any) -> None:
    _path, declared = taught
    other = {**declared, "training": {**declared["training"], "seed": 7}}
    digests = [trained.plan_digest(made) for made in (plan(classifier(units=3)), student(declared), student(other))]
    assert len(set(digests)) == 3


def saved(session: Session, path: Path, declared: list[dict[str, Any]], shape: tuple[int, ...] = (64,)) -> Path:
    path.write_bytes(network.h5_bytes(network.build(shape, declared, session, 1)))
    return path


def test_files_that_cannot_teach_this_student(session: Session, tmp_path: Path) -> None:
    given = {"shape": [64], "offset": 0.0, "divide": 1.0}
    torn = tmp_path / "torn.h5"
    torn.write_bytes(b"no HDF5")
    relu = layers(("dense", {"units": 3}), ("activation", {"function": "relu"}))
    for path, said in (
        (torn, "Keras cannot read the teacher"),
        (saved(session, tmp_path / "wide.h5", classifier(), (80,)), "takes samples of 80, not of 64"),
        (saved(session, tmp_path / "five.h5", classifier(classes=5)), "has 5 outputs, and this network 3"),
        (saved(session, tmp_path / "relu.h5", relu), "ends with relu, which gives no scores"),
    ):
        with pytest.raises(TeacherError, match=said):
            distillation.Teacher(session, path, given, 3)


def test_scores_teach_as_their_softmax_does(session: Session, tmp_path: Path, splits: base.Splits) -> None:
    given = {"shape": [64], "offset": 0.0, "divide": 255.0}
    raw = session.tf.constant(splits.x["test"].reshape(-1, 64).astype(np.float32))
    shares, scores = (
        distillation.Teacher(session, saved(session, tmp_path / f"{len(declared)}.h5", declared), given, 3).scores(raw)
        for declared in (classifier(), classifier()[:3])
    )
    softmax_of = session.tf.nn.softmax
    np.testing.assert_allclose(softmax_of(shares).numpy(), softmax_of(scores).numpy(), atol=1e-5)
