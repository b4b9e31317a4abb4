"""Recurrent layers in portable C, unit by unit; the state lies on the stack while the layer runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.kernels.base import FLASH_OBJECT_LIMIT, Code, Constant, Cost, Kernel, Site, Structure, flip
from toolchain.layers.recurrent import IntegerRecurrent


class RecurrentC(Kernel):
    """Gate sums output by output with 24-bit accumulators, the functions from one table of tanh."""

    name = "recurrent_c"
    constant_time = False  # the clamps and the function of a gate

    def fits(self, site: Site) -> bool:
        operator = site.layer.operator
        return (
            isinstance(operator, IntegerRecurrent)
            and max(operator.input_weights.size, operator.state_weights.size) <= FLASH_OBJECT_LIMIT
        )

    def cost(self, site: Site) -> Cost:
        operator = site.layer.operator
        assert isinstance(operator, IntegerRecurrent)
        outputs, steps = operator.input_bias.size, site.inputs[0].shape[0]
        cycles = steps * (20 * (operator.input_weights.size + operator.state_weights.size) + 1000 * outputs) + 100
        shifts = operator.input_shift.size + operator.state_shift.size
        constants = operator.all_weights.size + 6 * outputs + 3 * shifts
        return Cost.steady(cycles, constants + 40, 1300, operator.units * 5)

    def emit(self, site: Site, prefix: str, inputs: Sequence[str], output: str) -> Code:
        operator = site.layer.operator
        assert isinstance(operator, IntegerRecurrent)
        outputs, units = operator.input_bias.size, operator.units
        varies = max(operator.input_shift.size, operator.state_shift.size) > 1
        flipped = flip(site.inputs[0])
        size = outputs if varies else 1
        halves = {
            "input": (operator.input_weights, operator.input_bias, flipped),
            "state": (operator.state_weights, operator.state_bias, 0x80),
        }
        constants: list[Constant | Structure] = []
        for half, (weights, bias, offset) in halves.items():
            start = bias.astype(np.int64) - offset * weights.astype(np.int64).sum(axis=0)
            multiplier, shift = getattr(operator, f"{half}_multiplier"), getattr(operator, f"{half}_shift")
            constants += [
                Constant(f"{prefix}_{half}_weights", "int8_t", weights.T.reshape(-1)),
                Constant(f"{prefix}_{half}_bias", "gc_acc24_t", start),
                Constant(f"{prefix}_{half}_multiplier", "int16_t", np.broadcast_to(multiplier, size)),
                Constant(f"{prefix}_{half}_shift", "uint8_t", np.broadcast_to(shift, size)),
            ]
        fields = [
            (f"{half}_{part}", f"{prefix}_{half}_{part}")
            for part in ("weights", "bias", "multiplier", "shift")
            for half in halves
        ]
        fields += [
            ("steps", str(site.inputs[0].shape[0])),
            ("inputs", str(site.inputs[0].shape[1])),
            ("units", str(units)),
            ("flip", str(flipped)),
            ("varies", str(int(varies))),
            ("sequences", str(int(operator.sequences))),
        ]
        constants.append(Structure(prefix, "struct gc_recurrent", tuple(fields)))
        before = operator.cell == "gru" and not operator.reset_after
        function = f"gc_k_{operator.cell}{'_before' if before else ''}"
        statements = [f"uint8_t codes[{(3 if before else 2) * units}];"]
        memory = ""
        if operator.cell != "simple_rnn":
            statements.append(f"int16_t memory[{units}];")
            memory = " memory,"
        statements.append(f"{function}({inputs[0]}, {output}, codes,{memory} &{prefix});")
        return Code(tuple(constants), tuple(statements), ("gc_recurrent.h",))


KERNELS = (RecurrentC(),)
