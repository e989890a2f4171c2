"""Jogging by keys: how far ahead, how far at all, and on axes that cannot be sent on their way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.axes.base import AxisLimits, AxisPosition, CanJog, FocusAxis, JogReport, PositionTrust
from rig.errors import LimitError, MotionError, PositionUnknownError, UserError
from rig.rails.jogging import Jogger, SteppedJog, parse_steps


class Sent:
    """An axis that goes where it is sent when it is told that time passes."""

    def __init__(self, at: float = 5.0) -> None:
        self.limits = AxisLimits(0.0, 10.0)
        self.at, self.sent = at, list[float]()
        self.ended = 0

    def jog_to(self, position: float) -> None:
        self.sent.append(position)

    def jog_report(self) -> JogReport:
        return JogReport(AxisPosition(self.at, PositionTrust.TRUSTED), moving=bool(self.sent))

    def end_jog(self) -> AxisPosition:
        self.ended += 1
        self.sent.clear()
        return AxisPosition(self.at, PositionTrust.TRUSTED)

    def passes(self) -> None:
        if self.sent:
            self.at = self.sent[-1]
            self.sent.clear()


def _jogger(axis: Any, *steps: float) -> Jogger:
    return Jogger(cast(FocusAxis, axis), steps or (0.01, 0.1, 1.0))


def test_a_key_that_repeats_does_not_run_ahead() -> None:
    axis = Sent()
    jogger = _jogger(axis)
    assert isinstance(axis, CanJog)
    for _ in range(30):
        jogger.nudge(1)
    assert axis.sent == pytest.approx([5.1, 5.2])
    axis.passes()
    jogger.nudge(1)
    assert axis.sent == pytest.approx([5.3])


def test_the_other_direction_brakes_first() -> None:
    axis = Sent()
    jogger = _jogger(axis)
    jogger.nudge(1)
    jogger.nudge(-1)
    assert axis.ended == 1
    assert axis.sent == pytest.approx([4.9])


def test_steps_are_chosen() -> None:
    jogger = _jogger(Sent())
    assert jogger.step_mm == 0.1
    jogger.coarser()
    jogger.coarser()
    assert jogger.step_mm == 1.0
    jogger.choose(0)
    jogger.coarser(-1)
    assert jogger.step_mm == 0.01


@given(
    keys=st.lists(st.tuples(st.sampled_from([1, -1]), st.booleans(), st.integers(0, 2)), max_size=60),
    at=st.floats(0, 10),
)
def test_no_keys_send_it_beyond_a_limit(keys: list[tuple[int, bool, int]], at: float) -> None:
    axis = Sent(at)
    jogger = _jogger(axis, 0.3, 1.7, 25.0)
    for direction, passes, step in keys:
        jogger.choose(step)
        jogger.nudge(direction)
        assert all(0.0 <= target <= 10.0 for target in axis.sent)
        if passes:
            axis.passes()


def test_the_limit_is_said() -> None:
    axis = Sent(9.95)
    jogger = _jogger(axis)
    assert jogger.nudge(1) == "up to the limit, 10 mm"
    axis.passes()
    assert jogger.nudge(1) == "this is the limit, 10 mm"
    assert axis.sent == []


class Blocking:
    """An axis whose moves last until they are let go, or stopped."""

    name = "slow rail"

    def __init__(self) -> None:
        self.limits = AxisLimits(0.0, 10.0)
        self.trust = PositionTrust.TRUSTED
        self.at, self.targets = 5.0, list[float]()
        self.go, self.stopped = threading.Event(), threading.Event()

    def position(self) -> AxisPosition:
        return AxisPosition(self.at, self.trust)

    def move_to(self, position: float) -> AxisPosition:
        self.targets.append(position)
        while not self.go.wait(0.002):
            if self.stopped.is_set():
                raise MotionError("stopped")
        self.at = position
        return self.position()

    def stop(self) -> None:
        self.stopped.set()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _stepped(axis: Blocking) -> SteppedJog:
    return SteppedJog(cast(FocusAxis, axis))


def test_moves_follow_each_other_on_an_axis_without_jogs() -> None:
    axis = Blocking()
    jog = _stepped(axis)
    jog.jog_to(6.0)
    assert jog.jog_report().moving
    _until(lambda: bool(axis.targets))
    jog.jog_to(7.0)
    jog.jog_to(8.0)  # instead of 7
    axis.go.set()
    _until(lambda: not jog.jog_report().moving)
    assert axis.targets == [6.0, 8.0]
    assert jog.jog_report().position.value == 8.0


def test_a_move_of_an_axis_without_jogs_is_stopped() -> None:
    axis = Blocking()
    jog = _stepped(axis)
    jog.jog_to(6.0)
    _until(lambda: bool(axis.targets))
    jog.jog_to(7.0)
    assert jog.end_jog().value == 5.0
    assert axis.targets == [6.0]


class Hesitating(Blocking):
    """What is told to stop before its move has begun does not hear it, as no axis does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.begins = threading.Event(), threading.Event()

    def move_to(self, position: float) -> AxisPosition:
        self.asked.set()
        self.begins.wait()
        self.stopped.clear()
        return super().move_to(position)


def test_a_move_that_is_about_to_begin_is_stopped() -> None:
    axis = Hesitating()
    jog = _stepped(axis)
    jog.jog_to(6.0)
    assert axis.asked.wait(20)
    threading.Timer(0.1, axis.begins.set).start()
    assert jog.end_jog().value == 5.0
    assert axis.targets == [6.0]


def test_what_goes_wrong_in_a_move_is_told() -> None:
    axis = Blocking()
    jog = _stepped(axis)
    with pytest.raises(LimitError):
        jog.jog_to(11.0)
    jog.jog_to(6.0)
    axis.stopped.set()  # by somebody else
    with pytest.raises(MotionError, match="stopped"):
        _until(lambda: not jog.jog_report().moving)
    axis.trust = PositionTrust.UNKNOWN
    with pytest.raises(PositionUnknownError):
        jog.jog_to(6.0)


@pytest.mark.parametrize("text", ["1", "1,2", "0,1,2", "3,2,1", "1,2,x", "1,2,3,4"])
def test_steps_that_cannot_be(text: str) -> None:
    with pytest.raises(UserError, match="--steps"):
        parse_steps(text)
    assert parse_steps("10um, 0.1mm,1") == (0.01, 0.1, 1.0)
