"""What a manifest sees of every kind, against Keras: shapes and counts from the options alone, with no training."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.errors import LayerError
from toolchain.layers.registry import kinds

CASES = {
    "activation": [((5,), {"function": "relu"}), ((5,), {"function": "leaky_relu", "alpha": 0.3})],
    "add": [(((5,), (5,), (5,)), {})],
    "average": [(((5,), (5,)), {})],
    "average_pooling": [((7, 6, 2), {"size": 2}), ((7, 6, 2), {"size": [2, 3], "stride": [1, 2], "padding": "same"})],
    "average_pooling_1d": [((9, 2), {"size": 3, "stride": 2}), ((9, 2), {"padding": "same"})],
    "batch_normalization": [((4, 3), {"epsilon": 0.01})],
    "concatenate": [(((5,), (3,)), {}), (((2, 3, 4), (2, 5, 4)), {"axis": 2})],
    "cropping": [((6, 5, 2), {"amount": [1, 2]}), ((6, 5, 2), {"amount": [[1, 0], [0, 2]]})],
    "cropping_1d": [((6, 2), {"amount": [2, 1]})],
    "dropout": [((5,), {"rate": 0.5})],
    "flatten": [((3, 4, 2), {})],
    "gaussian_noise": [((5,), {"deviation": 0.1})],
    "global_average_pooling": [((4, 5, 3), {})],
    "global_average_pooling_1d": [((4, 3), {})],
    "global_max_pooling": [((4, 5, 3), {})],
    "global_max_pooling_1d": [((4, 3), {})],
    "gru": [((6, 3), {"units": 4}), ((6, 3), {"units": 4, "reset_after": False, "return_sequences": True})],
    "lstm": [((6, 3), {"units": 4}), ((6, 3), {"units": 2, "return_sequences": True})],
    "max_pooling": [((7, 6, 2), {"size": 3}), ((7, 6, 2), {"size": 2, "stride": 3, "padding": "same"})],
    "max_pooling_1d": [((9, 2), {"size": 4})],
    "multiply": [(((5,), (5,)), {})],
    "permute": [((3, 4, 2), {"axes": [3, 1, 2]})],
    "rescaling": [((5,), {"scale": 0.5, "offset": -1.0}), ((3, 2), {"scale": [0.5, 2.0]})],
    "reshape": [((3, 4, 2), {"shape": [6, -1]})],
    "simple_rnn": [((6, 3), {"units": 4})],
    "subtract": [(((5,), (5,)), {})],
    "zero_padding": [((3, 4, 2), {"amount": 2}), ((3, 4, 2), {"amount": [[1, 0], [0, 3]]})],
    "zero_padding_1d": [((3, 2), {"amount": [2, 1]})],
}
OWN = [(name, shapes, options) for name, cases in CASES.items() for shapes, options in cases]


def filled(name: str, options):
    """The options with their defaults, as the manifest's reader hands them on."""
    defaults = {option.name: option.schema["default"] for option in kinds()[name].options if not option.required}
    return {**defaults, **options}


def test_every_kind_has_a_case() -> None:
    elsewhere = {name for name in kinds() if "convolution" in name} | {"dense"}
    assert set(CASES) == set(kinds()) - elsewhere


@pytest.mark.parametrize(("name", "shapes", "options"), OWN)
def test_shapes_and_counts_are_keras_s(keras, name: str, shapes, options) -> None:
    kind, options = kinds()[name], filled(name, options)
    shapes = shapes if isinstance(shapes[0], tuple) else (shapes,)
    layer = kind.keras_layer(options, "layer", keras)
    assert layer.name == "layer" and type(layer).__name__ in kind.keras
    inputs = [keras.Input(shape) for shape in shapes]
    output = layer(inputs[0] if len(inputs) == 1 else inputs)
    assert kind.output_shape(options, shapes) == tuple(output.shape[1:])
    trained = 0 if name == "batch_normalization" else sum(int(np.prod(w.shape)) for w in layer.trainable_weights)
    assert kind.weights(options, shapes) + kind.biases(options, shapes) == trained
    if "units" in options:
        assert kind.products(options, shapes) == shapes[0][0] * kind.weights(options, shapes)


REFUSED = [
    ("activation", ((5,),), {"function": "relu", "alpha": 0.1}, "alpha"),
    ("add", ((5,), (4,)), {}, "inputs"),
    ("concatenate", ((5,), (4, 2)), {}, "inputs"),
    ("concatenate", ((5,), (4,)), {"axis": 2}, "axis"),
    ("concatenate", ((5,), (4,)), {"axis": 0}, "axis"),
    ("cropping", ((3, 4, 2),), {"amount": 2}, "amount"),
    ("gru", ((5,),), {"units": 3}, None),
    ("max_pooling", ((5,),), {"size": 2}, None),
    ("max_pooling", ((2, 2, 1),), {"size": 3}, "size"),
    ("permute", ((3, 4),), {"axes": [1, 1]}, "axes"),
    ("rescaling", ((3, 4),), {"scale": [1.0, 2.0]}, "scale"),
    ("reshape", ((3, 4),), {"shape": [5, -1]}, "shape"),
    ("reshape", ((3, 4),), {"shape": [-1, -1]}, "shape"),
    ("zero_padding", ((5, 2),), {"amount": 1}, None),
]


@pytest.mark.parametrize(("name", "shapes", "options", "option"), REFUSED)
def test_what_a_kind_cannot_take_names_the_option_at_fault(name: str, shapes, options, option) -> None:
    with pytest.raises(LayerError) as caught:
        kinds()[name].output_shape(filled(name, options), shapes)
    assert caught.value.option == option
