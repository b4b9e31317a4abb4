"""The way through a file of operators, whatever its format: from its input to its output, one function an operator."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from toolchain.ir.assembly import RefusedError


class Operation(Protocol):
    """An operator of the file, with what its format calls the values that it takes and puts out."""

    @property
    def kind(self) -> str: ...

    @property
    def outputs(self) -> tuple[Hashable, ...]: ...

    def sources(self) -> tuple[Hashable, ...]:
        """The inputs that the values of its outputs depend on."""

    def refuse(self, reason: str) -> RefusedError: ...


class Folding(Protocol):
    """A format's reader, which knows what is a constant."""

    def folded(self, node: Any) -> bool:
        """Computes a node that depends on constants only, and says whether it was one."""


R = TypeVar("R", bound=Folding)
N = TypeVar("N", bound=Operation)


def walk(reader: R, nodes: Sequence[N], output: Hashable, operators: Mapping[str, Callable[[R, N], None]]) -> None:
    """Has every node that ``output`` depends on read by the function of its kind; ``nodes`` are in the file's order.

    Raises RefusedError, naming layer and operator, for one that has no function, or not the settings that it should.
    """
    needed = _needed(nodes, output)
    for node in nodes:
        if needed.isdisjoint(node.outputs) or reader.folded(node):
            continue
        if node.kind not in operators:
            raise node.refuse(f"this operator is not supported; supported are {', '.join(operators)}")
        try:
            operators[node.kind](reader, node)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise node.refuse(f"its settings or constants are not what this operator has ({error})") from error


def _needed(nodes: Sequence[Operation], output: Hashable) -> set[Hashable]:
    """Every value that the output depends on."""
    found = {output}
    for node in reversed(nodes):
        if not found.isdisjoint(node.outputs):
            found.update(node.sources())
    return found
