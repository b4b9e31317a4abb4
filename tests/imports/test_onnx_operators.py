"""Every ONNX operator that is read, against onnxruntime, value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from tests.imports import onnx_made, reading
from toolchain import passes
from toolchain.errors import GoldcrestError

RNG = np.random.default_rng(3)
BEGINNING = RNG.bit_generator.state
IMAGE = (3, 7, 6)  # channels first
PROBE = np.array([[-1.5, 0.0, 3.0, 7.5]])
Weights = Mapping[str, np.ndarray]


@pytest.fixture(autouse=True)
def the_same_numbers() -> None:
    """Every test draws its own, whichever tests ran before it in the same process."""
    RNG.bit_generator.state = BEGINNING


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def node(kind: str, *inputs: str, output: str = "y", **options: Any) -> Any:
    return helper.make_node(
        kind, ["input", *inputs] if "input" not in inputs else list(inputs), [output], kind, **options
    )


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def agrees(
    tmp_path: Path,
    nodes: Sequence[Any],
    weights: Weights,
    shape: Sequence[int],
    version: int = 17,
    declared: Any = None,
) -> None:
    """Assert that a graph of these nodes, ended by a Gemm so that order counts, gives onnxruntime's outputs."""
    x = normal(4, *shape)
    probe = onnx_made.model(nodes, weights, shape, 1, version)
    probe.graph.output[0].type.CopyFrom(onnx.TypeProto())
    probe.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    middle = onnxruntime.InferenceSession(probe.SerializeToString()).run(None, {"input": x})[0]
    width = middle[0].size
    matrix = {"last_w": normal(width, 5), "last_b": normal(5)}
    ending = [
        helper.make_node("Flatten", [nodes[-1].output[0]], ["last_flat"], "last_flatten"),
        helper.make_node("Gemm", ["last_flat", "last_w", "last_b"], ["last"], "last_gemm"),
    ]
    content = onnx_made.model([*nodes, *ending], {**weights, **matrix}, shape, 5, version)
    onnx.save(content, tmp_path / "m.onnx")
    expected = onnxruntime.InferenceSession(content.SerializeToString()).run(None, {"input": x})[0]
    turned = len(shape) > 1 and declared is None
    ours = x.transpose(0, *range(2, x.ndim), 1) if turned else x
    graph = reading.graph(tmp_path / "m.onnx", declared or ours.shape[1:])
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(graph.run(ours.astype(np.float64)), expected, atol=2e-5 * scale)
    passed = passes.run(passes.float_passes("probabilities"), graph)
    after = passed.run(passed.encoding.scaled(ours))  # a scaling of the input has become the encoding's
    np.testing.assert_allclose(after, expected, atol=2e-5 * scale, err_msg="after the passes")


