"""The schema: one description for editors and for us, held against an independent validator (jsonschema)."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.errors import GoldcrestError
from toolchain.manifest import editors, hover, reader, schema, schema_stage, validate
from toolchain.manifest.diagnostics import Diagnostic, Source
from toolchain.studies import schema as studies

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "models").glob("*.yaml"))
GOOD = yaml.safe_load((ROOT / "tests/failing/base/good.yaml").read_text(encoding="utf-8"))
FULL = {
    **GOOD,
    "dataset": {
        "name": "mnist",
        "preprocess": [{"downsample": 2}],
        "split": {"train": 100, "validation": 10, "test": 10},
    },
    "input": {"shape": [14, 14, 1], "offset": [-127], "divide": 8.5},
    "network": [
        {"average_pooling": 2},
        "flatten",
        {"dense": {"units": 4, "bias": False, "name": "hidden", "inputs": ["flatten_1"]}},
        {"activation": {"function": "tanh"}},
        {"dense": {"units": 10}},
        {"activation": "softmax"},
    ],
    "training": {
        "loss": "sparse_categorical_crossentropy",
        "epochs": 3,
        "optimizer": {"sgd": {"momentum": 0.5}},
        "schedule": {"steps": {"epochs": [1, 2]}},
        "early_stopping": {"patience": 2},
    },
    "quantization": {"scheme": "power_of_two", "calibration": 50},
    "target": {"mcu": "atmega4809", "clock": "20 MHz", "optimize": 2, "memory": {"program": "48 KiB"}},
}


def problems_of(document: Any) -> list[Diagnostic]:
    problems: list[Diagnostic] = []
    node = reader.read(Source("x.yaml", json.dumps(document)), problems)
    assert node is not None and not problems
    validate.check(node, schema.sections(), (), problems)
    return problems


def test_the_committed_schema_is_current() -> None:
    written = (ROOT / "models/schema.json").read_text(encoding="utf-8")
    assert written == editors.text(), "run: python -m toolchain schema"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(editors.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema.sections())


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_editors_accept_the_models(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), editors.json_schema())
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"dataset": {"name": "nothing"}},
        {"dataset": {"name": "mnist", "file": "x.csv"}},
        {"network": [{"dense": {}}]},
        {"target": {"mcu": "atmega4809"}},
        {"target": {"mcu": "atmega4809", "clock": "20"}},
        {"frobnicate": 1},
    ],
)
def test_editors_refuse_what_we_refuse(change: Mapping[str, Any]) -> None:
    assert problems_of({**GOOD, **change})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**GOOD, **change}, editors.json_schema())


def test_editors_let_a_manifest_that_extends_another_leave_things_out() -> None:
    extending = {"model": "x", "extends": "y.yaml", "input": {"divide": 4}, "target": {}}
    jsonschema.validate(extending, editors.json_schema())


def subschemas(part: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema inside ``part``, with where it stands."""
    if not isinstance(part, Mapping):
        return
    yield where, part
    for name, inner in part.get("properties", {}).items():
        yield from subschemas(inner, f"{where}/{name}")
    for keyword in ("anyOf", "oneOf"):
        for index, inner in enumerate(part.get(keyword, ())):
            yield from subschemas(inner, f"{where}/{keyword}{index}")
    for keyword in ("items", "additionalProperties"):
        yield from subschemas(part.get(keyword), f"{where}/{keyword}")


def test_only_keywords_that_the_reader_knows() -> None:
    for where, part in subschemas(schema.sections()):
        assert set(part) <= validate.KEYWORDS, where
        assert set(part.get("not", {})) <= {"const"}, where


def test_every_key_is_described() -> None:
    for where, part in subschemas(schema.sections()):
        for name, inner in part.get("properties", {}).items():
            assert inner.get("description", "").strip(), f"{where}/{name}"


