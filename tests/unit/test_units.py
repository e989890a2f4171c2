"""Text with units: what is understood, and what is refused with which words."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig import formatting, units
from rig.errors import UserError
from rig.units import CircleOfConfusion


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("1 mm", 1.0),
        ("350um", 0.35),
        ("350 µm", 0.35),  # micro sign
        ("350 μm", 0.35),  # Greek mu
        ("350 micron", 0.35),
        ("2.5cm", 25.0),
        ("-1mm", -1.0),
        ("+.5 mm", 0.5),
        ("1/4 in", 6.35),
        ("1e-2 mm", 0.01),
        ("0.1 m", 100.0),
        ("500 nm", 0.0005),
        ("3 millimetres", 3.0),
        ("0", 0.0),
        (0, 0.0),
        (" 7  mm ", 7.0),
    ],
)
def test_lengths(text, mm):
    assert units.parse_length_mm(text) == pytest.approx(mm, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1 s", 1.0), ("1/8 s", 0.125), ("1/8s", 0.125), ("0.125s", 0.125), ("250 ms", 0.25), ("2 min", 120.0)],
)
def test_times(text, seconds):
    assert units.parse_time_s(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(("text", "mm_s"), [("1mm/s", 1.0), ("120 mm/min", 2.0), ("0.2 cm / s", 2.0)])
def test_speeds(text, mm_s):
    assert units.parse_speed_mm_s(text) == pytest.approx(mm_s, rel=1e-12)


@pytest.mark.parametrize("text", ["50 mm/s^2", "50 mm/s²", "50mm/s**2", "0.05 m/s^2"])
def test_accelerations(text):
    assert units.parse_acceleration_mm_s2(text) == pytest.approx(50.0, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3 parsec", 'unknown unit, "parsec"'),
        ("3 MM", "unknown unit"),  # no mega-metres, no molar
        ("3 mmm", "unknown unit"),
        ("3 s", "is not a length"),
        ("3 mm/s", "is not a length"),
        ("3", "no unit"),
        (3, "no unit"),
        (3.5, '"3.5 mm"'),
        ("0,5 mm", "decimal point"),
        ("", "is not a length"),
        ("mm", "is not a length"),
        ("nan mm", "is not a length"),
        ("inf", "is not a length"),
        ("1/0 mm", "divides by zero"),
        ("1e999 mm", "too large"),
        ("1 mm 2", "cannot be read"),
        ("1 mm)", "cannot be read"),
        ("__import__('os')", "is not a length"),
        (True, "is not a length"),
        (None, "is not a length"),
        ([1], "is not a length"),
    ],
)
def test_refused_lengths_name_option_value_and_a_right_spelling(text, says):
    with pytest.raises(UserError) as caught:
        units.parse_length_mm(text, "--step")
    message = str(caught.value)
    assert message.startswith("--step: ")
    assert says in message
    assert "; write " in message
    assert caught.value.exit_code == 2


def test_numbers_without_unit_are_for_the_command_line_only():
    assert units.parse_length_mm("32", bare="accept") == 32.0
    assert units.parse_time_s("0.5", bare="accept") == 0.5
    with pytest.raises(UserError):
        units.parse_length_mm("32")


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("f/5.6", 2**2.5),
        ("5.6", 2**2.5),
        (5.6, 2**2.5),
        ("F11", 2**3.5),
        ("f/ 2.8", 8**0.5),
        ("f/6.3", 2 ** (8 / 3)),
        ("11.1", 11.1),
    ],
)
def test_f_numbers_become_true_stops(text, stop):
    assert units.parse_f_number(text) == pytest.approx(stop, rel=1e-12)


def test_f_numbers_as_marked():
    assert units.parse_f_number("f/5.6", as_marked=True) == 5.6


@pytest.mark.parametrize("text", ["f/", "0", "-4", "wide open", "5,6", None, True])
def test_refused_f_numbers(text):
    with pytest.raises(UserError, match="--aperture: "):
        units.parse_f_number(text, "--aperture")


@pytest.mark.parametrize(
    ("text", "m"),
    [("1", 1.0), (0.5, 0.5), ("1:4", 0.25), ("5:1", 5.0), ("2x", 2.0), ("0.5×", 0.5), ("1/3", 1 / 3)],
)
def test_magnifications(text, m):
    assert units.parse_magnification(text) == pytest.approx(m)


@pytest.mark.parametrize("text", ["0", "-1", "1:0", "big", ""])
def test_refused_magnifications(text):
    with pytest.raises(UserError, match="magnification: "):
        units.parse_magnification(text)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("2px", 2.0, "px"), ("1.5 pixels", 1.5, "px"), ("30um", 0.03, "mm"), ("0.03 mm", 0.03, "mm")],
)
def test_circles_of_confusion(text, value, unit):
    coc = units.parse_circle_of_confusion(text)
    assert coc.value == pytest.approx(value)
    assert coc.unit == unit


@pytest.mark.parametrize("text", ["2", 2, "0px", "-1 px", "0 um", "px", "2 s"])
def test_refused_circles_of_confusion(text):
    with pytest.raises(UserError, match=r"--coc: .*2px"):
        units.parse_circle_of_confusion(text, "--coc")


def test_circle_of_confusion_in_mm():
    assert CircleOfConfusion(2, "px").mm(0.00376) == pytest.approx(0.00752)
    assert CircleOfConfusion(0.03, "mm").mm(None) == 0.03
    with pytest.raises(UserError, match="sensor_width"):
        CircleOfConfusion(2, "px").mm(None)


@pytest.mark.parametrize(
    ("mm", "text"),
    [
        (0.000306, "0.306 µm"),
        (0.0052, "5.2 µm"),
        (0.22281, "223 µm"),
        (0.9999, "0.9999 mm"),
        (1.0, "1 mm"),
        (32, "32 mm"),
        (-0.5, "-500 µm"),
        (0, "0 mm"),
        (1000, "1 m"),
        (7.0625, "7.062 mm"),
    ],
)
def test_lengths_for_people(mm, text):
    assert formatting.format_length(mm) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (5.43, "5.4 s"),
        (9.99, "10 s"),
        (59.6, "1 min 0 s"),
        (161.2, "2 min 41 s"),
        (3725, "1 h 2 min"),
    ],
)
def test_durations_for_people(seconds, text):
    assert formatting.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.125, "1/8 s"), (0.5, "0.5 s"), (2, "2 s"), (0.004, "1/250 s")]
)
def test_shutter_times_for_people(seconds, text):
    assert formatting.format_shutter(seconds) == text


@given(
    st.floats(-1e4, 1e4).filter(lambda x: x == 0 or abs(x) > 1e-6),
    st.sampled_from(["mm", "um", "cm", "in", "m"]),
)
def test_a_length_in_any_unit_is_the_same_length(number, unit):
    factor = {"mm": 1.0, "um": 1e-3, "cm": 10.0, "in": 25.4, "m": 1000.0}[unit]
    assert units.parse_length_mm(f"{number!r} {unit}") == pytest.approx(number * factor, rel=1e-9)


@given(st.text(max_size=20))
def test_any_text_is_a_length_or_a_user_error(text):
    with contextlib.suppress(UserError):
        assert math.isfinite(units.parse_length_mm(text))


@given(st.floats(1e-5, 1e5))
def test_a_printed_length_reads_back(mm):
    assert units.parse_length_mm(formatting.format_length(mm)) == pytest.approx(mm, rel=6e-3)
