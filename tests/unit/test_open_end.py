"""What a person answers who is asked, frame by frame, whether a stack is to go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rig.axes.hand import EndOfStack
from rig.errors import Interrupted
from rig.run import SessionRun
from rig.stopping import Stopper


def _ask(*answers: str | None) -> list[str]:
    asked: list[str] = []
    left = list(answers)

    def answer(question: str, _stopped: Any) -> str | None:
        asked.append(question)
        return left.pop(0)

    run = SimpleNamespace(
        _runner=SimpleNamespace(state=SimpleNamespace(saved={0: None, 1: None})),
        _operator=SimpleNamespace(answer=answer),
        _stopper=Stopper(),
    )
    SessionRun._ask_for_more(cast(SessionRun, run))
    return asked


def test_enter_goes_on() -> None:
    (asked,) = _ask("")
    assert asked.startswith("2 frames are here")


def test_what_is_not_understood_is_asked_again() -> None:
    assert len(_ask("yes?", "\n")) == 2


def test_e_ends_the_stack() -> None:
    with pytest.raises(EndOfStack):
        _ask(" E ")


def test_the_end_of_the_input_stops_the_run() -> None:
    with pytest.raises(Interrupted):
        _ask(None)
