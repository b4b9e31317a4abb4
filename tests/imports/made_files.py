"""Models of many makes, trained for seconds on real data, with the classes that their own frameworks find.

``python -m tests.imports.made_files FOLDER`` writes them; a process of its own, so that the tests need no TensorFlow.
Classes of ``NAME`` are in ``classes.npz``, on the test samples of ``samples.digits`` or ``samples.cells``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.imports import lite_operators, onnx_made
from tests.imports.samples import cells, digits

Save = Callable[[Any, Path], None]


class Maker:
    def __init__(self, folder: Path) -> None:
        from toolchain.training.session import start

        session = start()
        self.folder, self.tf, self.keras = folder, session.tf, session.keras
        self.classes: dict[str, np.ndarray] = {}
        self.data = {"digits": _scaled(digits(), 0.0, 16.0), "cells": standardized()}

    def train(self, model: Any, data: str = "digits", epochs: int = 12) -> Any:
        x, y, _, _ = self.data[data]
        self.keras.utils.set_random_seed(1)
        loss = self.keras.losses.SparseCategoricalCrossentropy(from_logits=model.layers[-1].name == "logits")
        model.compile(self.keras.optimizers.Adam(0.005), loss)
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
        return model

    def keep(self, name: str, model: Any, data: str = "digits") -> None:
        """Saves a Keras model under its name and notes what Keras itself finds."""
        path = self.folder / name
        if path.suffix:
            bare = self.keras.models.clone_model(model)
            bare.set_weights(model.get_weights())
            bare.save(path)
        else:
            model.export(path, verbose=False)
        self.classes[name] = model.predict(self.data[data][2], verbose=0).argmax(axis=1)

    def lite(self, name: str, model: Any, settings: dict[str, Any], data: str = "digits") -> None:
        """Converts to TensorFlow Lite and notes what its interpreter finds."""
        x, _, test, _ = self.data[data]
        converter = self.tf.lite.TFLiteConverter.from_keras_model(model)
        for key, value in settings.items():
            setattr(converter, key, value)
        if settings.get("target_spec_types"):
            converter.target_spec.supported_types = settings["target_spec_types"]
        if settings.get("integers"):
            converter.representative_dataset = lambda: ([row[None]] for row in x[:200].astype(np.float32))
            converter.target_spec.supported_ops = [self.tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = self.tf.int8
        content = converter.convert()
        (self.folder / name).write_bytes(content)
        interpreter = self.tf.lite.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        inside, outside = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        scale, zero = inside["quantization"]
        found = []
        for row in test.astype(np.float32):
            codes = np.clip(np.rint(row / scale + zero), -128, 127) if scale else row
            interpreter.set_tensor(inside["index"], codes[None].astype(inside["dtype"]))
            interpreter.invoke()
            found.append(int(interpreter.get_tensor(outside["index"])[0].argmax()))
        self.classes[name] = np.array(found)


def standardized() -> tuple[np.ndarray, ...]:
    """``samples.cells`` with mean 0 and deviation 1 over the training samples."""
    given = cells()
    return _scaled(given, -given[0].mean(axis=0), given[0].std(axis=0))


def _scaled(given: tuple[np.ndarray, ...], offset: Any, divide: Any) -> tuple[np.ndarray, ...]:
    x, y, test, labels = given
    return ((x + offset) / divide).astype(np.float32), y, ((test + offset) / divide).astype(np.float32), labels


def dense(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(10, activation="softmax"),
        ]
    )


def residual_dense(keras: Any) -> Any:
    layers = keras.layers
    source = keras.Input((30,), name="cell")
    first = layers.Dense(16, name="first")(source)
    first = layers.Activation("relu")(layers.BatchNormalization()(first))
    second = layers.Dense(16, activation="tanh", name="second")(first)
    joined = layers.Add(name="joined")([first, second])
    return keras.Model(source, layers.Dense(2, name="logits")(joined))


def convolutional(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 3, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(10, name="logits"),
        ]
    )


def residual_convolutional(keras: Any) -> Any:
    layers = keras.layers
    source = keras.Input((8, 8, 1))
    first = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(source)
    second = layers.Conv2D(12, 3, padding="same")(first)
    second = layers.BatchNormalization()(second)
    joined = layers.ReLU()(first + second)
    pooled = layers.GlobalAveragePooling2D()(joined)
    return keras.Model(source, layers.Dense(10, activation="softmax")(pooled))


def branches(keras: Any) -> Any:
    layers = keras.layers
    source = keras.Input((8, 8, 1))
    small = layers.Conv2D(6, 3, padding="same", activation="relu")(source)
    large = layers.Conv2D(6, 5, padding="same")(source)
    large = layers.LeakyReLU(negative_slope=0.1)(large)
    joined = layers.Concatenate()([small, large])
    pooled = layers.MaxPooling2D()(layers.DepthwiseConv2D(3, padding="same")(joined))
    flat = layers.Flatten()(layers.Conv2D(8, 1, activation="elu")(pooled))
    return keras.Model(source, layers.Dense(10, name="logits")(flat))


def rows(keras: Any) -> Any:
    """Each digit is read as a sequence of its eight rows."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Reshape((8, 8)),
            layers.Conv1D(16, 3, padding="same", activation="relu"),
            layers.GRU(24),
            layers.Dense(10, activation="softmax"),
        ]
    )


def small(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.SeparableConv2D(12, 3, activation="relu6"),
            layers.ZeroPadding2D(1),
            layers.Conv2D(12, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(24, activation="sigmoid"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    maker = Maker(Path(sys.argv[1]))
    keras, train = maker.keras, maker.train
    maker.keep("dense.keras", train(dense(keras)))
    maker.keep("residual_dense.h5", train(residual_dense(keras), "cells"), "cells")
    maker.keep("rows.h5", train(rows(keras)))
    cnn, residual, forked, thin = (
        train(make(keras)) for make in (convolutional, residual_convolutional, branches, small)
    )
    maker.keep("convolutional.keras", cnn)
    maker.keep("residual.h5", residual)
    maker.keep("branches.keras", forked)
    maker.keep("small", thin)  # a SavedModel
    default = [maker.tf.lite.Optimize.DEFAULT]
    maker.lite("convolutional.tflite", cnn, {})
    maker.lite("residual_int8.tflite", residual, {"optimizations": default, "integers": True})
    maker.lite("small_int8.tflite", thin, {"optimizations": default, "integers": True})
    maker.lite("branches_float16.tflite", forked, {"optimizations": default, "target_spec_types": [maker.tf.float16]})
    lite_operators.write(maker.folder, maker.tf, keras)
    onnx_made.write(maker.folder, cnn, residual, maker.data, maker.classes)
    np.savez(maker.folder / "classes.npz", **maker.classes)


if __name__ == "__main__":
    main()
