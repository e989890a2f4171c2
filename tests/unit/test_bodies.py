"""What bodies call things: values read right, bodies recognised, releases chosen by what is offered."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.cameras.bodies import BodyProfile, recognise
from rig.cameras.bodies.values import (
    nearest,
    parse_f_number,
    parse_iso,
    parse_kelvin,
    parse_shutter_s,
    same_f_number,
    same_iso,
    same_shutter,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1/125", 1 / 125),
        ("30", 30.0),
        ("10.3", 10.3),
        ("0.3", 0.3),
        ("0.0025s", 0.0025),
        ("1.0000s", 1.0),
        ("32/10", 3.2),
        ("5/10", 0.5),
        ("Bulb", None),
        ("bulb", None),
        ("Time", None),
        ("auto", None),
        ("0/0", None),
        ("0", None),
        ("1/0", None),
        ("", None),
        (None, None),
        ("Unknown value 00ff", None),
    ],
)
def test_shutter_times(text: str | None, seconds: float | None) -> None:
    found = parse_shutter_s(text)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("f/5.6", 5.6),
        ("F8", 8.0),
        ("11", 11.0),
        ("f/0", None),
        ("implicit auto", None),
        ("auto", None),
        (None, None),
    ],
)
def test_f_numbers(text: str | None, value: float | None) -> None:
    assert parse_f_number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("100", 100), ("Auto", None), ("Auto ISO", None), ("ISO 200", 200), ("0", None), (None, None)],
)
def test_iso_speeds(text: str | None, value: int | None) -> None:
    assert parse_iso(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("5200 K", 5200), ("5200K", 5200), ("Daylight", None), ("10000 k", 10000)]
)
def test_kelvin(text: str, value: int | None) -> None:
    assert parse_kelvin(text) == value


@given(st.text(max_size=12))
def test_any_text_is_read_or_passed_over(text: str) -> None:
    for value in (parse_shutter_s(text), parse_f_number(text), parse_iso(text)):
        assert value is None or value > 0


THIRDS = ["1/8", "1/10", "1/13", "1/15", "1/4", "1/5", "1/6", "bulb"]


def test_the_nearest_choice_is_taken() -> None:
    assert nearest(0.125, THIRDS, parse_shutter_s, same_shutter) == "1/8"
    assert nearest(0.12, THIRDS, parse_shutter_s, same_shutter) == "1/8"
    assert nearest(5.657, ["f/5", "f/5.6", "f/6.3"], parse_f_number, same_f_number) == "f/5.6"
    assert nearest(100, ["Auto", "100", "125"], parse_iso, same_iso) == "100"


def test_nothing_near_is_nothing() -> None:
    assert nearest(1.0, THIRDS, parse_shutter_s, same_shutter) is None
    assert nearest(1.0, ["bulb"], parse_shutter_s, same_shutter) is None
    assert nearest(1.0, [], parse_shutter_s, same_shutter) is None


@settings(max_examples=60, deadline=None)
@given(st.floats(1.0, 32.0))
def test_every_f_number_within_the_range_has_a_near_third(wanted: float) -> None:
    marked = ["1", "1.1", "1.2", "1.4", "1.6", "1.8", "2", "2.2", "2.5", "2.8", "3.2", "3.5", "4", "4.5", "5"]
    marked += [
        "5.6",
        "6.3",
        "7.1",
        "8",
        "9",
        "10",
        "11",
        "13",
        "14",
        "16",
        "18",
        "20",
        "22",
        "25",
        "29",
        "32",
    ]
    best = nearest(wanted, marked, parse_f_number, lambda a, b: True)
    assert best is not None
    # Marked values are rounded, by up to a seventh of a stop: 1.2 stands for 1.26.
    assert abs(2 * math.log2(float(best) / wanted)) <= 1 / 3


@pytest.mark.parametrize(
    ("manufacturer", "model", "make"),
    [
        ("Sony Corporation", "ILCE-7RM5", "Sony"),
        ("Canon.Inc", "Canon EOS R5", "Canon"),
        ("Canon Inc.", "Canon EOS 600D", "Canon"),
        ("Nikon Corporation", "Z 8", "Nikon"),
        ("FUJIFILM", "X-T4", ""),
        ("", "PTP/IP Camera", ""),
    ],
)
def test_bodies_are_recognised(manufacturer: str, model: str, make: str) -> None:
    assert recognise(manufacturer, model).make == make


@pytest.mark.parametrize(("model", "settle_s"), [("ILCE-7M4", 3.0), ("ILCE-7RM5", 0.0)])
def test_slow_starters(model: str, settle_s: float) -> None:
    assert recognise("Sony Corporation", model).settle_after_connect_s == settle_s


BEFORE_2_5_34 = ("None", "Press Half", "Press Full", "Release Half", "Release Full", "Immediate", "Press 1")
FROM_2_5_34 = (
    "None", "Press Half AF", "Press Full AF", "Press Half MF", "Press Full MF", "Release Half",
    "Release Full", "Release",
)  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (BEFORE_2_5_34, ("Immediate", "Release Full")),
        (FROM_2_5_34, ("Press Full MF", "Release")),
        (tuple(reversed(FROM_2_5_34)), ("Press Full MF", "Release")),
        (("None", "Press Full", "Release Full"), ("Press Full", "Release Full")),
        (("None", "Press Half AF", "Press Full AF"), None),
    ],
)
def test_a_canon_release_is_chosen_by_what_is_offered(
    offered: tuple[str, ...], chosen: tuple[str, ...] | None
) -> None:
    """Fact 5: the choices were renamed, and one name changed its meaning."""
    assert recognise("Canon.Inc", "Canon EOS R5").release.choose(offered) == chosen


@pytest.mark.parametrize(
    ("image_format", "files", "raw_only"),
    [
        ("JPEG", 1, False),
        ("L", 1, False),
        ("RAW", 1, True),
        ("cRAW", 1, True),
        ("RAW + L", 2, False),
        ("RAW+JPEG", 2, False),
        (None, 1, False),
    ],
)
def test_image_formats(image_format: str | None, files: int, raw_only: bool) -> None:
    assert BodyProfile.files_per_shot(image_format) == files
    assert BodyProfile.is_raw_only(image_format) is raw_only


@pytest.mark.parametrize(
    ("value", "automatic"),
    [
        ("Auto", True),
        ("Automatic", True),
        ("Auto (White priority)", True),
        ("Daylight", False),
        (None, False),
    ],
)
def test_automatic_white_balance(value: str | None, automatic: bool) -> None:
    assert recognise("Canon.Inc", "").is_automatic_white_balance(value) is automatic
