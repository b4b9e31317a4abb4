"""NNoM's conventions: its calls in front of our library, and its weights.h against its arithmetic in numpy."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library import building
from toolchain.errors import GoldcrestError
from toolchain.ir.graph import Encoding, Graph, Layer, verify
from toolchain.layers.flatten import View
from toolchain.library import nnom_calls
from toolchain.library.naming import prefix
from toolchain.library.nnom_export import interleaved, weights_h
from toolchain.library.nnom_input import InputCode, input_code, meaning
from toolchain.simulator.core import Core

APPLICATION = Path(__file__).parent / "nnom_application" / "main.c"
FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
USART3 = 0x0860  # of the ATmega4809: received byte, then sent byte and status
SENT, STATUS, READY = USART3 + 2, USART3 + 4, 0xA0
LDS, STS = 0x9000, 0x9200


def nnom_codes(code: InputCode, raw: np.ndarray) -> np.ndarray:
    """What an application that follows NNoM writes for raw bytes."""
    return np.clip(np.rint((raw.astype(np.float64) - code.zero) / code.ratio), -128, 127).astype(np.int8)


def test_an_application_written_for_nnom_answers_as_our_firmware_does(tmp_path: Path) -> None:
    graph = building.dense("digits_nnom", inputs=64, hidden=12, outputs=10)
    library = building.write(graph, tmp_path / "library")
    command = [*building.avr("atmega4809"), "-DF_CPU=20000000UL", "-DGC_USART=3"]
    headers = [f"-I{path}" for path in (library / "src", library / "nnom", FIRMWARE / "ports")]
    parts = building.objects(library, command, tmp_path / "objects")
    image = tmp_path / "application.elf"
    port = FIRMWARE / "ports" / "megaavr0.c"
    building.run([*command, *headers, APPLICATION, port, *parts, "-Wl,--gc-sections", "-o", image])
    raw = building.samples(graph, 100, seed=4)
    raw[raw == 255] = 254  # 128 is no int8: such a pixel is another one to NNoM
    pixels = nnom_codes(input_code(graph, 0, 255), raw)
    np.testing.assert_array_equal(pixels, raw.astype(np.int16) - 127)
    expected = graph.classify(graph.run(graph.encode(raw).astype(np.int64)))
    assert answers(Core(image, "atmega4809"), pixels.view(np.uint8)) == list(expected)


def answers(core: Core, images: np.ndarray) -> list[int]:
    """What the application sends for each image, its serial line driven from outside: byte by byte, always ready."""
    core.write(STATUS, bytes([READY]))
    loads, sends = instructions(core, LDS, USART3), instructions(core, STS, SENT)
    assert len(loads) == 1 and len(sends) == 1, "the serial line is read and written in one place each"
    core.set_breakpoint(loads[0])
    core.set_breakpoint(sends[0] + 4)  # behind the two words of STS
    core.enter(0)
    found = []
    for image in images:
        for byte in image:
            core.resume()
            assert core.pc == loads[0]
            core.write(USART3, bytes([byte]))
        core.resume()
        assert core.pc == sends[0] + 4
        found.append(core.read(SENT, 1)[0])
    return found


def instructions(core: Core, opcode: int, address: int) -> list[int]:
    """Where ``main`` reads or writes this address with an instruction of two words."""
    main = next(symbol for symbol in core.image.functions if symbol.name == "main")
    words = np.frombuffer(core.read_flash(main.address, main.size), "<u2").astype(int)
    pairs = itertools.pairwise(words)
    return [main.address + 2 * at for at, (one, two) in enumerate(pairs) if one & 0xFE0F == opcode and two == address]


@pytest.mark.parametrize("offset, divide, ends", [(-127, 8, (0, 255)), (0, 255, (0, 255)), (0, 1, (0, 1))])
def test_the_adapter_s_input_is_nnom_s_own(offset: float, divide: float, ends: tuple[int, int], tmp_path: Path) -> None:
    """Each byte of the data, as NNoM's converter would quantize it, comes back as that byte, or nearly."""
    graph = building.dense("digits_nnom", inputs=64, hidden=12, outputs=10)
    encoding = Encoding(np.array([offset]), np.array([divide]), quantize=False)
    graph = replace(graph, encoding=encoding, input=replace(graph.input, scale=1 / divide, zero_point=-offset))
    code = input_code(graph, *ends)
    largest = max(abs(ends[0] + offset), abs(ends[1] + offset)) / divide
    assert code.dec == 7 - np.ceil(np.log2(largest))
    for name, text in (building.content(building.dense("digits_nnom", inputs=64, hidden=12, outputs=10))).items():
        if name.startswith("src/"):
            (tmp_path / Path(name).name).write_text(text)
    for name, text in nnom_calls.files(graph, "digits_nnom", *ends).items():
        (tmp_path / name).write_text(text)
    main = tmp_path / "adapter.c"
    main.write_text(
        '#include <stdio.h>\n#include "weights.h"\nuint8_t digits_nnom_test[64];\n'
        "uint8_t *digits_nnom_input(void) { return digits_nnom_test; }\n"
        "const uint8_t *digits_nnom_output(void) { return digits_nnom_test; }\n"
        "uint8_t digits_nnom_infer(void) { fwrite(digits_nnom_test, 1, 64, stdout); return 0; }\n"
        "int main(void)\n{\n    while (fread(nnom_input_data, 1, 64, stdin) == 64)\n"
        "        model_run(nnom_model_create());\n    return nnom_output_data[0] == 1;\n}\n"
    )
    program = tmp_path / "adapter"
    building.run([*building.host(), main, "-o", program])
    raw = np.resize(np.arange(ends[0], ends[1] + 1), 256).astype(np.uint8)
    back = np.frombuffer(building.run([program], nnom_codes(code, raw).tobytes()), np.uint8)
    held = (
        np.abs((raw.astype(float) - code.zero) / code.ratio) <= 127
    )  # 128 is no int8: the largest byte becomes the one below
    assert held.mean() > 0.98 or ends == (0, 1)
    assert np.abs(back[held].astype(int) - raw[held]).max() <= np.ceil(max(code.ratio, 1) / 2) - (code.ratio <= 1)
    assert np.abs(back.astype(int) - raw).max() <= 2


