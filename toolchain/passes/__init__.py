"""The compiler's passes, in the order they run. Each is a function Graph → Graph; the verifier runs after each.

One file a pass. Float passes turn what was trained into what has to be computed; quantization comes between them and
code generation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, verify
from toolchain.passes.drop_identities import drop_identities
from toolchain.passes.drop_softmax import drop_softmax
from toolchain.passes.fold_scaling import fold_scaling
from toolchain.passes.fuse_activations import fuse_activations
from toolchain.passes.fuse_pooling import fuse_pooling
from toolchain.passes.pool_before_functions import pool_before_functions
from toolchain.passes.relu_before_pooling import relu_before_pooling
from toolchain.passes.split_separable import split_separable

Pass = Callable[[Graph], Graph]

FLOAT_PASSES: tuple[Pass, ...] = (
    split_separable,
    drop_identities,
    drop_softmax,
    fold_scaling,
    pool_before_functions,
    relu_before_pooling,
    fuse_activations,
    fuse_pooling,
)


def float_passes(output: str = "class") -> tuple[Pass, ...]:
    """The passes for a network that puts out scores by which a class is chosen (``class``) or ``probabilities``."""
    return tuple(step for step in FLOAT_PASSES if output == "class" or step is not drop_softmax)


def run(passes: Sequence[Pass], graph: Graph) -> Graph:
    """Apply the passes one after the other, verifying the graph before the first and after each.

    Raises GoldcrestError if nothing is left to compute.
    """
    verify(graph)
    for step in passes:
        graph = verify(step(graph))
        if not graph.layers:
            raise GoldcrestError(f"{graph.name}: no layer computes anything; add one with weights, such as dense")
    return graph
