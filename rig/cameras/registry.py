"""Cameras by the name of their driver; a driver is imported only when it is used."""

from __future__ import annotations

from rig.cameras.base import Camera
from rig.cameras.settings import CameraSettings
from rig.clock import Clock
from rig.errors import UserError

__all__ = ["open_camera"]


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Connect to a camera.

    Raises
    ------
    UserError
        When there is no such driver.
    CameraError
        When the camera is not there.
    """
    if settings.driver == "gphoto2":
        from rig.cameras.gphoto import GPhotoCamera

        return GPhotoCamera(settings, clock)
    raise UserError(f'there is no camera driver "{settings.driver}"; there is: gphoto2')