def test_the_adapter_needs_powers_of_two() -> None:
    assert nnom_calls.files(building.dense("digits_affine", scheme="affine"), "digits_affine", 0, 255) == {}
    assert "nnom/weights.h" not in building.content(building.dense("digits_affine", scheme="affine"))


# The exported weights.h


def numbers(text: str, name: str) -> np.ndarray:
    found = re.search(rf"#define {name} {{ \\\n(.*?)}}", text, re.DOTALL)
    assert found, name
    return np.array([int(each) for each in found[1].replace("\\\n", " ").split(",")])


def value(text: str, name: str) -> int:
    """A macro's value: a number, or sums and differences of other macros."""
    found = re.search(rf"#define {name} (.+)", text)
    assert found, name
    total, sign = 0, 1
    for token in re.findall(r"[A-Z_]\w*|\d+|[-+]", found[1].strip("()")):
        if token in "+-":
            sign = 1 if token == "+" else -1
        else:
            total, sign = total + sign * (int(token) if token.isdigit() else value(text, token)), 1
    return total


def in_rows(flat: np.ndarray, outputs: int) -> np.ndarray:
    """The matrix (outputs, inputs) of weights in NNoM's order, read as its inner loop consumes them."""
    inputs = len(flat) // outputs
    matrix = np.zeros((outputs, inputs), np.int64)
    stream = iter(flat)
    for row in range(0, outputs - outputs % 4, 4):
        for column in range(0, inputs - inputs % 4, 4):
            for odd in (0, 1):
                for pair in (0, 2):
                    for step in (0, 2):
                        for one in (0, 1):
                            matrix[row + pair + one, column + odd + step] = next(stream)
        for column in range(inputs - inputs % 4, inputs):
            for one in range(4):
                matrix[row + one, column] = next(stream)
    for row in range(outputs - outputs % 4, outputs):
        matrix[row] = [next(stream) for _ in range(inputs)]
    return matrix


@given(st.integers(1, 13), st.integers(1, 13), st.randoms(use_true_random=False))
def test_the_order_of_dense_weights(outputs: int, inputs: int, random: object) -> None:
    matrix = np.arange(outputs * inputs).reshape(outputs, inputs)
    np.testing.assert_array_equal(in_rows(interleaved(matrix), outputs), matrix)


def nnom_dense(text: str, name: str, codes: np.ndarray) -> np.ndarray:
    """NNoM's dense layer with rounding, as documented: int8 everywhere, shifts for bias and output."""
    bias = numbers(text, f"{name}_BIAS_0")
    weights = in_rows(numbers(text, f"{name}_KERNEL_0"), len(bias))
    right, left = value(text, f"{name}_OUTPUT_RSHIFT"), value(text, f"{name}_BIAS_LSHIFT")
    assert right >= 0 and left >= 0 and np.abs(np.concatenate([bias, weights.reshape(-1)])).max() <= 128
    return np.clip((codes @ weights.T + (bias << left) + ((1 << right) >> 1)) >> right, -128, 127)


