"""NNoM's calls in front of our library: a ``weights.h`` for programs that were written for NNoM."""

from __future__ import annotations

from pathlib import Path

from toolchain.codegen.c_text import LICENCE, comment
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph
from toolchain.library.nnom_input import InputCode, decimal, input_code, meaning

SHIFT = 14
FRACTION = 1 << SHIFT
HEADER = Path(__file__).resolve().parents[2] / "firmware" / "nnom" / "nnom.h"


def files(graph: Graph, prefix: str, low: float, high: float) -> dict[str, str]:
    """``nnom.h`` and ``weights.h``; none if int8 with powers of two cannot express the network's input or output.

    ``low`` and ``high`` bound the raw data: NNoM's input has as many fractional bits as they leave.
    """
    try:
        code, dec = input_code(graph, low, high), decimal(graph.output, "the output")
    except GoldcrestError:
        return {}
    return {"nnom.h": HEADER.read_text(encoding="utf-8"), "weights.h": adapter(graph, prefix, code, dec)}


def adapter(graph: Graph, prefix: str, code: InputCode, dec: int) -> str:
    """``weights.h``: NNoM's two arrays and its constructor, with our network behind them."""
    name = prefix.upper()
    head = comment(
        f"The network {graph.name} behind NNoM's calls.",
        "",
        f"nnom_input_data   {meaning(graph, code)}",
        f"nnom_output_data  score = code * 2^{-dec}; a softmax at the end is left out, the greatest stays the greatest",
        "",
        LICENCE,
    )
    return f"""{head}#ifndef {name}_NNOM_WEIGHTS_H
#define {name}_NNOM_WEIGHTS_H

#include "nnom.h"
#include "{prefix}.h"

static int8_t nnom_input_data[{graph.input.size}];
static int8_t nnom_output_data[{graph.output.size}];

static inline nnom_status_t {prefix}_nnom_run(nnom_model_t *model)
{{
    uint8_t *input = {prefix}_input();
    (void)model;
    for (uint16_t i = 0; i < {name}_INPUTS; i++) {{
{_conversion(graph, code)}    }}
    {prefix}_infer();
    memcpy(nnom_output_data, {prefix}_output(), {name}_OUTPUTS);
    return NN_SUCCESS;
}}

static inline nnom_model_t *nnom_model_create(void)
{{
    static nnom_model_t model = {{{prefix}_nnom_run}};
    return &model;
}}

#endif
"""


def _conversion(graph: Graph, code: InputCode) -> str:
    """The loop's body: from NNoM's int8 to our byte, rounded to nearest."""
    if graph.encoding.quantize:
        return "        input[i] = (uint8_t)nnom_input_data[i];\n"
    if code.ratio == 1 and code.zero == int(code.zero):
        value = "nnom_input_data[i]" + (f" + {int(code.zero)}" if code.zero else "")
    else:
        factor, zero = round(code.ratio * FRACTION), round(code.zero * FRACTION) + FRACTION // 2
        value = f"(int16_t)((nnom_input_data[i] * {factor}L + {zero}L) >> {SHIFT})"
    return f"        int16_t byte = {value};\n        input[i] = (uint8_t)(byte < 0 ? 0 : byte > 255 ? 255 : byte);\n"
