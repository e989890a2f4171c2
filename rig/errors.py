"""Every error that ``rig`` raises on purpose, with the exit code of the command that meets it."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CameraError",
    "DataError",
    "HardwareError",
    "Interrupted",
    "LimitError",
    "MotionError",
    "OperatorNeededError",
    "PositionUnknownError",
    "RigError",
    "UserError",
]


class RigError(Exception):
    """Root of the errors of ``rig``; the message is a full sentence for the person at the rig."""

    exit_code: ClassVar[int] = 1


class UserError(RigError):
    """What was asked for cannot be done: a wrong option, value or configuration."""

    exit_code = 2


class LimitError(UserError):
    """A position lies outside the limits of an axis.

    Parameters
    ----------
    position_mm, low_mm, high_mm : float
        The refused position and the limits, in mm.
    what : str
        What would have gone there, for the message.
    """

    def __init__(self, position_mm: float, low_mm: float, high_mm: float, what: str = "position") -> None:
        self.position_mm, self.low_mm, self.high_mm = position_mm, low_mm, high_mm
        super().__init__(
            f"{what} {position_mm:.4f} mm lies outside the rail's limits, {low_mm:g} mm to {high_mm:g} mm"
        )


class HardwareError(RigError):
    """A device is absent, does not answer, or did something else than it was told."""

    exit_code = 3


class MotionError(HardwareError):
    """An axis did not finish a move as commanded."""


class PositionUnknownError(HardwareError):
    """The axis does not know where it is, so nothing may move."""


class CameraError(HardwareError):
    """A camera is absent, refused a setting, or lost a frame."""


class OperatorNeededError(CameraError):
    """Trying again is of no use: somebody has to do something at the camera. The run can be resumed then."""


class DataError(RigError):
    """Bytes that cannot be used or kept: a truncated image, a damaged journal, a full disk."""

    exit_code = 4


class Interrupted(RigError):  # noqa: N818  (it is not a fault: the operator asked for it)
    """The operator stopped the run; everything finished so far is kept."""

    exit_code = 130

    def __init__(self, message: str = "stopped by the operator") -> None:
        super().__init__(message)
