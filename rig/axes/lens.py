"""The focus of a lens as an axis: units of its drive, counted by us, every move looked at.

A body takes a command whether the lens can follow or not, and tells of no end of travel, or roughly. So no
move is believed before the picture has changed. Steps are not the same forth and back: who wants frames
evenly apart drives one way, with a run-up after every reversal (`rig.axes.motion.Approached`).
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from contextlib import suppress

from rig.axes.base import AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.axes.drive import FocusDrive, FocusWatch, SeenMotion
from rig.errors import LimitError, MotionError, PositionUnknownError, UserError

__all__ = ["EndOfTravelError", "LensAxis"]

_LEARNING_S = 1.0
"""Real seconds to look on after a command whose motion has not been timed yet: scripts that cannot look pause
0.5 to 1 s a step."""
_LESSONS = 3
"""Commands whose motion is timed; the middle one counts, since one frame of live view may come late."""
_SPARE = 1.5
"""A pause is that much longer than the motion seen: motors are slower when cold, and the other way."""
_MOST_BLIND_STEPS = 8
"""As many steps may pass before a motion is seen: more, and too many frames would rest on trust."""
_SHORTEST_S = 0.02
"""Between commands at the least, however fast the motor: bodies drop what comes in the same breath."""


class EndOfTravelError(MotionError):
    """The lens has reached an end of its travel and says so."""


class LensAxis:
    """The focus drive of a lens (`rig.axes.base.FocusAxis`).

    Parameters
    ----------
    drive : FocusDrive
        Moves the lens.
    watch : FocusWatch
        Sees whether it has moved.

    Notes
    -----
    Positions are whole units, growing towards far. They are host-counted, and unknown until a reference is
    set and after every move that cannot be accounted for.
    """

    def __init__(self, drive: FocusDrive, watch: FocusWatch) -> None:
        self._drive, self._watch = drive, watch
        self._count: int | None = None
        self._lost = "nobody has said where the focus stands since the connection was made"
        self._stop = threading.Event()
        self._learnt_s: list[float] = []
        self._looked_s: dict[int, float] = {}
        self._visible_units = 0
        self._least_taken: int | None = None
        self._unseen_units = 0
        self._direction = 0

    @property
    def name(self) -> str:
        """E.g. ``"focus drive manualfocus size 1 of the ILCE-7RM5"``."""
        return self._drive.name

    @property
    def capabilities(self) -> AxisCapabilities:
        """Relative steps, counted here."""
        return AxisCapabilities("steps", 1.0, can_home=False)

    @property
    def limits(self) -> AxisLimits:
        """None are known: an end of travel is found by running into it."""
        return AxisLimits(-math.inf, math.inf)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing that should be changed."""
        return ()

    @property
    def pause_s(self) -> float:
        """Real seconds between commands: measured, as soon as motions have been seen."""
        return max(_SHORTEST_S, _SPARE * statistics.median(self._learnt_s)) if self._learnt_s else _LEARNING_S

    @property
    def is_measured(self) -> bool:
        """Whether `pause_s` was measured."""
        return bool(self._learnt_s)

    def position(self) -> AxisPosition:
        """The count; its value is NaN while the trust is unknown."""
        if self._count is None:
            return AxisPosition(math.nan, PositionTrust.UNKNOWN)
        return AxisPosition(float(self._count), PositionTrust.HOST_COUNTED)

    def set_reference(self, position: float) -> None:
        """Declare that the focus now stands at that unit."""
        self._count = round(position)

    def home(self) -> None:
        """Raise UserError: a lens has no switch to find; mark where it stands instead."""
        raise UserError("a lens cannot find a zero by itself: focus on the nearest point and mark it")

    def move_to(self, position: float) -> AxisPosition:
        """Drive to a unit, and return when the picture stands still and is another one than before.

        Raises
        ------
        PositionUnknownError
            When it is not known where the focus stands.
        EndOfTravelError
            When the lens is at its end and says so.
        MotionError
            When the drive had no effect, the picture never comes to rest, or `stop` was called. The position
            is unknown then, but after a stop.
        """
        if self._count is None:
            raise PositionUnknownError(f"{self.name} does not know where the focus stands: {self._lost}")
        if not math.isfinite(position):
            raise LimitError(position, -math.inf, math.inf)
        units = round(position) - self._count
        if units:
            self._drive_by(units)
        return self.position()

    def drive(self, units: int) -> None:
        """Drive without asking whether it had an effect: for those who see that in the frames they take.

        Raises
        ------
        PositionUnknownError
            When it is not known where the focus stands.
        EndOfTravelError
            When the lens says that it is at its end.
        MotionError
            When `stop` was called.
        """
        if self._count is None:
            raise PositionUnknownError(f"{self.name} does not know where the focus stands: {self._lost}")
        if not self.is_measured:
            with suppress(MotionError):  # in a faint picture pauses are not measured, and long
                self._watch.settle()
        done, reported = self._give_commands(units)
        self._count += done
        self._unseen_units = 0
        if reported:
            raise EndOfTravelError(f"{self.name}: {self._told_end(units, done)}, at unit {self._count}")
        if self._stop.is_set():
            raise MotionError(f"{self.name} was stopped after {abs(done)} of {abs(units)} units")

    def rehearse(self, step: int, most_steps: int) -> int:
        """Find out how far the lens has to be driven for its motion to be seen, before frames depend on it.

        From then on a move that is not seen is no fault before so many units have gone by unseen.

        Parameters
        ----------
        step : int
            Units between frames, with their sign; the lens is driven on by such steps, its play taken up.
        most_steps : int
            Not more than that.

        Returns
        -------
        int
            Units; the size of `step` when each step is seen by itself.

        Raises
        ------
        MotionError
            When nothing is seen after `most_steps`, or eight.
        """
        most = max(1, min(most_steps, _MOST_BLIND_STEPS))
        self._visible_units = abs(step) * (most + 1)
        for steps in range(1, most + 1):
            seen = self._drive_by(step)
            if seen.moved:
                # What was barely seen may be missed the next time; twice of it will not be.
                self._visible_units = steps * abs(step) * (1 if seen.clearly else 2)
                return self._visible_units
        raise MotionError(
            f"{self.name}: after {most} steps of {abs(step)} units the picture in live view is the same, so "
            "nobody could tell whether the lens follows. The steps are too small to see: give a larger "
            "--step, or more light and texture; or the lens may be at an end"
        )

    def _drive_by(self, units: int) -> SeenMotion:
        assert self._count is not None
        began, direction = self._count, 1 if units > 0 else -1
        looked_s = -time.monotonic()
        if direction != self._direction or not self._unseen_units:
            self._watch.settle()
            self._unseen_units = 0
        self._direction = direction
        self._count, self._lost = None, "a move was not finished"
        looked_s += time.monotonic()
        done, reported = self._give_commands(units)
        looked_s -= time.monotonic()
        seen = self._watch.has_moved()
        self._looked_s[abs(units)] = looked_s + time.monotonic()
        self._unseen_units = 0 if seen.moved else self._unseen_units + abs(done)
        believed = not reported and self._unseen_units < max(self._visible_units, 1)
        if believed:
            self._count = began + done
        if self._stop.is_set():
            raise MotionError(f"{self.name} was stopped after {abs(done)} of {abs(units)} units")
        if believed:
            return seen
        end = "far" if direction > 0 else "near"
        unseen, self._unseen_units = self._unseen_units or abs(done), 0
        self._lost = "the last move cannot be accounted for"
        if reported or self._drive.at_end(direction):
            raise EndOfTravelError(
                f"{self.name}: {self._told_end(units, done)}, {abs(done)} of {abs(units)} units into a move "
                f"from {began}"
            )
        raise MotionError(
            f"{self.name} had no effect: the picture is the same after {unseen} units towards {end} "
            f"(to {began + done}). The lens may be at its {end} end, its switch on MF, the steps too small "
            "to see, or, after a reversal, the play larger than the run-up (focus_run_up)"
        )

    def _give_commands(self, units: int) -> tuple[int, bool]:
        """Drive command by command; units done, and whether the body told of an end of travel."""
        sign, done = (1 if units > 0 else -1), 0
        while done != units and not self._stop.is_set():
            chunk = sign * min(self._drive.units_per_command, abs(units - done))
            if not self._drive.drive_focus(chunk):
                return done, True
            self._least_taken = min(abs(chunk), self._least_taken or abs(chunk))
            done += chunk
            self._pause()
        return done, False

    def _told_end(self, units: int, done: int) -> str:
        """What a report of an end means, of a move by `units`, of which `done` were driven before."""
        end = "far" if units > 0 else "near"
        asked = min(self._drive.units_per_command, abs(units - done))
        taken = self._least_taken is not None and self._least_taken <= asked
        if taken or not self._drive.refuses_small_steps:
            return f"the lens is at its {end} end, it says"
        return (
            f"the body says that the lens is at its {end} end, or that {asked} unit{'s' * (asked > 1)} at a "
            "time are too few for its motor (then a larger --step is needed)"
        )

    def _pause(self) -> None:
        if len(self._learnt_s) < _LESSONS:
            took_s = self._watch.motion_s(_LEARNING_S)
            if took_s is not None:  # play that is taken up moves nothing, and teaches nothing
                self._learnt_s.append(took_s)
            return
        self._stop.wait(self.pause_s)

    def move_time_s(self, distance: float) -> float:
        """Real seconds for so many units, by the pauses measured."""
        return math.ceil(abs(distance) / self._drive.units_per_command) * self.pause_s

    def step_time_s(self, units: int) -> float:
        """Real seconds for a move by so many units that is looked at, by those made until now."""
        looks_s = self._looked_s.get(units) or max(self._looked_s.values(), default=0.0)
        return self.move_time_s(units) + looks_s

    def stop(self) -> None:
        """Give no further command; the move in hand raises MotionError. A command cannot be taken back."""
        self._stop.set()

    def close(self) -> None:
        """Stop; the drive is the camera's to let go of."""
        self._stop.set()
