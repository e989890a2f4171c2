"""Cameras by the name of their driver; a driver is imported only when it is used."""

from __future__ import annotations

from rig.cameras.base import Camera, Firing
from rig.cameras.settings import CameraSettings
from rig.clock import Clock
from rig.errors import UserError

__all__ = ["open_camera"]


def open_camera(settings: CameraSettings, clock: Clock, firing: Firing | None = None) -> Camera:
    """Connect to a camera.

    Parameters
    ----------
    firing : Firing, optional
        How a body without a tether is fired; a person who is told on nothing, when absent.

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
    if settings.driver in ("folder", "none"):
        from rig.cameras.folder import FolderCamera, UncollectedCamera

        kind = FolderCamera if settings.driver == "folder" else UncollectedCamera
        return kind(settings, clock, firing or Firing())
    raise UserError(f'there is no camera driver "{settings.driver}"; there are: gphoto2, folder, none')
