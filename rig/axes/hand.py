"""The person who turns a crank: what they are asked, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from rig.errors import RigError

__all__ = ["EndOfStack", "Hand", "HandAnswer", "HandSignal", "PositionWasWrong", "Turning"]


@dataclass(frozen=True)
class Turning:
    """What a person is asked to do at a crank.

    ``text`` says it in words, without a full stop; ``from_mm`` and ``to_mm`` are where the crank stands and
    where it will; ``turns`` is the sum of all turns, positive towards the subject.
    """

    text: str
    from_mm: float
    to_mm: float
    turns: float


class HandAnswer(Enum):
    """What a person at a crank says."""

    DONE = "done"
    """Turned as asked."""
    MISTAKE = "mistake"
    """Turned otherwise than asked."""
    LAST_WAS_WRONG = "last was wrong"
    """The crank stood elsewhere already when the last frame was taken: take that one again."""
    END = "end"
    """The farthest outline was sharp in the last frame: the stack ends there."""
    STOP = "stop"
    """Stop the run; it can be resumed."""


class Hand(Protocol):
    """The person who turns a crank, however they are asked."""

    def check_present(self) -> None:
        """Raise UserError when nobody can be asked."""
        ...

    def turn(self, turning: Turning, stopped: Callable[[], bool]) -> HandAnswer:
        """Ask for turns and wait for the answer; STOP as soon as `stopped` is true."""
        ...

    def answer(self, question: str, stopped: Callable[[], bool]) -> str | None:
        """Ask for a line of text; None when stopped."""
        ...


class HandSignal(RigError):  # noqa: N818  (no fault: the operator wants something else than the next frame)
    """The person at the crank wants something else than to turn to the next position.

    Who cannot do that lets it pass: it then ends the command as a stop does.
    """

    exit_code = 130


class EndOfStack(HandSignal):
    """The farthest outline was sharp in the last frame."""

    def __init__(self) -> None:
        super().__init__("ended by the operator")


class PositionWasWrong(HandSignal):
    """The last frame was taken at another position than counted."""

    def __init__(self) -> None:
        super().__init__("the last frame was taken elsewhere than counted, says the operator; begin again")