def described(part: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every key that an editor may complete, with its path and what it is; conditions (``if``) offer none."""
    if not isinstance(part, Mapping):
        return
    for name, inner in part.get("properties", {}).items():
        if inner is not True:  # the data set's name in a branch: described where the branches are chosen
            yield f"{where}/{name}", inner
        yield from described(inner, f"{where}/{name}")
    for keyword in ("anyOf", "oneOf", "allOf"):
        for index, inner in enumerate(part.get(keyword, ())):
            yield from described(inner, f"{where}/{keyword}{index}")
    for keyword in ("items", "additionalProperties", "then"):
        yield from described(part.get(keyword), f"{where}/{keyword}")


def without_words(document: Mapping[str, Any]) -> list[str]:
    return [where for where, part in described(document) if not part.get("description", "").strip()]


def test_every_key_of_the_editors_schema_is_described() -> None:
    found = dict(described(editors.json_schema()))
    assert len(found) > 200
    assert without_words(editors.json_schema()) == []
    assert without_words(studies.sections()) == []


@pytest.mark.parametrize(
    "key",
    [
        "/quantization/calibration/anyOf1/samples",
        "/training/optimizer/anyOf1/sgd/momentum",
        "/dataset/allOf0/then/file",
    ],
)
def test_a_key_without_a_description_would_be_found(key: str) -> None:
    document = copy.deepcopy(editors.json_schema())
    dict(described(document))[key].pop("description")  # type: ignore[attr-defined]
    assert without_words(document) == [key]


def test_editors_are_told_the_defaults() -> None:
    told = dict(described(editors.json_schema()))
    assert told["/training/batch"]["description"].endswith("Default: 32.")
    assert told["/target/prefer"]["description"].endswith("Default: speed.")
    for where, part in told.items():
        if part.get("default") not in (None, {}, [], ""):
            assert f"Default: {hover.one_line(part['default'])}." in part["description"], where


UNIT = re.compile(
    r"\b(samples?|epochs?|steps?|batch(es)?|pixels?|degrees?|percent|shares?|channels?|outputs|values|trainings|"
    r"features)\b",
    re.IGNORECASE,
)
PURE = {  # numbers that are no amount of anything: columns, seeds, factors, exponents, extents of any axis
    *(
        "seed",
        "label",
        "targets",
        "features",
        "axis",
        "axes",
        "shape",
        "alpha",
        "epsilon",
        "temperature",
        "widths",
        "learning_rate",
        "power",
        "factor",
    )
}


def is_number(part: Mapping[str, Any]) -> bool:
    types = part.get("type", ())
    named = {types} if isinstance(types, str) else set(types)
    branches = [*part.get("anyOf", ()), *([part["items"]] if "items" in part else [])]
    return bool(named & {"integer", "number"}) or any(
        is_number(branch) for branch in branches if "properties" not in branch
    )


def test_every_number_says_what_it_counts() -> None:
    keys = dict(described(schema.sections()))
    # A layer's name stands for its shorthand's option, which is a key of its own.
    numbers = {where: part for where, part in keys.items() if is_number(part) and "x-shorthand" not in part}
    assert len(numbers) > 80
    for where, part in numbers.items():
        name = where.rpartition("/")[2]
        unit = "x-unit" in part or UNIT.search(part["description"])
        assert unit or name in PURE, f"{where}: {part['description']}"


def test_every_default_passes_its_own_schema() -> None:
    for where, part in subschemas(schema.sections()):
        if "default" in part:
            jsonschema.validate(part["default"], {**part, "required": []}), where


SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -1, 2, 10, 0.5, 1.0, "", "relu", "x", "32", "20 MHz", "48 KiB", "adam", "mnist"]
)
REPLACEMENTS = (
    SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from(["units", "name", "dense", "x"]), SCALARS)
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*here, key))


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_we_refuse_what_jsonschema_refuses_and_nothing_else(data: st.DataObject) -> None:
    document = copy.deepcopy(FULL)
    for _ in range(data.draw(st.integers(0, 2))):
        path = data.draw(st.sampled_from([path for path in paths(document) if path]))
        parent: Any = document
        for step in path[:-1]:
            parent = parent[step]
        action = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace":
            parent[path[-1]] = data.draw(REPLACEMENTS)
        elif action == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[data.draw(st.sampled_from(["name", "units", "extra", "optimizer"]))] = data.draw(REPLACEMENTS)
    valid = jsonschema.Draft202012Validator(schema.sections()).is_valid(document)
    problems = problems_of(document)
    assert valid == (not problems), [problem.message for problem in problems]


def test_defaults_are_filled_in_and_units_resolved() -> None:
    problems: list[Diagnostic] = []
    node = reader.read(Source("x.yaml", json.dumps(FULL)), problems)
    assert node is not None
    values = validate.check(node, schema.sections(), (), problems)
    assert not problems
    assert values["network"][0]["average_pooling"].items() >= {"size": 2}.items()
    assert values["network"][1] == {"flatten": {}}
    assert values["training"]["optimizer"] == {"sgd": {"learning_rate": 0.01, "momentum": 0.5, "nesterov": False}}
    assert values["training"]["schedule"] == {"steps": {"epochs": [1, 2], "factor": 0.1}}
    assert values["quantization"]["calibration"] == 50
    assert values["target"]["clock"] == 20_000_000 and values["target"]["memory"] == {"program": 49152}
    assert values["target"]["prefer"] == "speed" and values["target"]["optimize"] == 2


def test_the_stage_writes_and_checks(tmp_path: Path) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    schema_stage.add_arguments(parser)
    output = tmp_path / "schema.json"
    both = ["--output", str(output), "--studies", str(tmp_path / "studies.json")]
    with pytest.raises(GoldcrestError, match="not current"):
        schema_stage.run(parser.parse_args(["--check", *both]))
    schema_stage.run(parser.parse_args(both))
    schema_stage.run(parser.parse_args(["--check", *both]))
    assert json.loads(output.read_text(encoding="utf-8")) == editors.json_schema()
