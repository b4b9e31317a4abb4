"""The reference page of the manifest: nothing of the schema is missing, and what it shows is valid."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from toolchain.documentation import reference
from toolchain.layers import registry as layers
from toolchain.manifest import schema
from toolchain.studies import schema as studies
from toolchain.training.optimizers import OPTIMIZERS

PAGE = reference.page()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
LAYERS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", SECTIONS["network"], re.MULTILINE | re.DOTALL))


def rows(text: str) -> dict[str, list[str]]:
    found = re.findall(r"^\| \*?`([^`]+)`\*? \| (.*) \|$", text, re.MULTILINE)
    return {key: [cell.strip() for cell in rest.split(" | ")] for key, rest in found}


def test_every_section_has_a_chapter() -> None:
    top = {"model", "description", "extends", "widths"}
    assert set(SECTIONS) == {"At the top", *schema.sections()["properties"]} - top
    assert set(rows(SECTIONS["At the top"])) == top


def test_every_layer_and_each_of_its_options() -> None:
    assert list(LAYERS) == list(layers.kinds())
    for name, kind in layers.kinds().items():
        assert kind.summary in LAYERS[name]
        assert set(rows(LAYERS[name])) - {"weights"} == {option.name for option in kind.options}
        for option in kind.options:
            assert option.schema["description"] in LAYERS[name]


def test_options_of_options() -> None:
    found = rows(SECTIONS["training"])
    for name, optimizer in OPTIMIZERS.items():
        for option in optimizer.options:
            assert f"optimizer.{name}.{option.name}" in found
    assert found["augmentation.affine.rotation"][0] == "number ≥ 0"
    assert found["epochs"] == ["whole number ≥ 1", "", "How often the training samples are gone through."]
    assert found["batch"][1] == "`32`"


@pytest.mark.parametrize("section", ["input", "training", "quantization", "target"])
def test_defaults_stand_in_their_column(section: str) -> None:
    found = rows(SECTIONS[section])
    stated = {
        key: part["default"]
        for key, part in schema.sections()["properties"][section]["properties"].items()
        if isinstance(part.get("default"), str | int | float)
    }
    assert stated
    for key, default in stated.items():
        assert yaml.safe_load(found[key][1].strip("`")) == default


@pytest.mark.parametrize("name", list(layers.kinds()))
def test_the_examples_are_valid(name: str) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", LAYERS[name], re.DOTALL)
    document: Any = yaml.safe_load(text)
    network = schema.sections()["properties"]["network"]
    jsonschema.validate(document, next(branch for branch in network.get("anyOf", [network]) if "items" in branch))


def test_every_key_of_a_study() -> None:
    found = rows(reference.study_page())
    assert set(studies.sections()["properties"]) <= set(found)
    assert {"axes.NAME.range.from", "measure.NAME.ratio", "references.points", "figure.panels.y"} <= set(found)
    assert found["repeat"][1] == "`1`"
