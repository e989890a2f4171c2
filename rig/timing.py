"""How long a stack takes, from the configured times alone: predicted by plans, measured by benchmarks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from rig.kinematics import move_time_s

__all__ = ["StackTiming", "critical_path_s"]


class StackTiming(BaseModel):
    """The times and the motion that make up a frame.

    Parameters
    ----------
    shutter_s, settle_s : float
        Exposure; wait after a move before it.
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
    settle_s: float = Field(ge=0)
    shutter_lag_s: float = Field(default=0.0, ge=0)
    readout_s: float = Field(default=0.0, ge=0)
    download_s: float = Field(default=0.0, ge=0)
    overlap_download: bool = True
    flash_interval_s: float | None = Field(default=None, ge=0)
    speed_mm_s: float = Field(gt=0)
    acceleration_mm_s2: float = Field(gt=0)

    @property
    def exposure_s(self) -> float:
        """From the command to fire until the exposure is surely over."""
        return self.shutter_lag_s + self.shutter_s + self.readout_s


def critical_path_s(positions_mm: Sequence[float], run_up_mm: float, timing: StackTiming) -> float:
    """Return the time from the first move of a run until its last frame is here.

    The carriage stands at the first position, backs off by the run-up and comes again; then for every frame:
    settle, expose, and the next move while the file comes. A flash sets the least time between exposures.

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

    total = 2 * move(run_up_mm) + timing.settle_s
    for here, there in itertools.pairwise(positions_mm):
        carriage = move(there - here) + timing.settle_s
        download = timing.download_s
        rest = max(carriage, download) if timing.overlap_download else carriage + download
        total += max(timing.exposure_s + rest, timing.flash_interval_s or 0.0)
    return total + timing.exposure_s + timing.download_s
