"""``weights.h`` as NNoM's own converter writes it, for projects that link NNoM: its layer interface.

The format is described in docs/nnom.md. NNoM computes, for each weighted layer,

    y = saturate8((Σ x·w + (bias << BIAS_LSHIFT) + rounding) >> OUTPUT_RSHIFT)

with int8 everywhere and one power-of-two scale a tensor. Ours is the same but for two things: our biases have the
accumulator's full resolution, NNoM's are eight bits at a scale of their own; and our inputs are bytes with their zero
point in the bias, NNoM's are signed (see ``nnom_input``). The bias is rounded here, as NNoM's converter rounds it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.codegen.c_text import identifier
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Graph, Layer
from toolchain.ir.operators import Requantization
from toolchain.layers.activation import Clamp
from toolchain.layers.convolution import IntegerConvolution
from toolchain.layers.dense import IntegerDense
from toolchain.layers.depthwise_convolution import IntegerDepthwiseConvolution
from toolchain.layers.flatten import View
from toolchain.layers.pooling import IntegerMaxPooling
from toolchain.library.nnom_input import InputCode, decimal, input_code, meaning

NEAR = 1 / 128
"""How far the ratio of codes may be from a power of two: less than one code of eight bits. 255 is so near to 256."""

Weighted = IntegerDense | IntegerConvolution | IntegerDepthwiseConvolution


@dataclass(frozen=True)
class Constants:
    """A weighted layer as NNoM has it. Decimal places (``…_dec``) are fractional bits: real = code · 2^-dec."""

    name: str
    weights: np.ndarray  # int8, flat, in NNoM's order
    bias: np.ndarray  # int8
    source_dec: int
    weight_dec: int
    bias_dec: int
    output_dec: int


def weights_h(graph: Graph, low: float, high: float) -> str:
    """The text of ``weights.h``; the raw data lie between ``low`` and ``high``.

    Raises GoldcrestError naming the layer that NNoM cannot express, and why.
    """
    code = input_code(graph, low, high)
    _check_ratio(graph, code)
    decimals = {"input": code.dec}
    raw = {"input"}  # the tensors that hold codes of the input, in whatever shape
    constants: list[Constants] = []
    steps: list[str] = []
    index = {"input": 0}
    for layer in graph.layers:
        if len(layer.inputs) != 1:
            _refuse(layer, "it merges several layers")
        (source,) = layer.inputs
        if len(graph.readers(source)) > 1:
            _refuse(layer, "several layers read its input")
        if source in raw and isinstance(layer.operator, View | IntegerMaxPooling):
            raw.add(layer.name)
        decimals[layer.name] = code.dec if layer.name in raw else decimal(layer.output, f"layer {layer.name}")
        hooks = _hooks(graph, layer, code.zero if source in raw else 0.0)
        if isinstance(layer.operator, Weighted):
            before = (code.zero, code.bits) if source in raw else (0.0, 0)
            constants.append(_constants(layer, *before, decimals))
        at = index[source]
        for hook in hooks:
            steps.append(hook.format(at=at, next=len(steps) + 1))
            at = len(steps)
        index[layer.name] = at
    return _text(graph, meaning(graph, code), decimals, constants, steps, index[graph.layers[-1].name])


def _check_ratio(graph: Graph, code: InputCode) -> None:
    """Raises GoldcrestError if NNoM's codes of raw bytes are no power of two of ours, which no shift could take in."""
    if abs(2.0**code.bits / code.ratio - 1) > NEAR:
        divide = 1 / graph.input.scale
        raise GoldcrestError(
            f"NNoM knows powers of two only, and `input.divide` is {divide:g}: write `divide: {_nearest(divide):g}`, "
            "or take NNoM's calls from `library`, which convert every value"
        )


def _nearest(value: float) -> float:
    """The power of two that is nearest on a logarithmic scale."""
    return float(2.0 ** round(math.log2(value)))


def _refuse(layer: Layer, reason: str) -> None:
    raise GoldcrestError(f"layer {layer.name}: NNoM cannot express this {layer.operator.kind} layer: {reason}")


