"""The crank without a bench: what is asked of the person, what becomes of the answers, what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.axes.base import PositionTrust
from rig.axes.crank import CrankAxis
from rig.axes.hand import EndOfStack, HandAnswer, PositionWasWrong, Turning
from rig.axes.motion import Approach, Approached
from rig.axes.registry import ByHand, CrankSettings, RailSettings, open_axis
from rig.cli.terminal import Terminal
from rig.clock import ScaledClock
from rig.config import config_from_table
from rig.errors import Interrupted, LimitError, PositionUnknownError, UserError
from rig.planning.rail import PlanRequest, build_plan
from rig.runs.shoot import last_counted_mm
from rig.state import NoCount, PositionCount
from rig.turns import format_turns, parse_turns

DONE, MISTAKE, WRONG, END, STOP = (
    HandAnswer.DONE, HandAnswer.MISTAKE, HandAnswer.LAST_WAS_WRONG, HandAnswer.END, HandAnswer.STOP,
)  # fmt: skip


class Person:
    """Gives the answers of a script, and remembers what was asked."""

    def __init__(self, *script: HandAnswer | str | None) -> None:
        self.script, self.asked = list(script), list[str]()

    def check_present(self) -> None:
        pass

    def turn(self, turning: Turning, stopped: Callable[[], bool]) -> HandAnswer:
        self.asked.append(turning.text)
        answer = self.script.pop(0)
        assert isinstance(answer, HandAnswer)
        return answer

    def answer(self, question: str, stopped: Callable[[], bool]) -> str | None:
        self.asked.append(question)
        answer = self.script.pop(0)
        assert not isinstance(answer, HandAnswer)
        return answer


def _axis(
    person: Person, folder: Path, *, closer: Any = "counter-clockwise", at: float = 0.0, pitch: float = 1.0
) -> CrankAxis:
    crank = CrankSettings(pitch, closer, 4, pitch)
    rail = RailSettings("crank", "", 4 / pitch, 1.0, 50.0, -2.0, 10.0, "+", crank=crank)
    axis = open_axis(rail, ScaledClock(), ByHand(person, PositionCount("crank", folder)))
    assert isinstance(axis, CrankAxis)
    axis.set_reference(at)
    return axis


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        (1, "1 turn"), (2, "2 turns"), (1.25, "1 turn and a quarter"), (0.5, "half a turn"),
        (-0.75, "three quarters of a turn"), (2.5, "2 turns and a half"), (1 / 8, "1/8 of a turn"),
        (1.0625, "1 turn and 1/16"), (2 / 3, "2/3 of a turn"), (0.37, "0.37 turns"), (0.25, "a quarter turn"),
    ],
)  # fmt: skip
def test_turns_as_people_say_them(turns: float, text: str) -> None:
    assert format_turns(turns) == text


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("2", 2),
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("-1", -1),
        ("1/4", 0.25),
        ("2 3/4", 2.75),
        ("-2 1/2 turns", -2.5),
    ],
)
def test_turns_as_people_write_them(text: str, turns: float) -> None:
    assert parse_turns(text) == turns


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_number_of_turns_or_refused(text: str) -> None:
    try:
        turns = parse_turns(text)
    except UserError as err:
        turns = 0.0
        said = str(err)
    else:
        said = "a number of turns"
    assert math.isfinite(turns)
    assert "number of turns" in said


@pytest.mark.parametrize(
    ("closer", "target", "asked"),
    [
        ("counter-clockwise", 2.0, "turn 2 turns counter-clockwise (2 mm closer)"),
        ("clockwise", 2.0, "turn 2 turns clockwise (2 mm closer)"),
        ("counter-clockwise", -1.25, "turn 1 turn and a quarter clockwise (1.25 mm back)"),
    ],
)
def test_a_move_is_asked_for_in_turns(tmp_path: Path, closer: str, target: float, asked: str) -> None:
    person = Person(DONE)
    axis = _axis(person, tmp_path, closer=closer)
    reached = axis.move_to(target)
    assert (reached.value, reached.trust) == (target, PositionTrust.HOST_COUNTED)
    assert person.asked == [asked]


def test_limits_are_honoured_before_anybody_is_asked(tmp_path: Path) -> None:
    person = Person()
    axis = _axis(person, tmp_path)
    with pytest.raises(LimitError, match=r"10\.5"):
        axis.move_along((0.0, 10.5))
    with pytest.raises(LimitError):
        Approached(axis, Approach(1, 3.0)).move_to(0.0)
    assert not person.asked


def test_positions_are_approached_from_one_side_in_one_request(tmp_path: Path) -> None:
    person = Person(DONE, DONE)
    approached = Approached(_axis(person, tmp_path), Approach(1, 1.0))
    approached.move_to(0.0)
    approached.move_to(0.0)  # it stands there, approached: nobody is bothered
    approached.move_to(2.0)
    first, second = person.asked
    assert first.startswith("turn 1 turn clockwise (1 mm back), then 1 turn counter-clockwise (1 mm closer)")
    assert first.endswith("which takes up the play of the screw")
    assert second == "turn 2 turns counter-clockwise (2 mm closer)"


@pytest.mark.parametrize(
    ("turned", "then"),
    [
        ("3", "turn 2 turns clockwise (2 mm back), then 1 turn counter-clockwise (1 mm closer), which"),
        ("1.5", "turn half a turn counter-clockwise (500 µm closer)"),
        ("0", "turn 2 turns counter-clockwise (2 mm closer)"),
        ("-2", "turn 4 turns counter-clockwise (4 mm closer)"),
    ],
)
def test_a_wrong_turn_is_led_back_from_one_side(tmp_path: Path, turned: str, then: str) -> None:
    person = Person(MISTAKE, turned, DONE)
    axis = _axis(person, tmp_path)
    assert axis.move_to(2.0).value == 2.0
    assert "from 0 mm, counted counter-clockwise" in person.asked[1]
    assert person.asked[2].startswith(then)


@pytest.mark.parametrize(
    ("turned", "then"),
    [
        ("0", "turn 1 turn clockwise (1 mm back), then 1 turn counter-clockwise"),
        ("1", "turn 1 turn counter-clockwise (1 mm closer)"),
        ("1/4", "turn three quarters of a turn clockwise (750 µm back), then 1 turn counter-clockwise"),
    ],
)
def test_a_run_up_that_was_not_made_is_asked_for_again(tmp_path: Path, turned: str, then: str) -> None:
    """The count may say that the crank stands at the target: its play is not taken up yet."""
    person = Person(MISTAKE, turned, DONE)
    Approached(_axis(person, tmp_path), Approach(1, 1.0)).move_to(0.0)
    assert person.asked[2].startswith(then)
    assert not person.script


def test_turned_back_onto_the_target_is_not_there_yet(tmp_path: Path) -> None:
    person = Person(MISTAKE, "3", MISTAKE, "1", DONE)
    assert _axis(person, tmp_path).move_to(2.0).value == 2.0
    assert person.asked[4].startswith("turn 1 turn clockwise (1 mm back), then 1 turn counter-clockwise")


@settings(deadline=None, max_examples=40)  # every count goes through to the disk
@given(st.lists(st.integers(-8, 8), max_size=5), st.integers(-8, 40))
def test_after_any_mistakes_the_count_is_where_it_was_to_go(wrong: list[int], target: int) -> None:
    """However often it is turned wrong, the last way asked for ends at the target, going the same way."""
    import tempfile

    script: list[Any] = [x for quarters in wrong for x in (MISTAKE, str(quarters / 4))] + [DONE]
    with tempfile.TemporaryDirectory() as folder:
        person = Person(*script)
        axis = _axis(person, Path(folder))
        assert axis.move_to(target / 4).value == target / 4


def test_what_else_the_person_may_say(tmp_path: Path) -> None:
    axis = _axis(Person(END, WRONG, "-1", STOP), tmp_path, at=4.0)
    with pytest.raises(EndOfStack):
        axis.move_to(6.0)
    assert axis.position().value == 4.0
    with pytest.raises(PositionWasWrong):
        axis.move_to(6.0)
    assert axis.position().value == 3.0
    with pytest.raises(Interrupted):
        axis.move_to(4.0)
    assert axis.position().trust is PositionTrust.UNKNOWN
    with pytest.raises(PositionUnknownError, match="3 mm to 4 mm was not finished"):
        axis.move_to(4.0)


def test_a_lost_count_stops_the_run(tmp_path: Path) -> None:
    axis = _axis(Person(MISTAKE, ""), tmp_path)
    with pytest.raises(PositionUnknownError, match="--here-is"):
        axis.move_to(2.0)


def test_the_count_outlives_the_program(tmp_path: Path) -> None:
    count = PositionCount("my crank/1", tmp_path)
    assert count.read() is None
    axis = _axis(Person(DONE, STOP), tmp_path)
    axis.move_to(2.0)
    kept = PositionCount("crank", tmp_path).read()
    assert kept is not None
    assert (kept.position_mm, kept.turning_to_mm) == (2.0, None)
    with pytest.raises(Interrupted):
        axis.move_to(5.0)
    kept = PositionCount("crank", tmp_path).read()
    assert kept is not None
    assert "between 2 mm and 5 mm, in a turn not finished" in kept.text
    with pytest.raises(Interrupted):
        _axis(Person(STOP), tmp_path, at=2.0).move_along((1.0, 2.0))
    kept = PositionCount("crank", tmp_path).read()
    assert kept is not None
    assert "between 2 mm and 1 mm" in kept.text
    (tmp_path / "crank.json").write_text('{"position_mm": "here"}')
    assert PositionCount("crank", tmp_path).read() is None


RIG: dict[str, Any] = {
    "rail": {
        "driver": "crank", "pitch": "1 mm", "turn_closer": "clockwise", "limits": ["-2 mm", "10 mm"],
    },
    "camera": {"sensor_width": "36 mm", "pixels": [6000, 4000]},
    "lens": {"magnification": 0.5, "effective_f_number": {"value": 15, "at": "f/11"}},
    "capture": {"aperture": "f/11"},
}  # fmt: skip


def _rig(**rail: Any) -> dict[str, Any]:
    return {**RIG, "rail": {k: v for k, v in {**RIG["rail"], **rail}.items() if v is not None}}


def test_a_crank_settles_longer_backs_off_a_turn_and_stays_at_the_end() -> None:
    config = config_from_table(_rig(), "rig.toml")
    assert (config.capture.settle_s, config.rail.backlash_mm) == (2.0, 1.0)
    assert not config.capture.return_to_start
    config = config_from_table({**_rig(), "capture": {"settle": "5 s", "return_to_start": True}}, "rig.toml")
    assert (config.capture.settle_s, config.capture.return_to_start) == (5.0, True)


@pytest.mark.parametrize(
    ("rail", "words"),
    [
        ({"pitch": None}, ("rail.pitch is missing", "travel per turn")),
        ({"turn_closer": None}, ("rail.turn_closer is missing", "counter-clockwise")),
        ({"turn_closer": "left"}, ("rail.turn_closer", "clockwise")),
        ({"backlash": "0.3 mm"}, ("0.3 mm", "quarter turns", "1 mm")),
        ({"part_of_turn": "3/4"}, ("part_of_turn", '"1/4"')),
        ({"reference": "home"}, ("crank", "here")),
    ],
)
def test_what_a_crank_needs_to_be_told(rail: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as err:
        config_from_table(_rig(**rail), "rig.toml").check_real_hardware()
    for word in words:
        assert word in str(err.value)


@pytest.mark.parametrize(
    ("part", "step_mm", "said"),
    [
        (None, 1.5, "rounded down to 1.5 mm, 1 turn and a half, because a hand turns a quarter turn"),
        ("1/10", 1.7, "rounded down to 1.7 mm, 1 turn and 7/10"),
        ("1", 1.0, "rounded down to 1 mm, 1 turn, because a hand turns a whole turn"),
    ],
)
def test_an_automatic_step_is_what_a_hand_can_turn(part: str | None, step_mm: float, said: str) -> None:
    """Equal steps, rounded down; only the last may be shorter. The depth of field allows 1.7 mm and some."""
    plan = build_plan(config_from_table(_rig(part_of_turn=part), "rig.toml"), PlanRequest(0.0, 9.0))
    assert plan.step_mm == pytest.approx(step_mm)
    steps = [b - a for a, b in zip(plan.positions_mm, plan.positions_mm[1:], strict=False)]
    assert steps[:-1] == pytest.approx([step_mm] * (len(steps) - 1))
    assert steps[-1] <= step_mm + 1e-9
    assert any(said in warning for warning in plan.warnings), plan.warnings
    assert not any("microstep" in warning for warning in plan.warnings)


def test_steps_that_a_hand_cannot_turn_are_said(tmp_path: Path) -> None:
    config = config_from_table(_rig(), "rig.toml")
    plan = build_plan(config, PlanRequest(0.0, 3.0, step_mm=0.3))
    assert any(
        "3/10 of a turn, no whole number of quarter turns" in w and "250 µm or 500 µm would be even" in w
        for w in plan.warnings
    )
    fine = config_from_table({**_rig(), "lens": {**RIG["lens"], "magnification": 5}}, "rig.toml")
    plan = build_plan(fine, PlanRequest(0.0, 1.0))
    assert plan.step_mm == 0.25
    assert any("less than a quarter turn of the crank" in warning for warning in plan.warnings)
    with pytest.raises(UserError, match="a step of 100 µm is less than a quarter turn of the crank, 250 µm"):
        build_plan(config, PlanRequest(0.0, 3.0, step_mm=0.1))


def test_an_asked_end_is_planned_up_to_the_limit() -> None:
    config = config_from_table(_rig(), "rig.toml")
    plan = build_plan(config, PlanRequest.from_text(start="0", end="ask", step="2mm"))
    assert (plan.open_end, plan.end_mm, plan.frames) == (True, 10.0, 6)
    with pytest.raises(UserError, match="--frames"):
        build_plan(config, PlanRequest.from_text(start="0", end="ask", frames=4))
    motor = {**RIG, "rail": {"driver": "grbl", "pitch": "1 mm", "limits": ["0 mm", "9 mm"]}}
    plan = build_plan(
        config_from_table(motor, "rig.toml"), PlanRequest.from_text(start="1", end="ask", step="4mm")
    )
    assert (plan.open_end, plan.positions_mm) == (True, (1.0, 5.0, 9.0))


def test_yes_cannot_turn_a_crank() -> None:
    """Nobody is at a terminal here; the run ends before anything is connected."""
    with pytest.raises(UserError, match="run this in a terminal"):
        Terminal(yes=True).check_present()
    crank = RailSettings("crank", "", 4.0, 1.0, 50.0, -2.0, 10.0, "+", crank=CrankSettings(1.0, "clockwise"))
    with pytest.raises(UserError, match="--yes cannot turn a crank"):
        open_axis(crank, ScaledClock(), ByHand(Terminal(yes=True), NoCount()))
    with pytest.raises(UserError, match="nobody to ask"):
        open_axis(crank, ScaledClock())


def test_a_new_run_may_go_on_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = config_from_table(_rig(), "rig.toml")
    with pytest.raises(UserError, match="no count of this crank yet"):
        last_counted_mm(config)
    count = PositionCount(config.rail.name)
    count.at(7.5)
    assert last_counted_mm(config) == 7.5
    count.turning(7.5, 9.0)
    with pytest.raises(UserError, match=r"between 7\.5 mm and 9 mm"):
        last_counted_mm(config)