def of_an_image(graph: Graph) -> Graph:
    """The same network on an image of 8 × 8, flattened first."""
    source = replace(graph.input, shape=(8, 8, 1))
    first, *rest = graph.layers
    flat = Layer("flat", ("input",), View((64,)), graph.input)
    return verify(replace(graph, input=source, layers=(flat, replace(first, inputs=("flat",)), *rest)))


@pytest.mark.parametrize("network", ["bytes", "image", "of 255", "floats"])
def test_nnom_s_arithmetic_on_the_export_gives_our_answers(network: str) -> None:
    digits = building.dense("digits_nnom", inputs=64, hidden=12, outputs=10)
    graph = {
        "bytes": lambda: digits,
        "image": lambda: of_an_image(digits),
        "of 255": lambda: building.dense("digits_255", inputs=64, hidden=12, outputs=10, divide=255),
        "floats": lambda: building.measured("sensor"),
    }[network]()
    raw = building.samples(graph, 300, seed=8)
    ends = (0.0, 255.0) if not graph.encoding.quantize else (float(raw.min()), float(raw.max()))
    text = weights_h(graph, *ends)
    codes = graph.encode(raw).astype(np.int64)
    code = input_code(graph, *ends)
    given = codes if graph.encoding.quantize else nnom_codes(code, raw).astype(np.int64)
    # What NNoM sees of the pixels: of 255 it sees 254.
    taken = codes if graph.encoding.quantize else np.rint(given * code.ratio + code.zero).astype(np.int64)
    given = given.reshape(len(given), -1)
    hidden = np.maximum(nnom_dense(text, "HIDDEN", given), 0)
    found = nnom_dense(text, "LAST", hidden)
    expected = graph.run(taken)
    # The only difference is the bias, eight bits in NNoM: at most half of its last bit, seen through the output shift;
    # and of 255 that NNoM's codes are 256ths.
    assert np.abs(found - expected).max() <= (2 if network == "of 255" else 1)
    assert (found == expected).mean() > (0.6 if network == "of 255" else 0.9)


def test_the_export_writes_a_convolution_with_its_relu_and_pooling() -> None:
    graph = building.convolutional("picture")
    text = weights_h(graph, 0, 255)
    assert "model.hook(Conv2D(4, kernel(3, 3), stride(1, 1), dilation(1, 1), PADDING_SAME, &conv_w, &conv_b)" in text
    steps = re.findall(r"layer\[(\d)\] = (?:model\.\w+\()?(\w+)\(", text)
    assert [step for _index, step in steps] == ["Input", "Conv2D", "act_relu", "MaxPool", "Flatten", "Dense", "Output"]
    assert [int(index) for index, _step in steps] == list(range(7))
    weights = numbers(text, "CONV_KERNEL_0").reshape(4, 3, 3, 1)
    operator = graph.layers[0].operator
    np.testing.assert_array_equal(weights.transpose(1, 2, 3, 0), operator.weights)  # type: ignore[attr-defined]


def test_what_nnom_cannot_express_is_an_error_that_names_it() -> None:
    with pytest.raises(GoldcrestError, match=r"layer hidden has uint8 codes .*affine scheme"):
        weights_h(building.dense("digits_affine", scheme="affine"), 0, 255)
    with pytest.raises(GoldcrestError, match="the input has uint8 codes"):
        weights_h(building.measured("sensor_affine", scheme="affine"), -100, 100)


@pytest.mark.parametrize(("divide", "better"), [(10, 8), (100, 128), (50, 64)])
def test_an_input_scale_that_no_shift_can_take_in_is_refused(divide: int, better: int) -> None:
    """A tenth is 1.25 eighths: the first layer's sums would come out so much too large or too small."""
    with pytest.raises(GoldcrestError, match=rf"`input.divide` is {divide}: write `divide: {better}`, or take NNoM's"):
        weights_h(building.dense("digits", inputs=64, hidden=12, outputs=10, divide=divide), 0, 255)


def test_meaning_is_said_in_words() -> None:
    graph = building.dense("digits_nnom", inputs=64, hidden=12, outputs=10)
    assert meaning(graph, input_code(graph, 0, 255)) == "x - 127, for a byte x of the data set"
    assert prefix("2nd-try") == "m_2nd_try"
