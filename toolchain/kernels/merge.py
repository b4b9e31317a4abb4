"""Sums, products and concatenations of several inputs, and what moves bytes: cropping, padding, permuting."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from toolchain.ir.operators import Requantization
from toolchain.kernels.base import Code, Constant, Cost, OperatorKernel, Site, Structure, flip
from toolchain.kernels.dense import clamp, has_multiplier, rounding
from toolchain.layers.concatenate import IntegerConcatenate
from toolchain.layers.merge import IntegerAdd, IntegerMultiply
from toolchain.layers.padding import IntegerCrop, IntegerPad
from toolchain.layers.reshape import IntegerPermute


def sum_start(rule: Requantization) -> int:
    """What every sum starts from: the rounding term, and the output's zero point."""
    return (1 << (int(rule.shift[0]) - 1)) + (rule.zero_point << int(rule.shift[0]))


class AddC(OperatorKernel[IntegerAdd]):
    """One 16-bit product an input and value."""

    name = "add_c"
    in_place = True
    operator = IntegerAdd

    def cost(self, site: Site) -> Cost:
        return Cost.steady(site.output.size * (40 + 66 * len(site.inputs)) + 100, 22 + 5 * len(site.inputs), 230)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        flips = np.array([flip(source) for source in site.inputs])
        rule = operator.requantization
        start = int(operator.bias[0]) - int(np.sum(flips * operator.multipliers.astype(np.int64))) + sum_start(rule)
        constants = (
            Constant(f"{prefix}_multiplier", "int32_t", operator.multipliers),
            Constant(f"{prefix}_flip", "uint8_t", flips),
            Structure.of(
                prefix,
                "struct gc_add",
                multiplier=f"{prefix}_multiplier",
                flip=f"{prefix}_flip",
                inputs=len(inputs),
                count=site.output.size,
                start=start,
                low=rule.low,
                high=rule.high,
            ),
        )
        if len(inputs) == 2:
            call = f"gc_k_add_two({inputs[0]}, {inputs[1]}, {output}, &{prefix});"
            return Code(constants, (call,), ("gc_merge.h",))
        statements = (
            f"const uint8_t *x[{len(inputs)}];",
            *(f"x[{index}] = {place};" for index, place in enumerate(inputs)),
            f"gc_k_add(x, {output}, &{prefix});",
        )
        return Code(constants, statements, ("gc_merge.h",))


class MultiplyC(OperatorKernel[IntegerMultiply]):
    """One product of 16 bits a value."""

    name = "multiply_c"
    in_place = True
    constant_time = False  # libgcc's product of signed 16-bit numbers
    operator = IntegerMultiply

    def cost(self, site: Site) -> Cost:
        operator = self.of(site)
        each = 490 if has_multiplier(operator.requantization) else 267
        return Cost.steady(each * site.output.size + 60, 44, 330)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        flips = [flip(source) for source in site.inputs]
        zeros = [zero + flipped for zero, flipped in zip(operator.zeros, flips, strict=True)]
        rule = operator.requantization
        scaled = has_multiplier(rule)
        structure = Structure.of(
            prefix,
            "struct gc_multiply",
            count=site.output.size,
            flip=f"{{{flips[0]}, {flips[1]}}}",
            zero=f"{{{zeros[0]}, {zeros[1]}}}",
            multiplier=int(rule.multiplier[0]) if scaled else 0,
            start=0 if scaled else int(rounding(rule)[0]),
            shift=int(rule.shift[0]),
            clamp=clamp(rule),
        )
        call = f"gc_k_multiply({inputs[0]}, {inputs[1]}, {output}, &{prefix});"
        return Code((structure,), (call,), ("gc_merge.h",))


