"""Sizes, clocks and times."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.manifest.units import CLOCK, SIZE, TIME, Unit, UnitError, parse, show

UNITS = st.sampled_from([SIZE, CLOCK, TIME])


@given(value=st.integers(0, 10**12), unit=UNITS)
def test_what_is_shown_can_be_read(value: int, unit: Unit) -> None:
    assert parse(show(value, unit), unit) == value


@given(
    data=st.data(),
    unit=UNITS,
    digits=st.integers(0, 10**9),
    places=st.integers(0, 6),
    space=st.sampled_from(["", " ", "  "]),
)
def test_numbers_times_units(data: st.DataObject, unit: Unit, digits: int, places: int, space: str) -> None:
    name = data.draw(st.sampled_from(list(unit.factors)))
    number = Fraction(digits, 10**places)
    text = f"{digits // 10**places}.{digits % 10**places:0{places}d}" if places else str(digits)
    exact = number * unit.factors[name]
    if exact.denominator == 1:
        assert parse(f"{text}{space}{name}", unit) == exact
    else:
        with pytest.raises(UnitError, match="whole number"):
            parse(f"{text}{space}{name}", unit)


@given(text=st.text(), unit=UNITS)
def test_any_text_is_a_number_or_a_unit_error(text: str, unit: Unit) -> None:
    try:
        assert parse(text, unit) >= 0
    except UnitError as error:
        assert str(error) and error.notes


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("48 KiB", SIZE, 49152),
        ("6144 B", SIZE, 6144),
        ("2 kB", SIZE, 2000),
        ("1.5 KiB", SIZE, 1536),
        ("20 MHz", CLOCK, 20_000_000),
        ("16000 kHz", CLOCK, 16_000_000),
        ("3.33 MHz", CLOCK, 3_330_000),
        ("20 ms", TIME, 20_000),
        ("1.75 ms", TIME, 1750),
        ("500us", TIME, 500),
        ("2 s", TIME, 2_000_000),
    ],
)
def test_examples(text: str, unit: Unit, value: int) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "guess"),
    [
        ("48 KB", SIZE, "48 kB"),
        ("6 K", SIZE, "6 KiB"),
        ("2 kib", SIZE, "2 KiB"),
        ("20 mhz", CLOCK, "20 MHz"),
        ("20 M", CLOCK, "20 MHz"),
        ("16", CLOCK, "16 MHz"),
        ("6144", SIZE, "6 KiB"),
        ("500", SIZE, "500 B"),
        ("128", SIZE, "128 KiB"),
        ("16000000", CLOCK, "16 MHz"),
        ("20", TIME, "20 ms"),
        ("20000", TIME, "20 ms"),
        ("20 MS", TIME, "20 ms"),
        ("500 µs", TIME, "500 us"),
        ("500 μs", TIME, "500 us"),
    ],
)
def test_guesses(text: str, unit: Unit, guess: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text, unit)
    assert caught.value.notes[0] == f"did you mean `{guess}`?"
