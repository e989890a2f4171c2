"""A crank that the operator turns: NiSi, Manfrotto 454, Sunwayfoto, and every other rail with a screw.

Nothing reports a position: the host counts what it asked for and was told is done. Whoever asks the person is
handed in (`rig.axes.hand.Hand`), so a terminal and a web page can both do it.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Sequence
from itertools import pairwise

from rig.axes.base import EPSILON_MM, AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.axes.hand import EndOfStack, HandAnswer, PositionWasWrong, Turning
from rig.axes.registry import ByHand, RailSettings
from rig.clock import Clock
from rig.errors import (
    HardwareError,
    Interrupted,
    MotionError,
    PositionUnknownError,
    UserError,
)
from rig.formatting import format_length
from rig.kinematics import move_time_s
from rig.turns import format_turns, parse_turns

__all__ = ["CrankAxis", "open_crank"]

_BENCH_S = 60.0
"""Real seconds for a simulated hand to turn; a minute of turning at the pace of life."""


def open_crank(settings: RailSettings, clock: Clock, by_hand: ByHand) -> CrankAxis:
    """Driver entry for the registry."""
    return CrankAxis(settings, clock, by_hand)


class CrankAxis:
    """A rail whose screw is turned by hand (`rig.axes.base.FocusAxis`).

    Parameters
    ----------
    settings : RailSettings
        The rail; its `crank` says the pitch and which way to turn. A port is a simulated crank's, which is
        then turned as the person says: a rehearsal.
    clock : Clock
        Unused by real cranks.
    by_hand : ByHand
        Who turns, and where the count is kept.

    Raises
    ------
    UserError
        When nobody is there to turn the crank.
    HardwareError
        When the simulated crank is not there.
    """

    def __init__(self, settings: RailSettings, clock: Clock, by_hand: ByHand) -> None:
        if settings.crank is None:
            raise UserError("the crank's pitch and turning direction are not known")
        self._settings, self._crank, self._clock = settings, settings.crank, clock
        self._hand, self._tally = by_hand.hand, by_hand.tally
        self._at_mm: float | None = None
        self._lost = "it was not told where it stands"
        self._stop = threading.Event()
        self._closed = False
        self._hand.check_present()
        self._bench = _SimulatedCrank(settings.port) if settings.port else None

    # --- what it is -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """E.g. ``"crank, 1 mm a turn, counter-clockwise is closer"``."""
        return f"crank, {format_length(self._crank.pitch_mm)} a turn, {self._crank.closer} is closer"

    @property
    def capabilities(self) -> AxisCapabilities:
        """Exact mm, in parts of a turn; counted by the host."""
        return AxisCapabilities("mm", self._crank.pitch_mm / self._crank.parts, can_home=False)

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return self._settings.limits

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing: there is no controller."""
        return ()

    # --- where it is ----------------------------------------------------------------------------------

    def position(self) -> AxisPosition:
        """Where the count says that it stands."""
        if self._at_mm is None:
            return AxisPosition(math.nan, PositionTrust.UNKNOWN)
        return AxisPosition(self._at_mm, PositionTrust.HOST_COUNTED)

    def set_reference(self, position: float) -> None:
        """Declare where it stands; counting begins there."""
        self._check_open()
        self.limits.check(position, "the reference position")
        self._stands_at(position)

    def home(self) -> None:
        """A crank has no homing: UserError."""
        raise UserError('a crank finds no home position by itself: write reference = "here" in [rail]')

    def _stands_at(self, position_mm: float) -> None:
        self._tally.at(position_mm)
        self._at_mm = position_mm

    # --- moving ---------------------------------------------------------------------------------------

    def move_time_s(self, distance: float) -> float:
        """Time that turning is taken to need, from the configured speed; s."""
        return move_time_s(distance, self._settings.speed_mm_s, self._settings.acceleration_mm_s2)

    def move_to(self, position: float) -> AxisPosition:
        """Ask for the turns to a position; returns when the person says that they are done."""
        return self.move_along((position,))

    def move_along(self, legs: Sequence[float]) -> AxisPosition:
        """Ask once for all turns of a way with several legs, such as a run-up and the approach.

        Raises
        ------
        LimitError
            Before anything is asked, when a leg ends outside the limits.
        PositionUnknownError
            When the count is not known, also when the person has lost it.
        EndOfStack, PositionWasWrong
            What the person says instead of turning.
        Interrupted
            When the run is stopped, or the person stops it; the count is then not known any more.
        """
        self._check_open()
        for leg in legs:
            self.limits.check(leg)
        if self._at_mm is None:
            raise PositionUnknownError(
                f"the {self.name}, does not know where it stands: {self._lost}. Say where; nothing was moved"
            )
        self._stop.clear()
        target_mm, last_leg_from = legs[-1], [self._at_mm, *legs][-2]
        forward = 1 if target_mm >= last_leg_from else -1
        way = _without_rests(self._at_mm, legs)
        while way and not self._ask(way, target_mm):
            way = self._way_back(target_mm, forward, engaged=len(way) == 1)
        assert self._at_mm is not None
        return AxisPosition(self._at_mm, PositionTrust.HOST_COUNTED)

    def _ask(self, way: Sequence[float], target_mm: float) -> bool:
        """Ask for one way; whether it was done. The count then says where the crank stands instead."""
        here_mm = self._at_mm
        assert here_mm is not None
        farthest_mm = max(way, key=lambda leg: abs(leg - here_mm))  # a run-up begins beyond the target
        self._tally.turning(here_mm, farthest_mm)
        self._at_mm, self._lost = None, f"a turn from {here_mm:g} mm to {farthest_mm:g} mm was not finished"
        answer = self._hand.turn(self._turning(here_mm, way, target_mm), self._stop.is_set)
        match answer:
            case HandAnswer.DONE:
                self._follow(here_mm, way)
                self._stands_at(target_mm)
                return True
            case HandAnswer.END:
                self._stands_at(here_mm)
                raise EndOfStack
            case HandAnswer.MISTAKE | HandAnswer.LAST_WAS_WRONG:
                elsewhere_mm = self._where(here_mm, way)
                self._follow(here_mm, (elsewhere_mm,))
                self._stands_at(elsewhere_mm)
                if answer is HandAnswer.LAST_WAS_WRONG:
                    raise PositionWasWrong
            case HandAnswer.STOP:
                raise Interrupted()
        return False

    def _where(self, here_mm: float, way: Sequence[float]) -> float:
        """Ask how far the crank really has been turned since the count was last right."""
        direction = self._direction(way[0] - here_mm)
        question = (
            f"How many turns is it away from {here_mm:g} mm, counted {direction}? For instance 2.5 or 2 3/4; "
            "-1 when it was turned the other way; 0 when it was not turned; Enter alone when not known"
        )
        while True:
            text = self._hand.answer(question, self._stop.is_set)
            if text is None:
                raise Interrupted()
            if not text.strip():
                self._lost = "its operator has lost the count"
                raise PositionUnknownError(
                    f"the count of the {self.name}, is lost: turn it to a place that you know, such as where "
                    "the stack began, and go on with --here-is"
                )
            try:
                turned_mm = parse_turns(text) * self._crank.pitch_mm
            except UserError as err:
                question = f"{err}. How many turns, counted {direction}?"
                continue
            return here_mm + (turned_mm if way[0] > here_mm else -turned_mm)

    def _way_back(self, target_mm: float, forward: int, *, engaged: bool) -> tuple[float, ...]:
        """From wherever it stands to the target, arriving forward; nothing when it is there.

        What was turned too far is turned back beyond the target by the run-up, and approached again. What
        was turned back from where the play was taken up (`engaged`) has taken its own play along, and only
        has to come again. Where a run-up was asked for nobody knows how much of it was done: it is asked for
        again, also when the crank is said to stand at the target.
        """
        assert self._at_mm is not None
        ahead_mm = forward * (target_mm - self._at_mm)
        if engaged and abs(ahead_mm) <= EPSILON_MM:
            return ()
        if ahead_mm > 0 and (engaged or ahead_mm >= self._crank.run_up_mm - EPSILON_MM):
            return (target_mm,)
        limits = self.limits
        before_mm = min(limits.high, max(limits.low, target_mm - forward * self._crank.run_up_mm))
        return _without_rests(self._at_mm, (before_mm, target_mm))

    def _turning(self, here_mm: float, way: Sequence[float], target_mm: float) -> Turning:
        legs = []
        for number, (start, end) in enumerate(pairwise((here_mm, *way))):
            distance = end - start
            side = "closer" if distance > 0 else "back"
            turns = format_turns(distance / self._crank.pitch_mm)
            legs.append(
                f"{'turn ' if number == 0 else ''}{turns} {self._direction(distance)} "
                f"({format_length(abs(distance))} {side})"
            )
        text = ", then ".join(legs)
        if len(way) > 1:
            text += ", which takes up the play of the screw"
        return Turning(text, here_mm, target_mm, (target_mm - here_mm) / self._crank.pitch_mm)

    def _direction(self, distance_mm: float) -> str:
        closer = self._crank.closer
        other = "clockwise" if closer == "counter-clockwise" else "counter-clockwise"
        return closer if distance_mm > 0 else other

    def _check_open(self) -> None:
        if self._closed:
            raise HardwareError(f"the {self.name}, is closed")

    def _follow(self, here_mm: float, way: Sequence[float]) -> None:
        """In a rehearsal the simulated crank is turned as the person says that it was."""
        if self._bench is not None:
            for start, end in pairwise((here_mm, *way)):
                turns = (end - start) / self._crank.pitch_mm
                self._bench.turn(turns if self._crank.closer == "clockwise" else -turns)

    def stop(self) -> None:
        """Stop asking, from any thread; the count is then not known."""
        self._stop.set()

    def close(self) -> None:
        """Let go. May be called twice."""
        self._closed = True
        if self._bench is not None:
            self._bench.close()


