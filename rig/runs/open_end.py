"""A stack on a rail whose end is not planned: before every further step somebody is asked."""

from __future__ import annotations

from collections.abc import Callable

from rig.axes.base import AxisPosition
from rig.axes.hand import EndOfStack
from rig.errors import Interrupted
from rig.events import EventBus, Note
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper

__all__ = ["OpenEnd"]


class OpenEnd:
    """Moves to the next position once the operator has said that the stack is to go on.

    Parameters
    ----------
    operator : Operator
        Is asked.
    stopper : Stopper
        Ends the asking.
    bus : EventBus
        Is told when the stack ends by itself.
    saved : callable
        How many frames there are.
    reach_mm : float
        A stack without a planned end has one all the same: where the lens would come too near.
    """

    def __init__(
        self,
        operator: Operator,
        stopper: Stopper,
        bus: EventBus,
        saved: Callable[[], int],
        reach_mm: float,
    ) -> None:
        self._operator, self._stopper, self._bus = operator, stopper, bus
        self._saved, self._reach_mm = saved, reach_mm
        self._asked_for: float | None = None

    def before(self, move_to: Callable[[float], AxisPosition]) -> Callable[[float], AxisPosition]:
        """The move, with the question before it; it raises EndOfStack when that was the last frame."""

        def ask(target_mm: float) -> AxisPosition:
            if self._saved() and target_mm != self._asked_for:
                self._end_before_the_subject(target_mm)
                self._ask_for_more()
            self._asked_for = target_mm
            return move_to(target_mm)

        return ask

    def _end_before_the_subject(self, target_mm: float) -> None:
        if target_mm > self._reach_mm:
            told = f"{target_mm:g} mm would bring the lens too near to the subject: the stack ends here"
            self._bus.publish(Note(told, "warning"))
            raise EndOfStack

    def _ask_for_more(self) -> None:
        question = (
            f"{self._saved()} frames are here. Enter goes on a step; e: the farthest outline was sharp in "
            "the last one"
        )
        while True:
            answer = self._operator.answer(question, self._stopper.event.is_set)
            if answer is None:
                raise Interrupted()
            if not answer.strip():
                return
            if answer.strip().lower() == "e":
                raise EndOfStack
