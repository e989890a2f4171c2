"""What a person answers who is asked, frame by frame, whether a stack is to go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rig.axes.base import AxisPosition, PositionTrust
from rig.axes.hand import EndOfStack
from rig.errors import Interrupted
from rig.events import Event, EventBus, Note
from rig.runs.open_end import OpenEnd
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper


class Stack:
    """Two frames of a stack, moves of its rail, and what the operator is asked and told."""

    def __init__(self, *answers: str | None, reach_mm: float = 10.0) -> None:
        self.asked: list[str] = []
        self.moved_mm: list[float] = []
        self.told: list[Event] = []
        self.saved = 2
        left = list(answers)

        def answer(question: str, _stopped: Any) -> str | None:
            self.asked.append(question)
            return left.pop(0)

        operator = cast(Operator, SimpleNamespace(answer=answer))
        end = OpenEnd(operator, Stopper(), EventBus(self.told.append), lambda: self.saved, reach_mm)
        self.move_to = end.before(self._move_to)

    def _move_to(self, target_mm: float) -> AxisPosition:
        self.moved_mm.append(target_mm)
        return AxisPosition(target_mm, PositionTrust.TRUSTED)


def test_enter_goes_on_and_what_is_not_understood_is_asked_again() -> None:
    stack = Stack("yes?", "\n")
    stack.move_to(1.0)
    assert stack.moved_mm == [1.0]
    assert len(stack.asked) == 2
    assert stack.asked[0].startswith("2 frames are here")


def test_the_first_frame_and_one_that_is_shot_again_are_not_asked_for() -> None:
    stack = Stack("")
    stack.saved = 0
    stack.move_to(0.0)
    assert not stack.asked
    stack.saved = 1
    stack.move_to(1.0)
    stack.move_to(1.0)
    assert len(stack.asked) == 1


def test_e_ends_the_stack_and_nobody_there_interrupts_it() -> None:
    with pytest.raises(EndOfStack):
        Stack("E").move_to(1.0)
    with pytest.raises(Interrupted):
        Stack(None).move_to(1.0)


def test_a_stack_ends_by_itself_before_the_lens_comes_too_near() -> None:
    stack = Stack(reach_mm=0.5)
    with pytest.raises(EndOfStack):
        stack.move_to(1.0)
    assert not stack.moved_mm
    assert isinstance(stack.told[0], Note)
    assert "too near" in stack.told[0].message
