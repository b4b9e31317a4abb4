"""One small network for each operator of TensorFlow Lite, converted by TensorFlow; its interpreter is the reference.

Weights are random: what counts is that every value is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

IMAGE = (7, 6, 3)
Make = Callable[[Any, Any, Any], Any]  # of TensorFlow, Keras's layers, and the input

NETWORKS: Mapping[str, tuple[tuple[int, ...], Make]] = {
    "conv": (IMAGE, lambda tf, L, x: L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)),
    "conv_tanh": (IMAGE, lambda tf, L, x: L.Conv2D(4, (2, 3), activation="tanh")(x)),
    "conv_1d": ((12, 3), lambda tf, L, x: L.Conv1D(4, 3, padding="same")(x)),
    "depthwise": (IMAGE, lambda tf, L, x: L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6")(x)),
    "dense": ((9,), lambda tf, L, x: L.Dense(5, activation="relu")(x)),
    "average_pool": (IMAGE, lambda tf, L, x: L.AveragePooling2D((2, 3), padding="same")(x)),
    "max_pool": (IMAGE, lambda tf, L, x: L.MaxPooling2D(3, strides=2, padding="same")(x)),
    "mean": (IMAGE, lambda tf, L, x: L.GlobalAveragePooling2D()(x)),
    "mean_kept": (IMAGE, lambda tf, L, x: L.GlobalAveragePooling2D(keepdims=True)(x)),
    "largest": (IMAGE, lambda tf, L, x: L.GlobalMaxPooling2D()(x)),
    "add": (IMAGE, lambda tf, L, x: L.Add()([x, L.ReLU()(x)])),
    "subtract": (IMAGE, lambda tf, L, x: L.Subtract()([L.ReLU()(x), x])),
    "multiply": (IMAGE, lambda tf, L, x: L.Multiply()([L.Activation("sigmoid")(x), x])),
    "concatenate": (IMAGE, lambda tf, L, x: L.Concatenate(axis=2)([x, L.Activation("tanh")(x)])),
    "rescale": (IMAGE, lambda tf, L, x: L.Rescaling(0.5, offset=-1.5)(L.ReLU()(x))),
    "constants": (IMAGE, lambda tf, L, x: 2.0 - (L.ReLU()(x) + np.float32([1, 2, 3])) / 4.0),
    "normalization": (IMAGE, lambda tf, L, x: L.BatchNormalization()(L.ReLU()(x))),
    "pad": (IMAGE, lambda tf, L, x: L.ZeroPadding2D(((1, 2), (0, 1)))(x)),
    "transpose": (IMAGE, lambda tf, L, x: L.Permute((2, 1, 3))(x)),
    "reshape": (IMAGE, lambda tf, L, x: L.Reshape((6, 21))(x)),
    "leaky": (IMAGE, lambda tf, L, x: L.LeakyReLU(negative_slope=0.3)(x)),
    "gelu": (IMAGE, lambda tf, L, x: L.Activation("gelu")(x)),
    "relu6": (IMAGE, lambda tf, L, x: L.ReLU(6.0)(x)),
    "elu": (IMAGE, lambda tf, L, x: L.ELU()(x)),
    "hard_swish": (IMAGE, lambda tf, L, x: L.Activation("hard_silu")(x)),
    "softmax": ((9,), lambda tf, L, x: L.Softmax()(L.Dense(5)(x))),
}


def write(folder: Path, tf: Any, keras: Any) -> None:
    """Writes ``lite_NAME.tflite``, and beside it 8 samples ``x`` with the interpreter's outputs ``y`` (.npz)."""
    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(5)
    for name, (shape, make) in NETWORKS.items():
        source = keras.Input(shape)
        last = keras.layers.Dense(4)(keras.layers.Flatten()(make(tf, keras.layers, source)))
        model = keras.Model(source, last)
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.set_weights([rng.uniform(0.5, 2, each.shape) for each in layer.get_weights()])
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        (folder / f"lite_{name}.tflite").write_bytes(content)
        interpreter = tf.lite.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        x = rng.normal(size=(8, *shape)).astype(np.float32)
        outputs = []
        for row in x:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
        np.savez(folder / f"lite_{name}.npz", x=x, y=np.array(outputs))
