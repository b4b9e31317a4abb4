"""The activation functions of one value, in float64: what they compute, how steep they are, between what they stay.

Names and definitions are Keras 3's (https://keras.io/api/layers/activations/). ``alpha`` is the one parameter that some
of them have: the slope of a leaky relu below zero, the depth of an elu.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


@dataclass(frozen=True)
class Function:
    """``steepest`` bounds |f'| (for |alpha| ≤ 1), ``bounds`` are the least and greatest value it can take."""

    name: str
    compute: Callable[[np.ndarray, float], np.ndarray]
    steepest: float = 1.0
    bounds: tuple[float, float] | None = None
    alpha: float | None = None  # the default, if it has the parameter
    rising: bool = True  # whether it never falls (for alpha ≥ 0)


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))  # without overflow


def _elu(x: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


FUNCTIONS = {
    function.name: function
    for function in (
        Function("linear", lambda x, _: x),
        Function("relu", lambda x, _: np.maximum(x, 0)),
        Function("relu6", lambda x, _: np.clip(x, 0, 6), bounds=(0.0, 6.0)),
        Function("leaky_relu", lambda x, alpha: np.where(x > 0, x, alpha * x), alpha=0.2),
        Function("tanh", lambda x, _: np.tanh(x), bounds=(-1.0, 1.0)),
        Function("sigmoid", lambda x, _: _logistic(x), steepest=0.25, bounds=(0.0, 1.0)),
        Function("hard_tanh", lambda x, _: np.clip(x, -1, 1), bounds=(-1.0, 1.0)),
        Function("hard_sigmoid", lambda x, _: np.clip(x / 6 + 0.5, 0, 1), steepest=1 / 6, bounds=(0.0, 1.0)),
        Function("elu", _elu, alpha=1.0),
        Function("selu", lambda x, _: SELU_SCALE * _elu(x, SELU_ALPHA), steepest=SELU_SCALE * SELU_ALPHA),
        Function("silu", lambda x, _: x * _logistic(x), steepest=1.1, rising=False),
        Function("hard_silu", lambda x, _: x * np.clip(x / 6 + 0.5, 0, 1), steepest=1.5, rising=False),
        Function("gelu", lambda x, _: 0.5 * x * (1 + _erf(x / math.sqrt(2))), steepest=1.13, rising=False),
        Function("softplus", lambda x, _: _softplus(x)),
        Function("softsign", lambda x, _: x / (1 + np.abs(x)), bounds=(-1.0, 1.0)),
        Function("mish", lambda x, _: x * np.tanh(_softplus(x)), steepest=1.1, rising=False),
    )
}
