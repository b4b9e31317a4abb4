"""What a layer kind is: one description shared by schema, Keras, the float and integer references and the C emitter.

A kind lives in one file of this package and is found by ``registry``. The first half of the interface (options, shapes,
counts) answers what a manifest alone shows and must not import numpy; the second half works on trained weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from toolchain.ir.operators import Operator

Shape = tuple[int, ...]
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One key of a layer in a manifest: the schema, the validator, the editor's help and the reference page read it.

    ``schema`` is the JSON Schema of the value and holds ``description`` and, if the key may be left out, ``default``.
    """

    name: str
    schema: Mapping[str, Any]

    @property
    def required(self) -> bool:
        return "default" not in self.schema


class Kind:
    """A layer kind. Subclasses set the attributes and say how the layer behaves; they hold no state.

    ``name``        the manifest's key (``dense``)
    ``summary``     one line for the schema and the reference page
    ``options``     the keys below it
    ``shorthand``   the option that a bare value sets (``- activation: relu``), if any
    ``keras``       the Keras class names that ``from_keras`` reads
    ``inputs``      how many tensors it takes: (least, most)
    ``trades_flash``  whether its kernels trade flash for speed, so that code generation has to know the program budget
    ``carries_activation``  whether an ``activation`` in the Keras configuration is applied to the layer's output
    """

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    shorthand: str | None = None
    keras: tuple[str, ...] = ()
    inputs: tuple[int, int] = (1, 1)
    carries_activation: bool = True
    trades_flash: bool = False

    def output_shape(self, options: Options, inputs: Sequence[Shape]) -> Shape:
        """The shape of the output without the batch axis.

        Raises LayerError, naming the option at fault, if the layer cannot take these inputs.
        """
        raise NotImplementedError

    def weights(self, options: Options, inputs: Sequence[Shape]) -> int:
        """How many weights (biases not counted) the layer has."""
        return 0

    def biases(self, options: Options, inputs: Sequence[Shape]) -> int:
        """How many biases the layer has."""
        return 0

    def products(self, options: Options, inputs: Sequence[Shape]) -> int:
        """How many multiply-accumulate operations one inference takes."""
        return 0

    def keras_layer(self, options: Options, name: str, keras: Any) -> Any:
        """The Keras layer for these options; ``keras`` is the module (only ``toolchain.training`` imports it)."""
        raise NotImplementedError

    def from_keras(self, config: Mapping[str, Any], weights: Sequence[np.ndarray]) -> Operator:
        """The float operator of a trained Keras layer: its configuration with ``class_name``, and its weights in order.

        Raises LayerError if the configuration asks for something that cannot be computed exactly.
        """
        raise NotImplementedError
