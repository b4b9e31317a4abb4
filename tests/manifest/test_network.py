"""Networks of a manifest: names, inputs, shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import manifest
from toolchain.layers.registry import kinds
from toolchain.manifest import InvalidManifest

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "tests/failing/base/good.yaml").read_text(encoding="utf-8")
HEAD, TAIL = GOOD.partition("network:")[0], "training:" + GOOD.partition("training:")[2]


def network(folder: Path, layers: str, shape: str = "[784]") -> list[dict[str, Any]]:
    path = folder / "good.yaml"
    indented = "".join(f"  {line}\n" for line in layers.strip().splitlines())
    path.write_text(HEAD.replace("[784]", shape) + f"network:\n{indented}" + TAIL, encoding="utf-8")
    return list(manifest.load(path).training["network"])


def test_a_residual_network(tmp_path: Path) -> None:
    layers = network(
        tmp_path,
        """
- convolution: {filters: 4, kernel: 3, padding: same, name: first}
- activation: relu
- convolution: {filters: 4, kernel: 3, padding: same}
- add: {inputs: [first, convolution_2]}
- max_pooling
- flatten:
- dense: {units: 10}
- activation: {function: softmax, name: answer}
""",
        "[28, 28, 1]",
    )
    assert [layer["name"] for layer in layers] == [
        "first", "activation_1", "convolution_2", "add_1", "max_pooling_1", "flatten_1", "dense_1", "answer"
    ]  # fmt: skip
    assert [layer["inputs"] for layer in layers[2:5]] == [["activation_1"], ["first", "convolution_2"], ["add_1"]]
    assert all(
        "name" in layer and option.name in layer for layer in layers for option in kinds()[layer["kind"]].options
    )


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("- flatten", "- flatten: {}"),
        ("- flatten", "- flatten:"),
        ("- activation: tanh", "- activation: {function: tanh}"),
        ("- dropout: 0.5", "- dropout: {rate: 0.5}"),
        ("- dense: {units: 3}", "- dense:\n    units: 3.0\n    bias: true"),
    ],
)
def test_two_ways_of_writing(tmp_path: Path, written: str, same: str) -> None:
    rest = "\n- dense: {units: 10}\n- activation: softmax"
    assert network(tmp_path, written + rest) == network(tmp_path, same + rest)


@given(widths=st.lists(st.integers(1, 300), max_size=5), names=st.data())
@settings(max_examples=50, deadline=None)
def test_every_chain_of_dense_layers_is_followed(
    widths: list[int], names: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "".join(f"- dense: {{units: {width}}}\n- activation: relu\n" for width in widths)
    layers = network(tmp_path_factory.getbasetemp(), text + "- dense: {units: 10}\n- activation: softmax")
    assert [layer["units"] for layer in layers if layer["kind"] == "dense"] == [*widths, 10]
    assert [layer["inputs"] for layer in layers] == [["input"], *([layer["name"]] for layer in layers[:-1])]
    assert len({layer["name"] for layer in layers}) == len(layers)


def test_an_error_stops_nothing_but_what_depends_on_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest) as caught:
        network(
            tmp_path,
            "- dense: {units: x}\n- activation: softmax\n- dens: {units: 1}\n- dense: {units: 9}\n- activation: rel",
        )
    lines = {diagnostic.line for diagnostic in caught.value.diagnostics}
    assert lines == {5, 6, 7, 9}
