"""The `train` stage: the same bytes every time, interrupted or not; what is kept, and what is said."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.training.conftest import Stage, classifier, history, layers, plan
from toolchain.datasets import base
from toolchain.errors import GoldcrestError
from toolchain.report import status
from toolchain.training import train_stage, trainer
from toolchain.training.predict import predict
from toolchain.training.session import start

FULL: dict[str, Any] = {
    "epochs": 4,
    "optimizer": {"adamw": {"learning_rate": 0.01}},
    "schedule": {"cosine": {"final": 0.1}},
    "warm_up": 5,
    "label_smoothing": 0.1,
    "early_stopping": {"patience": 3, "monitor": "accuracy"},
    "augmentation": {
        "affine": {"rotation": 10.0, "scale": 0.1, "shift": 1.0, "shear": 0.1},
        "elastic": {"strength": 0.5, "smoothness": 2.0},
    },
    "tries": 2,
}
RUN = """
import os, pathlib, signal, sys
from tests.training.conftest import arguments
from toolchain.report import status
from toolchain.training import train_stage
train_stage.CHECKPOINT_AFTER_SECONDS = 0.0
told = 0
def update(text, fraction=None, stop=int(sys.argv[3])):
    global told
    told += 1
    if told == stop:
        os.kill(os.getpid(), signal.SIGKILL)
status.update = update
plan, data = map(pathlib.Path, sys.argv[1:3])
teacher = pathlib.Path(sys.argv[4]) if sys.argv[4:] else None
train_stage.run(arguments(plan, data, plan.with_suffix(".h5"), teacher))
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_learns_and_says_how_well(train: Stage, tmp_path: Path) -> None:
    model = train(plan(epochs=8))
    told = history(model)
    assert told["test"]["accuracy"] > 0.9
    assert told["test"]["samples"] == 60
    assert [entry["epoch"] for entry in told["epochs"]] == list(range(1, 9))
    assert told["epochs"][-1]["loss"] < told["epochs"][0]["loss"]
    assert set(told["versions"]) == {"tensorflow", "keras", "numpy", "python"}
    assert names(tmp_path) == ["data.npz", "model.h5", "model.history.json", "plan.json"]


def test_the_loop_computes_what_keras_fit_computes(
    train: Stage, splits: base.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "epoch_order", lambda seed, epoch, count: np.arange(count))
    declared = plan(epochs=2)
    result = train(declared)
    from toolchain.training import network

    session = start()
    model = network.build(declared["input"]["shape"], declared["network"], session, seed=1)
    model.compile(session.keras.optimizers.Adam(0.01), declared["training"]["loss"], metrics=["accuracy"])
    x = {part: (splits.x[part].reshape(-1, 64).astype(np.float32) - 100) / 50 for part in base.PARTS}
    fitted = model.fit(
        x["train"],
        splits.y["train"],
        batch_size=32,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(x["validation"], splits.y["validation"]),
    )
    stored = read_weights(result)
    for weight in model.weights:
        np.testing.assert_allclose(stored[weight.path], weight.numpy(), atol=1e-6)
    for mine, theirs in (("loss", "loss"), ("validation_loss", "val_loss"), ("validation_accuracy", "val_accuracy")):
        np.testing.assert_allclose([e[mine] for e in history(result)["epochs"]], fitted.history[theirs], rtol=1e-4)


def read_weights(model: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name.partition("/")[2]] = item[()]

    with h5py.File(model) as file:
        file["model_weights"].visititems(visit)
    return found


def test_the_file_holds_the_network_after_the_scaling(train: Stage, splits: base.Splits) -> None:
    model = train(plan())
    x = (splits.x["test"].reshape(-1, 64).astype(np.float32) - 100) / 50
    accuracy = float(np.mean(predict(model, x).argmax(axis=1) == splits.y["test"]))
    assert accuracy == pytest.approx(history(model)["test"]["accuracy"])
    with h5py.File(model) as file:
        kinds = [layer["class_name"] for layer in json.loads(file.attrs["model_config"])["config"]["layers"]]
        assert kinds == ["InputLayer", "Dense", "Activation", "Dense", "Activation"]
        assert "optimizer_weights" not in file


@pytest.fixture
def run(tmp_path: Path, splits: base.Splits) -> Any:
    """The stage in a process of its own that keeps checkpoints at once and kills itself at a report (0: never)."""

    def run(declared: dict[str, Any], name: str, kill_at: int = 0) -> int:
        base.save(splits, tmp_path / "data.npz")
        plan_path = tmp_path / f"{name}.json"
        plan_path.write_text(json.dumps(declared))
        command = [sys.executable, "-c", RUN, str(plan_path), str(tmp_path / "data.npz"), str(kill_at)]
        return subprocess.run(command, check=False).returncode

    return run


