"""GRBL's lines as the driver understands them: real ones, damaged ones, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig.axes.grbl_protocol import (
    LineKind,
    StatusReport,
    alarm_text,
    classify,
    error_text,
    parse_setting,
    parse_status,
)


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ("<Idle|MPos:0.000,0.000,0.000|FS:0,0>", StatusReport("Idle", None, 0.0, None, None)),
        (
            "<Run|MPos:-1.394,0.000,0.000|FS:60,0|WCO:2.500,0.000,0.000>",
            StatusReport("Run", None, -1.394, None, 2.5),
        ),
        ("<Hold:1|MPos:3.140,0.000,0.000|FS:180,0>", StatusReport("Hold", 1, 3.14, None, None)),
        ("<Alarm|WPos:2.304,0.000,0.000|FS:0,0>", StatusReport("Alarm", None, None, 2.304, None)),
        (
            "<Idle|MPos:0.000,0.000,0.000|Bf:100,1023|FS:0,0|Ov:100,100,100|A:|TLR:0>",
            StatusReport("Idle", None, 0.0, None, None),
        ),
        ("<Idle|MPos:1.200>", StatusReport("Idle", None, 1.2, None, None)),
    ],
)
def test_status_reports(line: str, report: StatusReport) -> None:
    assert parse_status(line) == report
    assert classify(line)[0] is LineKind.STATUS


@pytest.mark.parametrize(
    "line",
    [
        "<Idle|MPos:0.000,0.000,0.000|FS:0,0",
        "Idle|MPos:0.000,0.000,0.000>",
        "<Idle|MPos:,0.000,0.000|FS:0,0>",
        "<Idle|MPos:0.0.0,0.000|FS:0,0>",
        "<Idle|MPos:1e5,0,0>",
        "<Idle|MPos:nan,0,0>",
        "<Ru<Idle|MPos:0.000,0.000,0.000>",
        "<>",
        "",
    ],
)
def test_damaged_reports_are_none(line: str) -> None:
    assert parse_status(line) is None
    assert classify(line)[0] is LineKind.OTHER


@pytest.mark.parametrize(
    ("line", "kind", "number"),
    [
        ("ok", LineKind.OK, None),
        ("error:9", LineKind.ERROR, 9),
        ("ALARM:3", LineKind.ALARM, 3),
        ("Grbl 1.1h ['$' for help]", LineKind.BANNER, 101),
        ("GrblHAL 1.1f ['$' or '$HELP' for help]", LineKind.BANNER, 101),
        ("Grbl 0.9j ['$' for help]", LineKind.BANNER, 9),
        ("[MSG:Reset to continue]", LineKind.INFO, None),
        ("$100=3200.000", LineKind.INFO, None),
        ("$100=3200.000 (x, step/mm)", LineKind.INFO, None),
        ("okay", LineKind.OTHER, None),
        ("error:", LineKind.OTHER, None),
        ("error:٣", LineKind.OTHER, None),
    ],
)
def test_kinds_of_lines(line: str, kind: LineKind, number: int | None) -> None:
    assert classify(line) == (kind, number)


def test_states() -> None:
    def state(text: str) -> StatusReport:
        report = parse_status(f"<{text}|MPos:0.000>")
        assert report is not None
        return report

    assert state("Hold:0").held
    assert not state("Hold:0").moves
    assert state("Hold:1").moves
    assert state("Run").moves
    assert state("Jog").moves
    assert not state("Alarm").moves


def test_numbers_have_words() -> None:
    assert "home it or unlock it" in error_text(9)
    assert "(error:9)" in error_text(9)
    assert "reset while moving" in alarm_text(3)
    assert "manual of the firmware" in error_text(79)
    assert "(ALARM:17)" in alarm_text(17)


def test_settings() -> None:
    assert parse_setting("$100=250.000") == (100, 250.0)
    assert parse_setting("$341=0") == (341, 0.0)
    assert parse_setting("$N0=G54") is None


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=120))
@example("<Idle|MPos:" + "9" * 5000 + ">")
@example("error:" + "9" * 5000)
@example("$" + "1" * 5000 + "=1")
def test_no_text_breaks_the_parsers(text: str) -> None:
    kind, number = classify(text)
    assert number is None or number >= 0
    assert (parse_status(text) is not None) == (kind is LineKind.STATUS)
    parse_setting(text)


@settings(max_examples=200)
@given(
    x=st.floats(-9000, 9000).map(lambda v: round(v, 3)),
    wco=st.none() | st.floats(-500, 500).map(lambda v: round(v, 3)),
    state=st.sampled_from(["Idle", "Run", "Hold:0", "Hold:1", "Jog", "Alarm", "Door:2", "Home"]),
    cut=st.integers(0, 200),
)
def test_a_report_is_understood_whole_or_not_at_all(
    x: float, wco: float | None, state: str, cut: int
) -> None:
    line = f"<{state}|MPos:{x:.3f},0.000,0.000|FS:0,0"
    line += f"|WCO:{wco:.3f},0.000,0.000>" if wco is not None else ">"
    report = parse_status(line)
    assert report is not None
    assert report.machine == pytest.approx(x)
    assert report.offset == (None if wco is None else pytest.approx(wco))
    if cut < len(line):
        assert parse_status(line[:cut]) is None