CONV = {"w": normal(4, 3, 3, 3), "b": normal(4)}
CASES: dict[str, Any] = {  # nodes, weights, the input's shape, and the version of the operators if it is not 17
    "conv": ([node("Conv", "w", "b")], CONV, IMAGE),
    "conv same": ([node("Conv", "w", pads=[1, 1, 1, 1])], {"w": CONV["w"]}, IMAGE),
    "conv stride, symmetric": ([node("Conv", "w", pads=[1, 1, 1, 1], strides=[2, 2])], {"w": CONV["w"]}, IMAGE),
    "conv upper": ([node("Conv", "w", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": CONV["w"]}, IMAGE),
    "conv lower": ([node("Conv", "w", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": CONV["w"]}, IMAGE),
    "conv uneven": ([node("Conv", "w", pads=[0, 2, 1, 0])], {"w": CONV["w"]}, IMAGE),
    "conv dilated": ([node("Conv", "w", dilations=[2, 2])], {"w": CONV["w"]}, IMAGE),
    "depthwise": ([node("Conv", "w", "b", group=3)], {"w": normal(6, 1, 3, 3), "b": normal(6)}, IMAGE),
    "conv of a sequence": ([node("Conv", "w", "b")], {"w": normal(4, 3, 3), "b": normal(4)}, (3, 9)),
    "max pool": ([node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])], {}, IMAGE),
    "max pool same": ([node("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}, IMAGE),
    "average pool": ([node("AveragePool", kernel_shape=[2, 3], strides=[2, 3])], {}, IMAGE),
    "average pool, inside": ([node("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}, IMAGE),
    "average pool, padded": (
        [node("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1)],
        {},
        IMAGE,
    ),
    "global average": ([node("GlobalAveragePool")], {}, IMAGE),
    "global max": ([node("GlobalMaxPool")], {}, IMAGE),
    "mean": ([node("ReduceMean", axes=[2, 3], keepdims=0)], {}, IMAGE),
    "mean, from the end": ([node("ReduceMean", axes=[-1, -2])], {}, IMAGE),
    "max": ([node("ReduceMax", axes=[2, 3], keepdims=0)], {}, IMAGE),
    "normalization": (
        [node("BatchNormalization", "s", "b", "m", "v", epsilon=0.01)],
        {"s": normal(3), "b": normal(3), "m": normal(3), "v": np.abs(normal(3))},
        IMAGE,
    ),
    "normalization, flattened": (
        [node("Flatten", output="f"), helper.make_node("BatchNormalization", ["f", "s", "b", "m", "v"], ["y"], "n")],
        {"s": normal(126), "b": normal(126), "m": normal(126), "v": np.abs(normal(126)) + 0.1},
        IMAGE,
    ),
    "add a channel's": ([node("Add", "c")], {"c": normal(3, 1, 1)}, IMAGE),
    "add, flattened": (
        [node("Flatten", output="f"), helper.make_node("Add", ["c", "f"], ["y"], "a")],
        {"c": normal(126)},
        IMAGE,
    ),
    "multiply a row's": ([node("Mul", "c")], {"c": normal(7, 1)}, IMAGE),
    "constant minus x": ([helper.make_node("Sub", ["c", "input"], ["y"], "s")], {"c": normal(1)}, IMAGE),
    "x minus constant": ([node("Sub", "c")], {"c": normal(1)}, IMAGE),
    "divide": ([node("Div", "c")], {"c": np.array(4.0, np.float32)}, IMAGE),
    "matmul": ([node("MatMul", "w")], {"w": normal(9, 4)}, (9,)),
    "gemm": (
        [node("Gemm", "w", "b", transB=1, alpha=0.5, beta=2.0)],
        {"w": normal(4, 9), "b": normal(4)},
        (9,),
    ),
    "residual": (
        [
            node("Conv", "w", output="c", pads=[1, 1, 1, 1]),
            helper.make_node("Add", ["c", "input"], ["y"], "sum"),
        ],
        {"w": normal(3, 3, 3, 3)},
        IMAGE,
    ),
    "difference": (
        [node("Relu", output="r"), helper.make_node("Sub", ["input", "r"], ["y"], "difference")],
        {},
        IMAGE,
    ),
    "product": ([node("Tanh", output="t"), helper.make_node("Mul", ["input", "t"], ["y"], "p")], {}, IMAGE),
    "concatenate channels": (
        [node("Relu", output="r"), helper.make_node("Concat", ["input", "r"], ["y"], "c", axis=1)],
        {},
        IMAGE,
    ),
    "concatenate rows": (
        [node("Relu", output="r"), helper.make_node("Concat", ["r", "input"], ["y"], "c", axis=-2)],
        {},
        IMAGE,
    ),
    "concatenate, flattened": (
        [
            node("Flatten", output="f"),
            node("GlobalMaxPool", output="g"),
            helper.make_node("Flatten", ["g"], ["h"], "flat_2"),
            helper.make_node("Concat", ["f", "h"], ["y"], "c", axis=1),
        ],
        {},
        IMAGE,
    ),
    "pad": ([node("Pad", "p")], {"p": ints(0, 0, 1, 2, 0, 0, 0, 1)}, IMAGE),
    "pad, axes by name": (
        [node("Pad", "p", "", "a")],
        {"p": ints(0, 0, 1, 2, 0, 0, 0, 1), "a": ints(0, 1, -1, 2)},
        IMAGE,
        18,
    ),
    "pad, two axes": ([node("Pad", "p", "", "a")], {"p": ints(1, 2, 0, 1), "a": ints(3, 2)}, IMAGE, 18),
    "constants of version 11": (
        [
            helper.make_node("Shape", ["input"], ["shape"]),
            helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
            helper.make_node("Unsqueeze", ["batch"], ["row"], axes=[0]),
            helper.make_node("Concat", ["row", "rest"], ["target"], axis=0),
            node("Reshape", "target"),
        ],
        {"zero": np.array(0, np.int64), "rest": ints(-1)},
        IMAGE,
        11,
    ),
    "constants of version 10": (
        [
            helper.make_node("Pad", ["w"], ["padded"], pads=[0, 0, 1, 0], value=0.5),
            helper.make_node("Clip", ["padded"], ["clipped"], min=-0.6, max=0.6),
            node("MatMul", "clipped"),
        ],
        {"w": normal(8, 4)},
        (9,),
        10,
    ),
    "weights with a scale a filter": (
        [helper.make_node("DequantizeLinear", ["codes", "s", "z"], ["w"], axis=0), node("Conv", "w")],
        {
            "codes": RNG.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8),
            "s": np.float32([0.01, 0.02, 0.03, 0.04]),
            "z": np.array([0, 3, -2, 5], np.int8),
        },
        IMAGE,
    ),
    "transpose": ([node("Transpose", perm=[0, 2, 1, 3])], {}, IMAGE),
    "reshape": ([node("Reshape", "s")], {"s": ints(0, 6, -1)}, IMAGE),
    "reshape to an image and convolve": (
        [node("Reshape", "s", output="i"), helper.make_node("Conv", ["i", "w"], ["y"], "c")],
        {"s": ints(-1, 2, 5, 4), "w": normal(3, 2, 3, 3)},
        (40,),
    ),
    "squeeze": (
        [node("GlobalAveragePool", output="g"), helper.make_node("Squeeze", ["g", "a"], ["y"], "s")],
        {"a": ints(2, 3)},
        IMAGE,
    ),
    "unsqueeze": ([node("Unsqueeze", "a")], {"a": ints(1)}, (9,)),
    "clip 6": ([node("Clip", "l", "h")], {"l": np.array(0, np.float32), "h": np.array(6, np.float32)}, IMAGE),
    "clip 1": ([node("Clip", "l", "h")], {"l": np.array(-1, np.float32), "h": np.array(1, np.float32)}, IMAGE),
    "leaky": ([node("LeakyRelu", alpha=0.3)], {}, IMAGE),
    "leaky, default": ([node("LeakyRelu")], {}, IMAGE),
    "elu": ([node("Elu", alpha=0.7)], {}, IMAGE),
    "hard sigmoid": ([node("HardSigmoid", alpha=1 / 6)], {}, IMAGE),
    "softmax": ([node("Softmax")], {}, (9,)),
    "dropout, identity, cast": (
        [
            node("Dropout", output="d"),
            helper.make_node("Identity", ["d"], ["i"], "identity"),
            helper.make_node("Cast", ["i"], ["y"], "cast", to=1),
        ],
        {},
        IMAGE,
    ),
    **{
        kind.lower(): ([node(kind)], {}, IMAGE)
        for kind in ("Relu", "Sigmoid", "Tanh", "Selu", "Softplus", "Softsign", "HardSwish")
    },
}


@pytest.mark.parametrize("name", CASES)
def test_operator(tmp_path: Path, name: str) -> None:
    agrees(tmp_path, *CASES[name])


def test_channels_last_with_a_transpose(tmp_path: Path) -> None:
    """As converters from TensorFlow write it: the sample has its channels last already."""
    nodes = [
        node("Transpose", perm=[0, 3, 1, 2], output="t"),
        helper.make_node("Conv", ["t", "w", "b"], ["y"], "conv"),
    ]
    agrees(tmp_path, nodes, CONV, (7, 6, 3), declared=(7, 6, 3))


@pytest.mark.parametrize(
    ("dtype", "zero", "scale", "function"),
    [
        (np.uint8, 0, 0.02, lambda x: np.maximum(x, 0)),
        (np.int8, -128, 0.02, lambda x: np.maximum(x, 0)),
        (np.int8, -128, 6 / 255, lambda x: np.clip(x, 0, 6)),
        (np.uint8, 128, 0.05, lambda x: x),
        (np.int8, 0, 0.05, lambda x: x),
    ],
)
def test_a_relu_that_quantization_has_swallowed(tmp_path: Path, dtype, zero, scale, function) -> None:
    """Where no code stands for a negative value the tools leave the relu away. A pooling behind it gets no other."""
    nodes = [
        node("Conv", "w", output="c"),
        helper.make_node("QuantizeLinear", ["c", "scale", "zero"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], "d"),
        helper.make_node("MaxPool", ["d"], ["p"], "p", kernel_shape=[2, 2]),
        helper.make_node("QuantizeLinear", ["p", "scale", "zero"], ["q2"], "q2"),
        helper.make_node("DequantizeLinear", ["q2", "scale", "zero"], ["y"], "d2"),
    ]
    weights = {"w": 0.4 * normal(4, 3, 3, 3), "scale": np.float32(scale), "zero": np.array(zero, dtype)}
    graph, ours, theirs = put_out_as_images(nodes, weights, tmp_path / "m.onnx")
    ends = np.iinfo(dtype)
    low, high = (ends.min - zero) * scale, (ends.max - zero) * scale  # what the codes reach
    np.testing.assert_allclose(ours.reshape(theirs.shape).clip(low, high), theirs, atol=scale)
    found = [layer.operator for layer in graph.layers if layer.operator.kind == "activation"]
    assert len(found) == (function(-1.0) == 0)
    for operator in found:
        np.testing.assert_array_equal(operator.forward(PROBE), function(PROBE))


def put_out_as_images(nodes: list[Any], weights: dict[str, Any], path: Path) -> tuple[Any, np.ndarray, np.ndarray]:
    """The graph read from a network whose output is an image, and what it and onnxruntime make of four samples."""
    content = onnx_made.model(nodes, weights, IMAGE, 1)
    content.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [None] * 4))
    onnx.save(content, path)
    x = normal(4, *IMAGE)
    theirs = onnxruntime.InferenceSession(content.SerializeToString()).run(None, {"input": x})[0]
    graph = reading.graph(path, (7, 6, 3))
    return graph, graph.run(x.transpose(0, 2, 3, 1).astype(np.float64)), theirs


@pytest.mark.parametrize("end", ["Conv", "GlobalAveragePool"])
def test_an_image_that_is_the_output_has_its_channels_first(tmp_path: Path, end: str) -> None:
    nodes = [node("Conv", "w", output="y")]
    if end != "Conv":
        nodes = [node("Conv", "w", output="c"), helper.make_node(end, ["c"], ["y"], "pool")]
    graph, found, expected = put_out_as_images(nodes, {"w": CONV["w"]}, tmp_path / "m.onnx")
    np.testing.assert_allclose(found.reshape(4, -1), expected.reshape(4, -1), atol=1e-5)
    moved = [layer for layer in graph.layers if layer.operator.kind == "permute"]
    assert len(moved) == (end == "Conv")  # one pixel is in any order


def test_constants_lined_up_as_before_version_7(tmp_path: Path) -> None:
    content = onnx_made.model([node("Add", "c", broadcast=1, axis=1)], {"c": normal(3)}, (3, 3, 3), 1, 6)
    content.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [None] * 4))
    onnx.save(content, tmp_path / "m.onnx")
    with pytest.raises(GoldcrestError, match=r"layer Add \(Add\): operators before version 7"):
        reading.graph(tmp_path / "m.onnx", (3, 3, 3))


@pytest.mark.parametrize(("shape", "ours"), [((1, 5, 6), (5, 6, 1)), ((5, 6, 1), (5, 6, 1)), ((3, 8, 8), (8, 8, 3))])
def test_flat_samples_are_images_row_by_row(tmp_path: Path, shape: tuple[int, ...], ours: tuple[int, ...]) -> None:
    """Whatever the order of the file's axes, a flat sample holds the first row first."""
    nodes = [
        helper.make_node("Flatten", ["input"], ["f"], "flat"),
        helper.make_node("MatMul", ["f", "m"], ["y"], "product"),
    ]
    content = onnx_made.model(nodes, {"m": normal(int(np.prod(shape)), 3)}, shape, 3)
    onnx.save(content, tmp_path / "m.onnx")
    images = normal(5, *ours)
    given = images if shape == ours else images.transpose(0, 3, 1, 2)
    expected = onnxruntime.InferenceSession(content.SerializeToString()).run(None, {"input": given})[0]
    graph = reading.graph(tmp_path / "m.onnx", (int(np.prod(shape)),))
    np.testing.assert_allclose(graph.run(images.reshape(5, -1).astype(np.float64)), expected, atol=1e-5)


def test_no_bytes_are_moved_for_channels_first(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "w", "b", output="c"),
        helper.make_node("Flatten", ["c"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "m"], ["y"], "gemm"),
    ]
    content = onnx_made.model(nodes, {**CONV, "m": normal(80, 2)}, IMAGE, 2)
    onnx.save(content, tmp_path / "m.onnx")
    kinds = [layer.operator.kind for layer in reading.graph(tmp_path / "m.onnx", (7, 6, 3)).layers]
    assert kinds == ["convolution", "flatten", "dense"]


REFUSED = [
    (
        [node("ConvTranspose", "w")],
        {"w": normal(3, 4, 3, 3)},
        "ConvTranspose (ConvTranspose)",
        "not supported; supported are",
    ),
    ([node("Conv", "w", group=3)], {"w": normal(6, 2, 3, 3)}, "Conv (Conv)", "3 groups of channels"),
    ([node("Clip", "l", "h")], {"l": np.float32([0]), "h": np.float32([3])}, "Clip (Clip)", "a clamp to 0…3"),
    ([node("HardSigmoid")], {}, "HardSigmoid (HardSigmoid)", "a slope of 0.2"),
    ([node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], {}, "MaxPool (MaxPool)", "ceil_mode"),
    ([node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], {}, "MaxPool (MaxPool)", "padding"),
    (
        [node("BatchNormalization", "s", "b", "m", "v", training_mode=1)],
        {key: np.ones(3, np.float32) for key in "sbmv"},
        "BatchNormalization (BatchNormalization)",
        "mean and variance of each batch",
    ),
    (
        [node("Dropout", "r", "t")],
        {"r": np.array(0.5, np.float32), "t": np.array(True)},
        "Dropout (Dropout)",
        "at random",
    ),
    ([node("Pad", "p", mode="reflect")], {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}, "Pad (Pad)", "reflect"),
    ([node("Mul", "c")], {"c": normal(3, 7, 6)}, "Mul (Mul)", "one number, or one a channel"),
    ([node("MatMul", "w")], {"w": normal(6, 4)}, "MatMul (MatMul)", "flat input"),
    ([node("Reshape", "s")], {"s": ints(6, -1)}, "Reshape (Reshape)", "only the batch may be the first axis"),
    ([node("Softmax", axis=1)], {}, "Softmax (Softmax)", "over a flat output"),
    ([node("ReduceMean", axes=[1], keepdims=0)], {}, "ReduceMean (ReduceMean)", "must leave one axis"),
]


@pytest.mark.parametrize(("nodes", "weights", "name", "words"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_cannot_be_done_names_layer_and_operator(tmp_path: Path, nodes, weights, name: str, words: str) -> None:
    content = onnx_made.model(nodes, weights, IMAGE, 1)
    content.graph.output[0].type.tensor_type.ClearField("shape")
    for _ in range(2):
        content.graph.output[0].type.tensor_type.shape.dim.add()
    onnx.save(content, tmp_path / "m.onnx")
    with pytest.raises(GoldcrestError) as refused:
        reading.graph(tmp_path / "m.onnx", (7, 6, 3))
    layer, _, operator = name.partition(" ")
    assert f"layer {layer} {operator}: " in str(refused.value) and words in str(refused.value)
