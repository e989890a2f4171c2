"""GRBL's lines as the driver understands them: real ones, damaged ones, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig.axes.grbl_protocol import (
    LineKind,
    StatusReport,
    banner_firmware,
    classify,
    parse_setting,
    parse_status,
)
from rig.axes.grbl_words import Firmware, alarm_text, error_text


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


def test_grblhal_has_numbers_of_its_own() -> None:
    hal = Firmware.GRBLHAL
    assert "homed first" in error_text(46, hal)
    assert "manual of the firmware" in error_text(46)
    assert "emergency stop" in alarm_text(10, hal)
    assert "second switch" in alarm_text(10)
    assert error_text(9, hal) == error_text(9)
    assert "motor driver" in alarm_text(17, hal)
    assert "manual of the firmware" in error_text(99, hal)


@pytest.mark.parametrize(
    ("line", "version", "firmware"),
    [
        ("Grbl 1.1h ['$' for help]", 101, Firmware.GRBL),
        ("GrblHAL 1.1f ['$' or '$HELP' for help]", 101, Firmware.GRBLHAL),
        ("Grbl 1.1f ['$' for help]", 101, Firmware.GRBL),
        ("Grbl 1.3a ['$' for help]", 103, Firmware.GRBL),
        ("Grbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]", 307, Firmware.GRBL),
        ("Grbl 0.9j ['$' for help]", 9, Firmware.GRBL),
    ],
)
def test_banners(line: str, version: int, firmware: Firmware) -> None:
    assert classify(line) == (LineKind.BANNER, version)
    assert banner_firmware(line) is firmware


@pytest.mark.parametrize(
    "line",
    [
        "[MSG:'$H'|'$X' to unlock]",
        "[MSG:Caution: Unlocked]",
        "[MSG:INFO: Connecting to STA SSID:...]",
        "[VER:1.1f.20260817:]",
        "[OPT:VNML+,100,1024,3,0]",
        "[NEWOPT:ENUMS,RT+,TC,SED]",
        "[echo: G1X1]",
        "[GC:G0 G54 G17 G21 G90 G94 G40 G49 G98 G50 M5 M9 T0 F0 S0.]",
        "[PRB:0.000,0.000,0.000:0]",
        "$100=3200.00000",
        "$13=0 (report inches)",
    ],
)
def test_what_is_pushed_or_printed_is_information(line: str) -> None:
    assert classify(line) == (LineKind.INFO, None)


@pytest.mark.parametrize(
    "line", ["ets Jun  8 2016 00:22:57", "rst:0x1 (POWERON_RESET),boot:0x13", "Grbl", "[unfinished", "okay"]
)
def test_what_a_boot_loader_or_noise_says_is_nothing(line: str) -> None:
    assert classify(line) == (LineKind.OTHER, None)


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
