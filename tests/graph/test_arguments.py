"""Options of the command line: nothing misspelt passes in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.errors import GoldcrestError
from toolchain.graph import arguments

KNOWN = (arguments.Argument("model", "M", "which"), arguments.Argument("verbose", "1", "more", "0", ("0", "1")))


def test_defaults_are_filled_in() -> None:
    assert arguments.read({"model": "a"}, KNOWN) == {"model": "a", "verbose": "0"}


def test_all_complaints_at_once() -> None:
    with pytest.raises(GoldcrestError) as refused:
        arguments.read({"modl": "a", "verbose": "2", "zzzzzzz": ""}, KNOWN)
    assert str(refused.value).splitlines() == [
        "unknown option modl=a; did you mean model?",
        "verbose=2: expected verbose=0 or 1",
        "unknown option zzzzzzz=; known: model, verbose",
    ]


@given(st.text(min_size=1).filter(lambda name: name not in {each.name for each in arguments.ARGUMENTS}))
def test_every_other_name_is_refused(name: str) -> None:
    with pytest.raises(GoldcrestError):
        arguments.read({name: "x"})


def test_names_of_models() -> None:
    assert arguments.chosen("b, a,,b", ["a", "b"]) == ["b", "a"]
    assert arguments.chosen("c,all,x", ["a", "b", "c"]) == ["c", "a", "b", "x"]
    assert arguments.chosen("", ["a"]) == []


def test_where_there_are_none() -> None:
    assert arguments.suggestion("x", []) == "; there are none"


def test_upper_and_lower_case() -> None:
    assert arguments.suggestion("Mnist_Dense8", ["mnist_dense8"]) == "; did you mean mnist_dense8?"
