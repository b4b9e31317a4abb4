"""ONNX files in the forms that exporters write: an image net with its channels first, and a net of matrices.

Weights are trained elsewhere; the reference is onnxruntime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(
    nodes: Sequence[Any], weights: Mapping[str, np.ndarray], shape: Sequence[int], width: int, version: int = 17
) -> Any:
    """An ONNX model of an opset version: ``input`` is a batch of ``shape``, the last node puts out ``width`` values."""
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *shape])
    result = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["batch", width])
    constants = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(list(nodes), "graph", [source], [result], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def image_net(cnn: Any) -> Any:
    """``made_files.convolutional`` as an exporter of channels-first frameworks writes it, down to the shape arithmetic
    before the Reshape."""
    first, norm, second, last = (layer.get_weights() for layer in cnn.layers if layer.get_weights())
    weights = {
        "conv1.weight": first[0].transpose(3, 2, 0, 1),
        **dict(zip(("bn.weight", "bn.bias", "bn.mean", "bn.var"), norm, strict=True)),
        "conv2.weight": second[0].transpose(3, 2, 0, 1),
        "conv2.bias": second[1],
        "fc.weight": last[0].T,
        "fc.bias": last[1],
        "zero": np.array(0, np.int64),
        "rest": np.array([-1], np.int64),
        "axes": np.array([0], np.int64),
    }
    weights = {name: values.copy(order="C") for name, values in weights.items()}
    make = helper.make_node
    nodes = [
        make("Conv", ["input", "conv1.weight"], ["c1"], "/conv1/Conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        make(
            "BatchNormalization", ["c1", "bn.weight", "bn.bias", "bn.mean", "bn.var"], ["b1"], "/bn/Norm", epsilon=1e-3
        ),
        make("Relu", ["b1"], ["r1"], "/relu/Relu"),
        make("MaxPool", ["r1"], ["p1"], "/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        make("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], "/conv2/Conv"),
        make("Relu", ["c2"], ["r2"], "/relu_1/Relu"),
        make("AveragePool", ["r2"], ["p2"], "/pool_1/AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        make("Shape", ["p2"], ["shape"]),
        make("Gather", ["shape", "zero"], ["batch_size"], axis=0),
        make("Unsqueeze", ["batch_size", "axes"], ["batch_row"]),
        make("Concat", ["batch_row", "rest"], ["target"], axis=0),
        make("Reshape", ["p2", "target"], ["flat"], "/Reshape"),
        make("Gemm", ["flat", "fc.weight", "fc.bias"], ["output"], "/fc/Gemm", transB=1),
    ]
    return model(nodes, weights, (1, 8, 8), 10)


def wide_net(residual: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """A residual net with channels first whose image is flattened: the rows of the last matrix have to be moved."""
    import onnxruntime
    from sklearn.linear_model import LogisticRegression

    first, second, norm, _ = (layer.get_weights() for layer in residual.layers if layer.get_weights())
    scale = norm[0] / np.sqrt(norm[3] + 1e-3)
    weights = {
        "k1": first[0].transpose(3, 2, 0, 1),
        "b1": first[1],
        "k2": (second[0] * scale).transpose(3, 2, 0, 1),
        "b2": (second[1] - norm[2]) * scale + norm[1],
        "half": np.array([0.5], np.float32),
    }
    make = helper.make_node
    same = {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}
    nodes = [
        make("Conv", ["input", "k1", "b1"], ["c1"], "conv_1", strides=[2, 2], **same),
        make("Relu", ["c1"], ["r1"], "relu_1"),
        make("Conv", ["r1", "k2", "b2"], ["c2"], "conv_2", **same),
        make("Add", ["c2", "r1"], ["sum"], "add"),
        make("Mul", ["sum", "half"], ["halved"], "halve"),
        make("LeakyRelu", ["halved"], ["joined"], "leaky", alpha=0.1),
        make("Dropout", ["joined"], ["kept"], "dropout"),
        make("Flatten", ["kept"], ["flat"], "flatten"),
    ]
    weights = {name: np.ascontiguousarray(values, np.float32) for name, values in weights.items()}
    body = model(nodes, weights, (1, 8, 8), 192)
    features = onnxruntime.InferenceSession(body.SerializeToString()).run(None, {"input": x.transpose(0, 3, 1, 2)})[0]
    fitted = LogisticRegression(max_iter=300).fit(features, y)
    weights |= {"w": fitted.coef_.T.astype(np.float32), "b": fitted.intercept_.astype(np.float32)}
    nodes += [
        make("MatMul", ["flat", "w"], ["product"], "classes"),
        make("Add", ["product", "b"], ["logits"], "classes_bias"),
        make("Softmax", ["logits"], ["output"], "softmax", axis=-1),
    ]
    return model(nodes, weights, (1, 8, 8), 10)


def matrices(x: np.ndarray, y: np.ndarray) -> Any:
    """scikit-learn's multi-layer perceptron, as matrices with biases added."""
    from sklearn.neural_network import MLPClassifier

    fitted = MLPClassifier((12,), activation="tanh", max_iter=300, random_state=1).fit(x, y)
    weights = {f"w{k}": values.astype(np.float32) for k, values in enumerate(fitted.coefs_)}
    weights |= {f"b{k}": values.astype(np.float32) for k, values in enumerate(fitted.intercepts_)}
    nodes = [
        helper.make_node("MatMul", ["input", "w0"], ["h0"], "hidden"),
        helper.make_node("Add", ["b0", "h0"], ["h1"], "hidden_bias"),
        helper.make_node("Tanh", ["h1"], ["h2"], "tanh"),
        helper.make_node("MatMul", ["h2", "w1"], ["o0"], "score"),
        helper.make_node("Add", ["o0", "b1"], ["o1"], "score_bias"),
        helper.make_node("Sigmoid", ["o1"], ["output"], "probability"),
    ]
    return model(nodes, weights, (x.shape[1],), 1)


def write(folder: Path, cnn: Any, residual: Any, data: Mapping[str, Any], classes: dict[str, np.ndarray]) -> None:
    """Writes the files and notes what onnxruntime finds."""
    import onnxruntime

    x, y, test, _ = data["digits"]
    images = test.transpose(0, 3, 1, 2)
    made = {
        "image_net.onnx": (image_net(cnn), images),
        "wide_net.onnx": (wide_net(residual, x, y), images),
        "matrices.onnx": (matrices(*data["cells"][:2]), data["cells"][2]),
    }
    for name, (content, inputs) in made.items():
        onnx.checker.check_model(content)
        onnx.save(content, folder / name)
        outputs = onnxruntime.InferenceSession(str(folder / name)).run(None, {"input": inputs})[0]
        classes[name] = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] >= 0.5).astype(int)