def _hooks(graph: Graph, layer: Layer, zero: float) -> list[str]:
    """The statements of ``nnom_model_create`` for a layer, ``{next}`` and ``{at}`` being indices of ``layer[]``."""
    operator, name = layer.operator, identifier(layer.name)
    source = graph.tensor(layer.inputs[0])
    if isinstance(operator, View):
        return ["layer[{next}] = model.hook(Flatten(), layer[{at}]);"]
    if isinstance(operator, IntegerMaxPooling):
        return [_pool(layer, operator)]
    if isinstance(operator, Clamp):
        return [_relu(layer, operator.low, operator.high)]
    if isinstance(operator, IntegerDense):
        hooks = [f"layer[{{next}}] = model.hook(Dense({layer.output.size}, &{name}_w, &{name}_b), layer[{{at}}]);"]
    elif isinstance(operator, IntegerConvolution | IntegerDepthwiseConvolution):
        padding = _padding(layer, operator, source.shape, zero)
        if isinstance(operator, IntegerConvolution):
            what = f"Conv2D({operator.filters}, "
        else:
            if operator.weights.shape[3] != 1:
                _refuse(layer, "it has several filters a channel")
            what = "DW_Conv2D(1, "
        height, width = operator.weights.shape[:2]
        hooks = [
            f"layer[{{next}}] = model.hook({what}kernel({height}, {width}), stride({_numbers(operator.stride)}), "
            f"dilation({_numbers(operator.dilation)}), {padding}, &{name}_w, &{name}_b), layer[{{at}}]);"
        ]
    else:
        _refuse(layer, "the exporter knows dense, convolution, depthwise, max pooling, flatten and relu")
    assert isinstance(operator, Weighted)
    if operator.requantization.low > -128 or operator.requantization.high < 127:
        hooks.append(_relu(layer, operator.requantization.low, operator.requantization.high))
    pool = getattr(operator, "pool", 1)
    if pool > 1:
        sizes = f"kernel({pool}, {pool}), stride({pool}, {pool})"
        hooks.append(f"layer[{{next}}] = model.hook(MaxPool({sizes}, PADDING_VALID), layer[{{at}}]);")
    return hooks


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(str(int(value)) for value in values)


def _relu(layer: Layer, low: int, high: int) -> str:
    if (low, high) != (0, 127):
        _refuse(layer, f"its activation clamps codes to {low}…{high}; only relu (0…127) is the same in both")
    return "layer[{next}] = model.active(act_relu(), layer[{at}]);"


def _pool(layer: Layer, operator: IntegerMaxPooling) -> str:
    if len(operator.size) != 2 or operator.padding != "valid":
        _refuse(layer, "max pooling is exported in two dimensions and with padding valid")
    sizes = f"kernel({_numbers(operator.size)}), stride({_numbers(operator.stride)})"
    return f"layer[{{next}}] = model.hook(MaxPool({sizes}, PADDING_VALID), layer[{{at}}]);"


