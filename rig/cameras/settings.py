"""How a camera is reached and how long it takes: plain values, from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CameraSettings"]


@dataclass(frozen=True)
class CameraSettings:
    """What `rig.cameras.registry.open_camera` needs.

    Parameters
    ----------
    driver : str
        ``"gphoto2"``, ``"folder"`` or ``"none"``.
    port : str, optional
        ``"usb:001,004"`` or ``"ptpip:192.168.1.2:15740:15740"``; None takes the camera found on USB.
    model : str, optional
        Part of the model's name, to choose between several cameras on USB.
    shutter_lag_s : float
        From the command to the opening of the shutter, bench seconds.
    readout_s : float
        From the closing of the shutter until the carriage may move, bench seconds.
    image_wait_s : float
        Real seconds that a body may take from the end of the exposure to offering its file.
    transfer_s : float
        Real seconds that the transfer of a shot's files may take: a large RAW over a slow network.
    watch : Path, optional
        The folder into which another program puts the frames.
    watch_subfolders : bool
        Folders within it count too.
    files_per_frame : int
        2 when it puts RAW and JPEG there.
    drives_lens : bool
        The rig focuses by the motor of the lens: the focus mode is made what that needs.
    """

    driver: str = "gphoto2"
    port: str | None = None
    model: str | None = None
    shutter_lag_s: float = 0.1
    readout_s: float = 0.1
    image_wait_s: float = 30.0
    transfer_s: float = 60.0
    watch: Path | None = None
    watch_subfolders: bool = False
    files_per_frame: int = 1
    drives_lens: bool = False