def _without_rests(here_mm: float, legs: Sequence[float]) -> tuple[float, ...]:
    """The legs that go somewhere."""
    way: list[float] = []
    for leg in legs:
        if abs(leg - (way[-1] if way else here_mm)) > EPSILON_MM:
            way.append(leg)
    return tuple(way)


class _SimulatedCrank:
    """The crank of a simulated bench: turned by a line of text, clockwise positive."""

    def __init__(self, port: str) -> None:
        host, _, number = port.removeprefix("socket://").rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(number)), timeout=_BENCH_S)
        except (OSError, ValueError) as err:
            raise HardwareError(f"the simulated crank on {port} is not there: {err}") from err
        self._answers = self._socket.makefile("r", encoding="ascii")

    def turn(self, turns: float) -> None:
        """Turn, and wait until it is done."""
        try:
            self._socket.sendall(f"turn {turns:.9f}\n".encode("ascii"))
            answer = self._answers.readline()
        except OSError as err:
            raise MotionError(f"the simulated crank does not answer: {err}") from err
        if not answer.startswith("ok"):
            raise MotionError(f"the simulated crank did not turn: {answer.strip() or 'it is gone'}")

    def close(self) -> None:
        """Let go."""
        with contextlib.suppress(OSError):
            self._answers.close()
            self._socket.close()
