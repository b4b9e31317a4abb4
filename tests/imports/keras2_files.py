"""Makes tests/imports/files/: models that Keras 2 has trained and saved, with the classes that it finds itself.

They are committed because Keras 2 cannot be installed beside Keras 3. Made once, in an environment of its own, with
tensorflow-cpu 2.15.1, keras 2.15.0, tf2onnx 1.17.0 and scikit-learn, from the project's root:

    python -m tests.imports.keras2_files
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.imports.samples import cells, digits

FILES = Path(__file__).parent / "files"


def main() -> None:
    import tensorflow as tf
    import tf2onnx

    keras, layers = tf.keras, tf.keras.layers
    assert tf.__version__.startswith("2.15."), tf.__version__  # the last with Keras 2
    keras.utils.set_random_seed(1)
    x, y, test, _ = digits()
    x, test = x / 16.0, test / 16.0

    def residual() -> object:
        source = keras.Input((8, 8, 1), name="image")
        first = layers.Conv2D(8, 3, padding="same", name="first")(source)
        first = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_norm")(first))
        second = layers.Conv2D(8, 3, padding="same", use_bias=False, name="second")(first)
        second = layers.BatchNormalization(name="second_norm")(second)
        joined = layers.Activation("relu", name="joined_relu")(layers.Add(name="joined")([first, second]))
        pooled = layers.MaxPooling2D(name="pool")(joined)
        flat = layers.Dropout(0.2, name="drop")(layers.Flatten(name="flat")(pooled))
        return keras.Model(source, layers.Dense(10, activation="softmax", name="classes")(flat), name="residual")

    def separable() -> object:
        return keras.Sequential(
            [
                layers.Conv2D(16, 3, padding="same", input_shape=(8, 8, 1)),
                layers.LeakyReLU(alpha=0.1),
                layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
                layers.BatchNormalization(),
                layers.ReLU(6.0),
                layers.GlobalAveragePooling2D(),
                layers.Dense(24, activation="tanh"),
                layers.Dense(10),
            ]
        )

    def trained(model: object, loss: object, epochs: int) -> object:
        model.compile(keras.optimizers.Adam(0.005), loss)
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
        return model

    def without_optimizer(model: object) -> object:
        bare = keras.models.clone_model(model)
        bare.set_weights(model.get_weights())
        return bare

    crossentropy = keras.losses.SparseCategoricalCrossentropy()
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classes = {}
    for name, model in (
        ("residual.h5", trained(residual(), crossentropy, 12)),
        ("separable.keras", trained(separable(), logits, 60)),
    ):
        without_optimizer(model).save(FILES / f"keras2_{name}")
        classes[f"keras2_{name}"] = model.predict(test, verbose=0).argmax(axis=1)
        if name == "residual.h5":
            tf2onnx.convert.from_keras(model, opset=15, output_path=str(FILES / "tf2onnx_residual.onnx"))
    x, y, test, _ = cells()
    mean, spread = x.mean(axis=0), x.std(axis=0)
    model = keras.Sequential(
        [
            layers.Dense(16, activation="elu", input_shape=(30,)),
            layers.Dropout(0.1),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    model.fit((x - mean) / spread, y, epochs=40, batch_size=32, verbose=0)
    without_optimizer(model).save(FILES / "keras2_cells.h5")
    classes["keras2_cells.h5"] = (model.predict((test - mean) / spread, verbose=0)[:, 0] >= 0.5).astype(int)
    np.savez_compressed(FILES / "keras2_classes.npz", **{k: v.astype(np.uint8) for k, v in classes.items()})


if __name__ == "__main__":
    main()