def test_killed_anywhere_and_resumed_gives_the_same_bytes(run: Any, tmp_path: Path) -> None:
    network = layers(
        ("dense", {"units": 8}),
        ("batch_normalization", {}),
        ("activation", {"function": "relu"}),
        ("dropout", {"rate": 0.2}),
        ("dense", {"units": 3}),
        ("activation", {"function": "softmax"}),
    )
    declared = plan(network, pruning={"final": 0.5, "frequency": 3}, **FULL)
    assert run(declared, "whole") == 0
    assert names(tmp_path) == ["data.npz", "whole.h5", "whole.history.json", "whole.json"]
    kills = 0
    for kill_at in (5, 9, 4, 7):  # in the first try, at a later epoch, right after resuming, in the second try
        if run(declared, "killed", kill_at) == -signal.SIGKILL:
            kills += 1
            assert not (tmp_path / "killed.h5").exists()
    run(declared, "killed")
    assert kills >= 3
    for suffix in (".h5", ".history.json"):
        assert (tmp_path / f"killed{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    assert not (tmp_path / "killed.checkpoint.npz").exists()


def test_killed_at_a_random_moment_and_resumed_gives_the_same_bytes(run: Any, tmp_path: Path) -> None:
    """By the clock, wherever that is: in the middle of a step, of an epoch, of the checkpoint's writing."""
    declared = plan(classifier(units=64), epochs=40, augmentation={"affine": {"shift": 1.0}})
    began = time.monotonic()
    assert run(declared, "whole") == 0
    duration = time.monotonic() - began
    checkpoint = tmp_path / "killed.checkpoint.npz"
    moments = [random.random() for _ in range(2)]
    for moment in moments:
        process = start_run(tmp_path, declared, "killed")
        waited = time.monotonic()
        while not checkpoint.exists() and process.poll() is None and time.monotonic() - waited < 600:
            time.sleep(0.01)
        time.sleep(moment * duration / 4)
        process.kill()
        process.wait()
    assert run(declared, "killed") == 0
    for suffix in (".h5", ".history.json"):
        made, expected = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("killed", "whole"))
        assert made == expected, f"killed {moments} of a quarter of {duration:.1f} s after the first checkpoint"


def start_run(folder: Path, declared: dict[str, Any], name: str) -> subprocess.Popen[bytes]:
    (folder / f"{name}.json").write_text(json.dumps(declared))
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder / f"{name}.json"), str(folder / "data.npz"), "0"])


@pytest.mark.parametrize("content", [b"", b"PK\3\4torn", None])
def test_a_torn_or_foreign_checkpoint_is_not_used(train: Stage, tmp_path: Path, content: bytes | None) -> None:
    expected = train(plan()).read_bytes()
    checkpoint = train_stage.checkpoint_path(tmp_path / "again.h5")
    if content is None:
        np.savez(checkpoint, meta=np.array(json.dumps({"key": "another", "summaries": [], "progress": {}})))
    else:
        checkpoint.write_bytes(content)
    assert train(plan(), name="again.h5").read_bytes() == expected
    assert not checkpoint.exists()


