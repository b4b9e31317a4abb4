"""What a kernel is to the code generator: when it fits, what it costs, and the code that calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from toolchain.ir.graph import Layer, Tensor
from toolchain.ir.operators import IntegerOperator

Computed = TypeVar("Computed", bound=IntegerOperator)

FLASH_OBJECT_LIMIT = 32767
"""avr-gcc refuses larger objects."""


@dataclass(frozen=True)
class Target:
    """What the generated code is for. ``core`` is ``avrxt`` or ``avr``; the next two are the manifest's wishes.

    ``flash`` is the program memory in bytes, the chip's or less: fast kernels give way to small ones where all of the
    fastest do not fit. None: no limit. ``streamed``: the input comes a piece at a time and is never whole in memory.
    """

    core: str
    prefer: str = "speed"
    latency: str = "data_dependent"
    flash: int | None = None
    streamed: bool = False


@dataclass(frozen=True)
class Site:
    """One layer at its place: what a kernel may ask before it is chosen.

    ``low`` and ``high`` bound the accumulator over all channels and possible inputs (None: it has none); ``dying`` says
    for each input whether this layer is the last to read it, so that its memory may be overwritten.
    """

    layer: Layer
    inputs: tuple[Tensor, ...]
    output: Tensor
    low: np.ndarray | None
    high: np.ndarray | None
    dying: tuple[bool, ...]
    target: Target
    streamed: bool = False  # it takes the network's input, a piece at a time


@dataclass(frozen=True)
class Cost:
    """An estimate: cycles of one call (mean over the calibration set, and worst case), bytes of flash and of RAM.

    ``flash`` counts constants and code that only this layer uses; ``shared`` the code of the kernel itself, which all
    layers that use it share. ``pieces`` says what that code is made of, where different kernels share some of it:
    names with their bytes, ``shared`` in all.
    """

    mean: int
    worst: int
    flash: int
    shared: int
    ram: int = 0
    pieces: tuple[tuple[str, int], ...] = ()

    @classmethod
    def steady(cls, cycles: int, flash: int, shared: int, ram: int = 0) -> Cost:
        """Of a kernel that takes as long whatever the data."""
        return cls(cycles, cycles, flash, shared, ram)


@dataclass(frozen=True)
class Constant:
    """An array in flash. ``values`` is written element by element; ``ctype`` is the C type of one."""

    name: str
    ctype: str
    values: np.ndarray


@dataclass(frozen=True)
class Structure:
    """A descriptor in flash: C initializers in the order of the fields."""

    name: str
    ctype: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, ctype: str, /, **fields: int | str) -> Structure:
        """The same from keywords; a string is an initializer as it stands in C."""
        return cls(name, ctype, tuple((field, str(value)) for field, value in fields.items()))


@dataclass(frozen=True)
class Code:
    """What a kernel adds to the generated sources.

    ``statements`` are C statements; ``headers`` the kernels' headers that they need; ``assembly`` functions of this
    network alone, for network.S. ``saturate`` names the constant arrays that hold biases: overwritten with large or
    small numbers they send every output through the long way of its clamp, which the latency measurement needs.
    ``feed`` are the statements that take a piece of the input, of a kernel that does; ``statements`` follow the last.
    """

    constants: tuple[Constant | Structure, ...] = ()
    statements: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    assembly: str = ""
    biases: tuple[str, ...] = field(default=())
    feed: tuple[str, ...] = field(default=())


class Kernel:
    """One way to compute an integer operator. Subclasses hold no state.

    ``in_place``: the output may lie where the first input lies, if that dies here.
    ``consumes``: the kernel overwrites its input while it works, so the input must die here.
    ``constant_time``: the number of cycles does not depend on data. With ``latency: constant`` others are taken only
    where a layer has no such kernel.
    ``in_pieces``: the kernel takes the network's input a piece at a time; its scratch memory lives from the first on.
    """

    name: str
    in_place: bool = False
    consumes: bool = False
    constant_time: bool = True
    in_pieces: bool = False

    def fits(self, site: Site) -> bool:
        """Whether this kernel computes the layer exactly."""
        raise NotImplementedError

    def cost(self, site: Site) -> Cost:
        """The estimate by which kernels are chosen."""
        raise NotImplementedError

    def room(self, site: Site) -> tuple[int, int]:
        """How many bytes before and after the first input this kernel overwrites, besides the input itself."""
        return 0, 0

    def scratch(self, site: Site) -> int:
        """How many bytes of the arena this kernel needs for itself while it works."""
        return 0

    def held(self, site: Site) -> int:
        """How many bytes of its first input are in memory at a time."""
        return site.inputs[0].size

    def distance(self, site: Site) -> int | None:
        """How far the output must begin before the first input to be written over what has been read of it.

        None: while this kernel works the two must not share a byte (or it works in place).
        """
        return None

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        """The code that computes the layer.

        ``prefix`` starts the name of every constant (``gc_w_0_dense_1``); ``inputs`` and ``output`` are C expressions
        of type ``uint8_t *``. A kernel that asks for scratch memory finds it behind the inputs.
        """
        raise NotImplementedError


class OperatorKernel(Kernel, Generic[Computed]):
    """A kernel for every layer of one operator class, whatever its place."""

    operator: type[Computed]

    def fits(self, site: Site) -> bool:
        return isinstance(site.layer.operator, self.operator)

    def of(self, site: Site) -> Computed:
        """The layer's operator."""
        assert isinstance(site.layer.operator, self.operator)
        return site.layer.operator


def flip(tensor: Tensor) -> int:
    """0x80 if the tensor's codes may be negative, else 0: code ^ flip, read as an unsigned byte, is code + flip."""
    return 0x80 if tensor.low < 0 else 0
