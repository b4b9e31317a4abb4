"""The library's public face: one header, and ``predict`` in the caller's own units."""

from __future__ import annotations

import numpy as np

from toolchain.codegen.c_text import LICENCE, comment
from toolchain.ir import store
from toolchain.ir.graph import INTEGER_RANGE, Graph, Tensor

CODE_TYPE = {"int8": "int8_t", "uint8": "uint8_t"}


def raw_type(graph: Graph) -> str:
    """The C type of one input value as the data set has it: bytes go in as they are, everything else is a float."""
    return "float" if graph.encoding.quantize else "uint8_t"


def header(graph: Graph, prefix: str, description: str) -> str:
    """``<prefix>.h``: valid C and C++."""
    name, raw, output = prefix.upper(), raw_type(graph), graph.output
    code = CODE_TYPE[output.dtype]
    about = [line for line in (" ".join(description.split()), *units(graph), *answers(graph, prefix)) if line]
    return f"""{comment(f"The neural network {graph.name}.", "", *about, "", LICENCE)}#ifndef {name}_H
#define {name}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {name}_INPUTS {graph.input.size}u
#define {name}_OUTPUTS {output.size}u
#define {name}_CLASSES {classes(graph)}u /* 0: a regression */
#define {name}_HASH 0x{store.fingerprint(graph):08x}UL /* of the quantized network: other weights, other hash */

/* score = SCALE * (code - ZERO_POINT) */
#define {name}_OUTPUT_SCALE {single(output.scale)}
#define {name}_OUTPUT_ZERO_POINT {int(output.zero_point)}

/* Recognizes {name}_INPUTS values, in the units of the data set. {_returns(graph)} */
uint8_t {prefix}_predict(const {raw} *input);

/* The codes of the {name}_OUTPUTS scores, valid until the next input is written. */
static inline const {code} *{prefix}_codes(void);

/* Score number `index`, in the units of the network's output. */
static inline float {prefix}_score(uint16_t index);

/* The same without an array of the caller's: set every value, then infer. Inference overwrites the input. */
void {prefix}_set(uint16_t index, {raw} value);
uint8_t {prefix}_infer(void);

/* For programs that write the network's own bytes: {_bytes(graph)} */
uint8_t *{prefix}_input(void);
const uint8_t *{prefix}_output(void);

static inline const {code} *{prefix}_codes(void)
{{
    return (const {code} *){prefix}_output();
}}

static inline float {prefix}_score(uint16_t index)
{{
    return {name}_OUTPUT_SCALE * (float)({prefix}_codes()[index] - {name}_OUTPUT_ZERO_POINT);
}}

#ifdef __cplusplus
}}
#endif

#endif
"""


def source(graph: Graph, prefix: str) -> str:
    """``<prefix>_predict.c``: from the caller's values to the network's codes."""
    head = comment(f"From values of the data set to the codes of the network {graph.name}.", "", LICENCE)
    include = f'#include "{prefix}.h"\n\n'
    return head + include + (_quantizing(graph, prefix) if graph.encoding.quantize else _copying(prefix))


def classes(graph: Graph) -> int:
    return {"argmax": graph.output.size, "threshold": 2, "none": 0}[graph.decision]


def units(graph: Graph) -> list[str]:
    """What one input is, in sentences."""
    shape = " x ".join(map(str, graph.input.shape))
    if not graph.encoding.quantize:
        return [f"Input: {shape} bytes, 0 to 255, as the data set has them; their scaling is part of the network."]
    return [f"Input: {shape} floats, as the data set has them; scaling and rounding to 8 bits happen here."]


def answers(graph: Graph, prefix: str) -> list[str]:
    """What comes out, in sentences."""
    scores = f"{graph.output.size} score{'s' if graph.output.size > 1 else ''}"
    if graph.decision == "argmax":
        return [
            f"Output: the class, 0 to {graph.output.size - 1}, and {scores}, one a class. A softmax at the end is left",
            "out: it changes no order, so the greatest score is the likeliest class.",
        ]
    if graph.decision == "threshold":
        return [f"Output: the class, 0 or 1, and one score; 1 from a code of {graph.threshold} upward."]
    return [f"Output: {scores}."]


def single(value: float) -> str:
    """A float literal that a 32-bit float takes exactly as numpy would round the value."""
    text = repr(float(np.float32(value)))
    return f"{text}f"


def _returns(graph: Graph) -> str:
    return "Returns 0; the answer is in the scores." if graph.decision == "none" else "Returns the class."


def _bytes(graph: Graph) -> str:
    if not graph.encoding.quantize:
        return f"{graph.input.size} values as they are."
    zero = f" + {int(graph.input.zero_point)}" if graph.input.zero_point else ""
    return f"{graph.input.size} codes ({CODE_TYPE[graph.input.dtype]}), scaled value / {graph.input.scale!r}{zero}."


def _copying(prefix: str) -> str:
    return f"""void {prefix}_set(uint16_t index, uint8_t value)
{{
    {prefix}_input()[index] = value;
}}

uint8_t {prefix}_predict(const uint8_t *input)
{{
    uint8_t *place = {prefix}_input();
    for (uint16_t left = {prefix.upper()}_INPUTS; left != 0; left--)
        *place++ = *input++;
    return {prefix}_infer();
}}
"""


def _quantizing(graph: Graph, prefix: str) -> str:
    """code = clamp(round_half_even((value + offset) / divide / scale) + zero point), in double.

    A double of most machines gives the bits of the reference; that of avr-gcc has 32 bits, and a value within 2^-16 of
    the middle between two codes may become the neighbour of the reference's.
    """
    tensor, encoding = graph.input, graph.encoding
    arrays = "".join(
        _array(label, values) for label, values in (("offset", encoding.offset), ("divide", encoding.divide))
    )
    low, high = _limits(tensor)
    zero = int(tensor.zero_point)
    plus = f" + {zero}" if zero else ""
    value = f"((double)value + {_operand('offset', encoding.offset)}) / {_operand('divide', encoding.divide)}"
    return f"""#include <math.h>

#include "{prefix}-core.h"

{arrays}
void {prefix}_set(uint16_t index, float value)
{{
    double code = {value} / {float(tensor.scale)!r};
    int16_t nearest;
    if (!(code > {low - zero}))
        nearest = {low - zero};
    else if (code >= {high - zero})
        nearest = {high - zero};
    else
        nearest = (int16_t)lrint(code); /* halves to even */
    {prefix}_input()[index] = (uint8_t)(nearest{plus});
}}

uint8_t {prefix}_predict(const float *input)
{{
    for (uint16_t index = 0; index < {prefix.upper()}_INPUTS; index++)
        {prefix}_set(index, input[index]);
    return {prefix}_infer();
}}
"""


def _limits(tensor: Tensor) -> tuple[int, int]:
    bottom, top = INTEGER_RANGE[tensor.dtype]
    return max(tensor.low, bottom), min(tensor.high, top)


def _array(name: str, values: np.ndarray) -> str:
    if values.size == 1:
        return ""
    numbers = ", ".join(repr(float(value)) for value in values.reshape(-1))
    return f"static const GC_FLASH double {name}[{values.size}] = {{{numbers}}};\n"


def _operand(name: str, values: np.ndarray) -> str:
    return f"{name}[index]" if values.size > 1 else f"({float(values.reshape(-1)[0])!r})"
