"""How long a stack takes, from the configured times alone: predicted by plans, measured by benchmarks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from rig.kinematics import move_time_s

__all__ = ["StackTiming", "critical_path_s"]

_LONGEST_SETTLE_S = 10.0
"""However long a move was: a rig that rings for longer wants a stiffer tripod."""


class StackTiming(BaseModel):
    """The times and the motion that make up a frame.

    Parameters
    ----------
    shutter_s, settle_s : float
        Exposure; wait after a move before it.
    settle_per_mm_s : float
        What every mm of a move adds to that wait.
    shots_s : tuple of float
        Exposures of a position, in order, where there are several; one of `shutter_s` when empty. Each but
        the last is here before the next one begins.
    shutter_change_s : float
        Setting another shutter time and reading it back, before every shot of a bracket.
    drive_s : float
        A step of a lens's focus drive from one position to the next, looked at; 0 on a rail.
    shutter_lag_s, readout_s : float
        From the command to the opening of the shutter; from its closing until the carriage may move.
    download_s : float
        Until the file is here; the next move and settling run meanwhile when `overlap_download`.
    flash_interval_s : float, optional
        Least time between two exposures while the flash recycles; None without a flash.
    speed_mm_s, acceleration_mm_s2 : float
        Of the carriage, above 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shutter_s: float = Field(ge=0)
    shots_s: tuple[float, ...] = ()
    shutter_change_s: float = Field(default=0.0, ge=0)
    drive_s: float = Field(default=0.0, ge=0)
    settle_s: float = Field(ge=0)
    settle_per_mm_s: float = Field(default=0.0, ge=0)
    shutter_lag_s: float = Field(default=0.0, ge=0)
    readout_s: float = Field(default=0.0, ge=0)
    download_s: float = Field(default=0.0, ge=0)
    overlap_download: bool = True
    flash_interval_s: float | None = Field(default=None, ge=0)
    speed_mm_s: float = Field(gt=0)
    acceleration_mm_s2: float = Field(gt=0)

    def settle_after_s(self, distance_mm: float) -> float:
        """How long to wait after a move over that distance, s."""
        longest_s = max(self.settle_s, _LONGEST_SETTLE_S)
        return min(self.settle_s + self.settle_per_mm_s * abs(distance_mm), longest_s)

    @property
    def exposure_s(self) -> float:
        """From the command to fire until the last exposure of a position is surely over."""
        return self._exposing_s(self.shots_s[-1] if self.shots_s else self.shutter_s)

    @property
    def earlier_shots_s(self) -> float:
        """From the first shot of a position to its last: each is set, exposed, read and fetched."""
        least_s = self.flash_interval_s or 0.0
        fetched_s = sum(max(self._exposing_s(s) + self.download_s, least_s) for s in self.shots_s[:-1])
        return fetched_s + self.changes * self.shutter_change_s

    @property
    def changes(self) -> int:
        """How often the shutter is set at a position: it comes from the last shot of the one before."""
        return sum(now != before for before, now in itertools.pairwise((*self.shots_s[-1:], *self.shots_s)))

    def _exposing_s(self, shutter_s: float) -> float:
        return self.shutter_lag_s + shutter_s + self.readout_s


def critical_path_s(positions_mm: Sequence[float], run_up_mm: float, timing: StackTiming) -> float:
    """Return the time from the first move of a run until its last frame is here.

    The carriage stands at the first position, backs off by the run-up and comes again; then for every frame:
    settle, expose (all shots of the position), and the next move while the last file comes. A flash sets the
    least time between exposures.

    Parameters
    ----------
    positions_mm : sequence of float
        In shooting order, at least one.
    run_up_mm : float
        Length of the one-sided approach to the first position.
    timing : StackTiming
        The configured times.

    Returns
    -------
    float
        s, without the way back to the start.
    """

    def move(distance_mm: float) -> float:
        return move_time_s(distance_mm, timing.speed_mm_s, timing.acceleration_mm_s2)

    total = 2 * move(run_up_mm) + timing.settle_after_s(run_up_mm)
    for here, there in itertools.pairwise(positions_mm):
        carriage = move(there - here) + timing.drive_s + timing.settle_after_s(there - here)
        download = timing.download_s
        rest = max(carriage, download) if timing.overlap_download else carriage + download
        total += timing.earlier_shots_s + max(timing.exposure_s + rest, timing.flash_interval_s or 0.0)
    return total + timing.earlier_shots_s + timing.exposure_s + timing.download_s