def test_ctrl_c_leaves_nothing(train: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(text: str, fraction: float | None = None) -> None:
        if text.startswith("epoch 2"):
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(plan())
    assert names(tmp_path) == ["data.npz", "plan.json"]


def test_a_loss_that_is_no_number_is_an_error(train: Stage, tmp_path: Path) -> None:
    with pytest.raises(GoldcrestError) as caught:
        train(plan(optimizer={"sgd": {"learning_rate": 1e30}}, loss="mean_squared_error"))
    assert str(caught.value) == (
        "the training diverged: mean_squared_error is not a finite number from epoch 1, step 2 on; "
        "take a smaller learning_rate, or check that the input scaling keeps values near zero"
    )
    assert names(tmp_path) == ["data.npz", "plan.json"]


def test_flat_images_are_changed_as_the_data_set_has_them(train: Stage, splits: base.Splits) -> None:
    """4 × 16 pixels, which are as many as 8 × 8."""
    wide = base.Splits({part: x.reshape(-1, 4, 16) for part, x in splits.x.items()}, splits.y, classes=3)
    options: dict[str, Any] = {"augmentation": {"affine": {"shift": 2.0, "rotation": 20.0}}}
    network = layers(("flatten", {}), ("dense", {"units": 3}), ("activation", {"function": "softmax"}))
    image = read_weights(train(plan(network, (4, 16), **options), wide, name="image.h5"))
    flat = read_weights(train(plan(network, (64,), **options), wide, name="flat.h5"))
    assert image.keys() == flat.keys()
    for name, values in image.items():
        np.testing.assert_array_equal(values, flat[name])


def test_a_last_step_that_spoils_the_weights_is_an_error(train: Stage, tmp_path: Path) -> None:
    """No training step comes after it in which its loss would be seen."""
    with pytest.raises(GoldcrestError, match=r"diverged: .* is not a finite number on samples"):
        train(plan(optimizer={"sgd": {"learning_rate": 1e38}}, epochs=1, batch=300))
    assert names(tmp_path) == ["data.npz", "plan.json"]


def test_early_stopping_keeps_the_best_epoch(train: Stage) -> None:
    model = train(plan(epochs=30, optimizer={"adam": {"learning_rate": 0.3}}, early_stopping={"patience": 2}))
    told = history(model)
    losses = [entry["validation_loss"] for entry in told["epochs"]]
    assert told["kept_epoch"] == 1 + int(np.argmin(losses))
    assert len(losses) == told["kept_epoch"] + 2 < 30
    assert told["validation"]["loss"] == pytest.approx(min(losses))


def test_of_several_tries_the_best_on_validation_is_kept(train: Stage) -> None:
    told = history(train(plan(epochs=1, tries=3, seed=5)))
    assert [entry["seed"] for entry in told["tries"]] == [5, 6, 7]
    best = max(told["tries"], key=lambda entry: (entry["validation_accuracy"], -entry["validation_loss"]))
    assert told["seed"] == best["seed"]
    alone = history(train(plan(epochs=1, seed=best["seed"]), name="alone.h5"))
    assert (alone["test"], alone["epochs"]) == (told["test"], told["epochs"])


@pytest.mark.parametrize("key", ["early_stopping", "tries"])
def test_choices_need_validation_samples(train: Stage, splits: base.Splits, key: str) -> None:
    without = base.Splits(
        {**splits.x, "validation": splits.x["validation"][:0]},
        {**splits.y, "validation": splits.y["validation"][:0]},
        splits.classes,
    )
    assert history(train(plan(), without))["validation"] is None
    with pytest.raises(GoldcrestError, match=f"training.{key} decides on validation samples"):
        train(plan(**{key: {"patience": 1} if key == "early_stopping" else 2}), without)


@pytest.mark.parametrize(
    ("loss", "last", "optimizer"),
    [
        ("mean_squared_error", "sigmoid", "adam"),
        ("mean_squared_logarithmic_error", "sigmoid", {"sgd": {"learning_rate": 0.1, "momentum": 0.9}}),
        ("mean_absolute_error", "sigmoid", "rmsprop"),
        ("binary_crossentropy", "sigmoid", "adamw"),
        ("categorical_crossentropy", "softmax", "adam"),
        ("squared_hinge", "tanh", "adam"),
        ("hinge", "linear", "adam"),
    ],
)
def test_every_loss_learns(train: Stage, loss: str, last: str, optimizer: Any) -> None:
    network = [*classifier()[:3], *layers(("activation", {"function": last}))]
    network[-1]["inputs"] = [network[-2]["name"]]
    told = history(train(plan(network, loss=loss, optimizer=optimizer, epochs=12)))
    assert told["epochs"][-1]["loss"] < told["epochs"][0]["loss"]
    assert told["validation"]["accuracy"] > 0.6


def test_regression(train: Stage, splits: base.Splits) -> None:
    values = {part: x.reshape(len(x), -1).mean(axis=1, keepdims=True) / 255 for part, x in splits.x.items()}
    data = base.Splits(splits.x, {part: v.astype(np.float32) for part, v in values.items()}, classes=0)
    network = layers(("dense", {"units": 1}), ("activation", {"function": "linear"}))
    told = history(train(plan(network, loss="mean_squared_error", epochs=5), data))
    assert told["test"]["accuracy"] is None
    assert told["epochs"][-1]["loss"] < told["epochs"][0]["loss"]


def test_the_verb_is_quiet_and_makes_the_same_bytes_in_any_environment(train: Stage, tmp_path: Path) -> None:
    expected = train(plan(augmentation={"affine": {"rotation": 5.0}}, epochs=1), name="expected.h5").read_bytes()
    command = [sys.executable, "-m", "toolchain", "train", "--plan", "plan.json", "--dataset", "data.npz"]
    result = subprocess.run(
        [*command, "--output", "model.h5"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == ""
    assert all(line.startswith(("starting", "epoch")) for line in result.stderr.splitlines()), result.stderr
    assert (tmp_path / "model.h5").read_bytes() == expected
