"""How long a run will take by what this body turned out to need, and not by what was configured alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from rig.cameras.base import Camera
from rig.clock import Clock
from rig.plan import StackPlan
from rig.planning.lens_plan import LensPlan
from rig.session import RunState

__all__ = ["Pace"]


class Pace:
    """Measures what setting the shutter takes, and predicts; all times in bench seconds.

    Parameters
    ----------
    plan : StackPlan or LensPlan
        With the configured times.
    clock : Clock
        Of the run.
    """

    def __init__(self, plan: StackPlan | LensPlan, clock: Clock) -> None:
        self._plan, self._clock = plan, clock
        self._timing = plan.timing

    def measure_changes(self, camera: Camera, check: Callable[[], None]) -> float | None:
        """Set every shutter time of a bracket once, the base's last.

        Bodies take from a hundredth of a second to several, by their make, by how far apart the times are,
        and by the cable. A time that the body does not take is found out here, before the first frame.

        Parameters
        ----------
        camera : Camera
            Locked, at the base exposure.
        check : callable
            Raises when the run is to stop; asked before every change.

        Returns
        -------
        float or None
            The mean; None without a bracket.

        Raises
        ------
        CameraError
            When the body does not take one of the times.
        """
        shots = self._plan.shots
        if not shots.is_bracket:
            return None
        began_s, after_base = self._clock.now(), shots.base + 1
        for time_s in (*shots.times_s[after_base:], *shots.times_s[:after_base]):
            check()
            camera.expose_for(time_s)
        change_s = (self._clock.now() - began_s) / shots.count
        self._timing = self._timing.model_copy(update={"shutter_change_s": change_s})
        return change_s

    @property
    def whole_s(self) -> float:
        """The whole stack, with the run-up."""
        return self._plan.lasts_s(self._timing)

    def left_s(self, state: RunState, *, fetched_s: float = 0.0, drive_s: float = 0.0) -> float:
        """What is left of it, from the first of these positions on.

        Parameters
        ----------
        state : RunState
            Which shots there are.
        fetched_s : float
            What fetching the last file took, if more than configured.
        drive_s : float
            What a step of the lens's drive takes; 0 on a rail, whose moves follow from its speed.
        """
        planned = self._plan.stops[: state.frames]
        left = (p for i, p in enumerate(planned) if i not in state.saved)
        positions = [p for p, _ in itertools.groupby(left)]  # each counts once, with all its shots
        if not positions:
            return 0.0
        measured = {"download_s": max(self._timing.download_s, fetched_s), "drive_s": drive_s}
        return self._plan.lasts_s(self._timing.model_copy(update=measured), positions)