def _padding(
    layer: Layer, operator: IntegerConvolution | IntegerDepthwiseConvolution, shape: tuple[int, ...], zero: float
) -> str:
    if len(shape) != 3:
        _refuse(layer, "it works on a sequence; only two-dimensional convolutions are exported")
    if not any(operator.pads):
        return "PADDING_VALID"
    if operator.pad_code != zero:
        _refuse(layer, "its border is not at NNoM's code 0")
    kernel = operator.weights.shape[:2]
    centred = [operator.dilation[axis] * (kernel[axis] - 1) // 2 for axis in (0, 1)]
    if [operator.pads[0], operator.pads[2]] != centred:
        _refuse(
            layer,
            f"`padding: same` puts {operator.pads[0]} rows and {operator.pads[2]} columns of zeros before the image "
            f"(as Keras does), NNoM always {centred[0]} and {centred[1]}; a stride of 1 and an odd kernel make them "
            "equal",
        )
    return "PADDING_SAME"


def _constants(layer: Layer, zero: float, bits: int, decimals: dict[str, int]) -> Constants:
    """``zero`` and ``bits`` say what NNoM's code of the source is: ours = nnom · 2^bits + zero."""
    operator = layer.operator
    assert isinstance(operator, Weighted)
    source, dec = decimals[layer.inputs[0]], decimals[layer.name]
    weights = operator.weights.astype(np.int64)
    axes = (0, 1) if isinstance(operator, IntegerDepthwiseConvolution) else tuple(range(weights.ndim - 1))
    exact = operator.bias.reshape(-1) + zero * weights.sum(axis=axes).reshape(-1)  # the zero point leaves the bias
    # dec(source) + dec(weights) = dec(accumulator) = dec(output) + shift
    accumulator = dec + _shift(layer, operator.requantization) - bits
    if accumulator < dec:
        _refuse(layer, f"its input loses {bits} bits in NNoM's int8, and its output has none to spare")
    bias, bias_dec = _bias(exact / 2.0**bits, accumulator)
    return Constants(identifier(layer.name), _ordered(operator), bias, source, accumulator - source, bias_dec, dec)


def _shift(layer: Layer, step: Requantization) -> int:
    if step.shift.size != 1 or np.any(step.multiplier != 1):
        _refuse(layer, "it has multipliers or a scale a channel (affine scheme)")
    return int(step.shift.reshape(-1)[0])


def _bias(exact: np.ndarray, accumulator: int) -> tuple[np.ndarray, int]:
    """Biases in units of the accumulator as int8 with their own decimal places, at most the accumulator's."""
    left = 0
    while np.abs(np.rint(exact / (1 << left))).max(initial=0) > 127:
        left += 1
    return np.rint(exact / (1 << left)).astype(np.int8), accumulator - left


def _ordered(operator: Weighted) -> np.ndarray:
    """The weights in NNoM's order (height, width, channel innermost), flat."""
    if isinstance(operator, IntegerDense):
        return interleaved(operator.weights.T)
    if isinstance(operator, IntegerConvolution):
        return operator.weights.transpose(3, 0, 1, 2).reshape(-1)
    return operator.weights.reshape(-1)


def interleaved(matrix: np.ndarray) -> np.ndarray:
    """A matrix (outputs, inputs) in the order of CMSIS-NN's ``fully_connected_q7_opt`` (its documentation draws it).

    Four outputs at a time: of each four inputs first 0 and 2, then 1 and 3; for each such pair, outputs 0 and 1, then 2
    and 3, input by input. Left-over inputs of the block follow output by output, left-over outputs row by row.
    """
    rows, columns = matrix.shape
    full, whole = rows - rows % 4, columns - columns % 4
    parts = []
    for block in matrix[:full].reshape(-1, 4, columns):
        # axes: output pair, output of the pair, group of four inputs, input of the pair, which pair (0 and 2 | 1 and 3)
        body = block[:, :whole].reshape(2, 2, whole // 4, 2, 2)
        parts += [body.transpose(2, 4, 0, 3, 1).reshape(-1), block[:, whole:].T.reshape(-1)]
    parts.append(matrix[full:].reshape(-1))
    return np.concatenate(parts)


def _text(
    graph: Graph, said: str, decimals: dict[str, int], constants: Sequence[Constants], steps: Sequence[str], last: int
) -> str:
    lines = [
        f"/* The network {graph.name} for NNoM's layer interface, written by Goldcrest.",
        " *",
        f" * nnom_input_data   {said}",
        f" * nnom_output_data  score = code * 2^-{decimals[graph.layers[-1].name]}; a softmax at the end is left out",
        " *",
        " * Build NNoM with rounding (NNOM_TRUNCATE undefined) for the answers of Goldcrest's own code.",
        *_defect(constants, graph),
        " *",
        " * SPDX-License-Identifier: Apache-2.0",
        " */",
        '#include "nnom.h"',
        "",
    ]
    for one in constants:
        name = one.name.upper()
        lines += [*_macro(f"{name}_KERNEL_0", one.weights), f"#define {name}_KERNEL_0_SHIFT ({one.weight_dec})", ""]
        lines += [*_macro(f"{name}_BIAS_0", one.bias), f"#define {name}_BIAS_0_SHIFT ({one.bias_dec})", ""]
    lines += ["/* fractional bits of each layer's output */"]
    lines += [f"#define {identifier(name).upper()}_OUTPUT_SHIFT {dec}" for name, dec in decimals.items()]
    lines += ["", "/* how far biases go left and sums go right */"]
    for one in constants:
        name = one.name.upper()
        source = next(layer.inputs[0] for layer in graph.layers if identifier(layer.name) == one.name)
        both = f"{identifier(source).upper()}_OUTPUT_SHIFT+{name}_KERNEL_0_SHIFT"
        lines += [
            f"#define {name}_OUTPUT_RSHIFT ({both}-{name}_OUTPUT_SHIFT)",
            f"#define {name}_BIAS_LSHIFT ({both}-{name}_BIAS_0_SHIFT)",
        ]
        for shift in ("OUTPUT_RSHIFT", "BIAS_LSHIFT"):
            lines += [f"#if {name}_{shift} < 0", f"#error {name}_{shift} must not be negative", "#endif"]
    lines += ["", "/* weights of each layer */"]
    for one in constants:
        name = one.name
        lines += [
            f"static const int8_t {name}_weights[] = {name.upper()}_KERNEL_0;",
            f"static const nnom_weight_t {name}_w = {{(const void *){name}_weights, {name.upper()}_OUTPUT_RSHIFT}};",
            f"static const int8_t {name}_bias[] = {name.upper()}_BIAS_0;",
            f"static const nnom_bias_t {name}_b = {{(const void *){name}_bias, {name.upper()}_BIAS_LSHIFT}};",
        ]
    return "\n".join([*lines, *_model(graph, steps, last)]) + "\n"


def _defect(constants: Sequence[Constants], graph: Graph) -> list[str]:
    """A word on NNoM's dense layers whose number of outputs is not divisible by 4, if there are any."""
    dense = {identifier(layer.name) for layer in graph.layers if isinstance(layer.operator, IntegerDense)}
    names = [one.name for one in constants if one.name in dense and len(one.bias) % 4 and len(one.bias) > 4]
    if not names:
        return []
    return [
        " * NNoM up to 0.4.3 gives the last outputs of a dense layer (those beyond a multiple of 4) the biases of the",
        f" * first ones; here that concerns {', '.join(names)}. docs/nnom.md of Goldcrest says what it changes.",
    ]


def _model(graph: Graph, steps: Sequence[str], last: int) -> list[str]:
    count = len(steps) + 2
    return [
        "",
        "/* the model */",
        f"static int8_t nnom_input_data[{graph.input.size}];",
        f"static int8_t nnom_output_data[{graph.output.size}];",
        "",
        "static nnom_model_t *nnom_model_create(void)",
        "{",
        "\tstatic nnom_model_t model;",
        f"\tnnom_layer_t *layer[{count}];",
        "",
        "\tnew_model(&model);",
        "",
        f"\tlayer[0] = Input(shape({_shape(graph.input.shape)}), nnom_input_data);",
        *(f"\t{step}" for step in steps),
        f"\tlayer[{count - 1}] = model.hook(Output(shape({_shape(graph.output.shape)}), nnom_output_data), "
        f"layer[{last}]);",
        f"\tmodel_compile(&model, layer[0], layer[{count - 1}]);",
        "\treturn &model;",
        "}",
    ]


def _shape(shape: Sequence[int]) -> str:
    """NNoM's shapes have three numbers: a vector lies along the first, a sequence along the last two."""
    return _numbers({1: (*shape, 1, 1), 2: (1, *shape)}.get(len(shape), tuple(shape)))


def _macro(name: str, values: np.ndarray) -> list[str]:
    numbers = ", ".join(str(int(value)) for value in values)
    rows = textwrap.wrap(numbers, 116, break_long_words=False, break_on_hyphens=False)
    return [f"#define {name} {{ \\", *(f"\t{row} \\" for row in rows), "}"]