class ConcatenateC(OperatorKernel[IntegerConcatenate]):
    """Each input is copied to its place, or brought to the output's scale on the way."""

    name = "concatenate_c"
    constant_time = False  # the clamp of values that get another scale
    operator = IntegerConcatenate

    def cost(self, site: Site) -> Cost:
        operator = self.of(site)
        cycles = flash = shared = 0
        for index, source in enumerate(site.inputs):
            copied = operator.is_copy(index)
            cycles += (8 if copied else 102) * source.size + 60
            flash += 24 if copied else 40
            shared = max(shared, 60 if copied else 200)
        return Cost.steady(cycles, flash, shared)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        rows, sizes = operator.blocks(*(source.shape for source in site.inputs))
        pitch, offset = sum(sizes), 0
        constants: list[Constant | Structure] = []
        statements, headers = [], set()
        for index, (source, place, size) in enumerate(zip(site.inputs, inputs, sizes, strict=True)):
            target = f"{output} + {offset}" if offset else output
            offset += size
            if operator.is_copy(index):
                statements.append(f"gc_k_copy({place}, {target}, {rows}, {size}, {size}, {pitch});")
                headers.add("gc_move.h")
                continue
            rule, multiplier = operator.rules[index], int(operator.multipliers[index])
            start = int(operator.biases[index]) - flip(source) * multiplier + sum_start(rule)
            constants.append(
                Structure.of(
                    f"{prefix}_{index}",
                    "struct gc_rescale",
                    rows=rows,
                    bytes=size,
                    pitch=pitch,
                    multiplier=multiplier,
                    start=start,
                    flip=flip(source),
                    low=rule.low,
                    high=rule.high,
                )
            )
            statements.append(f"gc_k_rescale({place}, {target}, &{prefix}_{index});")
            headers.add("gc_merge.h")
        return Code(tuple(constants), tuple(statements), tuple(sorted(headers)))


class CropC(OperatorKernel[IntegerCrop]):
    """The inner bytes of each row."""

    name = "crop_c"
    in_place = True
    operator = IntegerCrop

    def cost(self, site: Site) -> Cost:
        return Cost.steady(7 * site.output.size + 14 * site.output.shape[0] + 40, 28, 60)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        shape = site.inputs[0].shape
        row = math.prod(shape[1:])
        first = operator.around[0][0] * row
        size = math.prod(site.output.shape[1:])
        if len(shape) == 3:
            first += operator.around[1][0] * shape[2]
        call = f"gc_k_copy({inputs[0]} + {first}, {output}, {site.output.shape[0]}, {size}, {row}, {size});"
        return Code((), (call,), ("gc_move.h",))


class PadC(OperatorKernel[IntegerPad]):
    """Rows with the code of 0 around them."""

    name = "pad_c"
    operator = IntegerPad

    def cost(self, site: Site) -> Cost:
        return Cost.steady(9 * site.output.size + 50 * site.output.shape[0] + 60, 20, 130)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        shape, result = site.inputs[0].shape, site.output.shape
        row = math.prod(result[1:])
        left, right = (side * shape[-1] for side in operator.around[1]) if len(shape) == 3 else (0, 0)
        structure = Structure.of(
            prefix,
            "struct gc_pad",
            above=operator.around[0][0] * row,
            below=operator.around[0][1] * row,
            rows=shape[0],
            left=left,
            bytes=math.prod(shape[1:]),
            right=right,
            zero=operator.zero & 0xFF,
        )
        return Code((structure,), (f"gc_k_pad({inputs[0]}, {output}, &{prefix});",), ("gc_move.h",))


class PermuteC(OperatorKernel[IntegerPermute]):
    """Byte by byte in the order of the output."""

    name = "permute_c"
    operator = IntegerPermute

    def cost(self, site: Site) -> Cost:
        return Cost.steady(22 * site.output.size + 100, 24, 160)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = self.of(site)
        shape = site.inputs[0].shape
        steps = [math.prod(shape[axis:]) for axis in operator.axes]
        counts = [shape[axis - 1] for axis in operator.axes]
        missing = 3 - len(shape)
        count, step = [1] * missing + counts, [0] * missing + steps
        structure = Structure(
            prefix,
            "struct gc_permute",
            (("count", f"{{{', '.join(map(str, count))}}}"), ("step", f"{{{', '.join(map(str, step))}}}")),
        )
        return Code((structure,), (f"gc_k_permute({inputs[0]}, {output}, &{prefix});",), ("gc_move.h",))


KERNELS = (AddC(), MultiplyC(), ConcatenateC(), CropC(), PadC(), PermuteC())
