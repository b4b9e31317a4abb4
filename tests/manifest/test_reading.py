"""Reading YAML: where values stand, what unquoted words mean, and that no text whatever does more than be refused."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import manifest
from toolchain.errors import ManifestError
from toolchain.manifest import InvalidManifest, reader, scalars
from toolchain.manifest.diagnostics import Diagnostic, Source

GOOD = (Path(__file__).parents[1] / "failing/base/good.yaml").read_text(encoding="utf-8")

WORDS = st.text(string.ascii_letters + "äß時 ", min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> tuple[reader.Node | None, list[Diagnostic]]:
    problems: list[Diagnostic] = []
    return reader.read(Source("x.yaml", text), problems), problems


def loaded(path: Path, content: bytes) -> list[Diagnostic]:
    path.write_bytes(content)
    try:
        manifest.load(path)
    except InvalidManifest as error:
        return error.diagnostics
    return []


def check_places(diagnostics: list[Diagnostic]) -> None:
    """Every error points into the text (or just behind the end of a line) and can be shown."""
    for diagnostic in diagnostics:
        lines = diagnostic.place.source.text.count("\n") + diagnostic.place.source.text.count("\r") + 1
        assert diagnostic.line >= 1 and diagnostic.column >= 1
        assert diagnostic.line <= max(lines, len(diagnostic.place.source.text) + 1)
        assert diagnostic.column <= len(diagnostic.place.source.line(diagnostic.line)) + 1
        assert str(diagnostic).startswith(f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}: error: ")


@given(text=st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_is_at_most_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_places(loaded(tmp_path_factory.getbasetemp() / "text.yaml", text.encode()))


@given(text=st.text("{}[]:,-&*!|>'\"%@`#?<\t\n \rab01.~", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_punctuation_is_at_most_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_places(loaded(tmp_path_factory.getbasetemp() / "punctuation.yaml", text.encode()))


@given(content=st.binary())
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_at_most_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_places(loaded(tmp_path_factory.getbasetemp() / "bytes.yaml", content))


@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 12),
    insertion=st.text("{}[]:,-&*! \n\t'\"x10", max_size=4)
    | st.sampled_from(["null", "yes", "1e999", ".nan", "- ", "9" * 5000]),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_manifest_is_at_most_refused(
    start: int, length: int, insertion: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = GOOD[:start] + insertion + GOOD[start + length :]
    check_places(loaded(tmp_path_factory.getbasetemp() / "good.yaml", text.encode()))


@given(value=st.dictionaries(st.sampled_from(["model", "dataset", "input", "network", "training", "target"]), VALUES))
@settings(max_examples=200, deadline=None)
def test_any_values_are_at_most_refused(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert loaded(tmp_path_factory.getbasetemp() / "values.yaml", text.encode())


@given(value=st.dictionaries(WORDS, VALUES, min_size=1), flow=st.sampled_from([True, False, None]))
@settings(max_examples=200, deadline=None)
def test_places_are_those_of_pyyaml(value: dict[str, Any], flow: bool | None) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, width=60)
    node, problems = read(text)
    assert node is not None and not problems
    _compare(node, yaml.compose(text, Loader=yaml.SafeLoader))


def _compare(mine: reader.Node, reference: yaml.Node) -> None:
    mark = reference.start_mark
    assert (mine.place.line, mine.place.column) == (mark.line + 1, mark.column + 1)
    if isinstance(reference, yaml.MappingNode):
        assert list(mine.value) == [key.value for key, _ in reference.value]
        for key, child in reference.value:
            _compare(mine.keys[key.value], key)
            _compare(mine.value[key.value], child)
    elif isinstance(reference, yaml.SequenceNode):
        for item, child in zip(mine.value, reference.value, strict=True):
            _compare(item, child)


@given(value=st.dictionaries(st.text("abc_", min_size=1), VALUES))
@settings(max_examples=200, deadline=None)
def test_values_of_json_text_are_those_of_json(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    node, problems = read(text)
    assert node is not None and not problems
    assert node.plain() == value


@given(number=st.integers(-(10**30), 10**30))
def test_integers_are_read(number: int) -> None:
    assert scalars.resolve(str(number)) == number


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read(number: float) -> None:
    value = scalars.resolve(repr(number))
    assert value == number and isinstance(value, float)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *[(word, word) for word in ("yes", "no", "on", "off", "y", "n", "12:30", "2024-01-01", "0b11", "1_000", "010")],
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        ("true", True), ("False", False), ("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("0x1F", 31),
        ("0o17", 15), ("-0", 0), ("+7", 7), (".inf", float("inf")), ("-.INF", float("-inf")), ("9" * 41, "9" * 41),
    ],
)  # fmt: skip
def test_unquoted_words(word: str, value: scalars.Scalar) -> None:
    result = scalars.resolve(word)
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    ("word", "quoted", "remedy"),
    [
        ("yes", False, "write `true`"),
        ("OFF", False, "write `false`"),
        ("0755", False, "write `755`"),
        ("-010", False, "write `-10`"),
        ("1_000", False, "write `1000`"),
        ("12", True, "remove the quotes"),
    ],
)
def test_remedies(word: str, quoted: bool, remedy: str) -> None:
    assert str(scalars.hint(word, quoted)).startswith(remedy)


def test_anchors_aliases_and_merge_keys() -> None:
    node, problems = read("base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {z: 4, <<: [*b, {w: 5, x: 6}]}\nalso: *b\n")
    assert node is not None and not problems
    assert node.plain() == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 3},
        "two": {"x": 1, "y": 2, "z": 4, "w": 5},
        "also": {"x": 1, "y": 2},
    }


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    windows = GOOD.replace("\n", "\r\n").replace("units: 32", "units: x")
    (found,) = loaded(tmp_path / "good.yaml", b"\xef\xbb\xbf" + windows.encode())
    assert (found.line, found.column) == (5, 20)
    assert found.place.source.line(5) == "  - dense: {units: x}"


def test_a_very_deep_or_very_long_text(tmp_path: Path) -> None:
    assert "levels of nesting" in loaded(tmp_path / "deep.yaml", b"a: " + b"[" * 200_000)[0].message
    assert "too long" in loaded(tmp_path / "long.yaml", b"# " + b"x" * (1 << 20))[0].message


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot read the manifest: No such file"):
        manifest.load(tmp_path / "none.yaml")
    with pytest.raises(ManifestError, match="Is a directory"):
        manifest.load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(ManifestError, match="it is a pipe or a device, and a file was expected"):
            manifest.load(path)


def test_a_number_to_which_one_can_be_added_in_vain(tmp_path: Path) -> None:
    """Only 0 is no divisor: 1e30 + 1 is 1e30, and that says nothing."""
    text = GOOD.replace("divide: 255", "divide: 1e30")
    assert text != GOOD
    (tmp_path / "good.yaml").write_text(text, encoding="utf-8")
    assert manifest.load(tmp_path / "good.yaml").training["input"]["divide"] == 1e30


def test_a_file_whose_name_no_model_can_have(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path / "my good.yaml", GOOD.encode())
    assert found.notes == ("rename the file: good.yaml",)
