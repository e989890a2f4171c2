"""From a configuration to what is taken at every position."""

from __future__ import annotations

from rig.config import RigConfig
from rig.errors import UserError
from rig.planning.shots import ShotSeries, shot_series

__all__ = ["exposures_s", "shots_of"]


def shots_of(config: RigConfig) -> ShotSeries:
    """Return what is taken at every position.

    Raises
    ------
    UserError
        When the brackets cannot be made, or the body cannot be set from here.
    """
    capture = config.capture
    shots = shot_series(capture.brackets, capture.shots_per_position, capture.shutter_s, flash=capture.flash)
    if shots.is_bracket and config.camera.driver != "gphoto2":
        raise UserError(
            f'brackets are set from here, and a body with driver = "{config.camera.driver}" cannot be: leave '
            "them out, or let the body bracket by itself and collect with rig watch"
        )
    return shots


def exposures_s(shots: ShotSeries | None, shutter_s: float) -> tuple[float, ...]:
    """Exposure times of a position with several shots; empty with one."""
    if shots is None or shots.count == 1:
        return ()
    return shots.times_s or (shutter_s,) * shots.count
