"""The focus motor of the lens on a tethered body, and the live view that shows what it did."""

from __future__ import annotations

import time
from contextlib import suppress

from rig.cameras.base import Camera
from rig.cameras.gphoto import GPhotoCamera
from rig.errors import CameraError, UserError

__all__ = ["LensDrive", "open_lens_drive"]

_FIRST_FRAME_S = 10.0
"""Real seconds from switching live view on to its first frame: a mirror has to go up, a shutter to open."""
_RETRY_S = 0.02
_ENDS = {-1: 0.0, 1: 100.0}


def open_lens_drive(camera: Camera, size: int = 1) -> LensDrive:
    """The focus drive of a camera that is connected and locked for it.

    Parameters
    ----------
    size : int
        Which size of command is one unit: 1 to 3 on Canon, 1 to 7 on Sony.

    Raises
    ------
    UserError
        When the camera has no drive that we know of, or not this size of command.
    CameraError
        When it shows no live view.
    """
    if not isinstance(camera, GPhotoCamera) or camera.profile.focus_drive is None:
        raise UserError(
            "this camera has no focus drive that focusrig knows: Canon EOS, Sony Alpha and Nikon bodies on "
            'driver = "gphoto2" have'
        )
    sizes = camera.profile.focus_drive.sizes
    if not 1 <= size <= sizes:
        raise UserError(f"camera.focus_step = {size}: a {camera.profile.make} body has steps 1 to {sizes}")
    return LensDrive(camera, size)


class LensDrive:
    """Drives the focus of the lens on one body (`rig.axes.drive.FocusDrive`).

    Parameters
    ----------
    camera : GPhotoCamera
        Connected, and locked with the focus mode that driving needs.
    size : int
        Size of the commands, from 1.
    """

    def __init__(self, camera: GPhotoCamera, size: int) -> None:
        self._camera, self._size = camera, size
        entry = camera.profile.focus_drive
        assert entry is not None
        self._entry = entry
        if camera.read(entry.name) is None:
            raise CameraError(
                f"the body offers no {entry.name} now: is there a lens with a focus motor, its switch on AF?"
            )
        self._began_live_view = False

    @property
    def units_per_command(self) -> int:
        """How many units one command drives at most."""
        return self._entry.units_per_command

    @property
    def refuses_small_steps(self) -> bool:
        """Whether a report of an end may as well mean that the step was too small for the motor."""
        return self._entry.refuses_small_steps

    @property
    def name(self) -> str:
        """What to call it, e.g. ``"lens drive manualfocusdrive 1"``."""
        size = f" size {self._size}" if self._entry.sizes > 1 else ""
        return f"focus drive {self._entry.name}{size} of the {self._camera.describe().model}"

    def begin(self) -> None:
        """Switch live view on and wait for its first frame.

        Raises
        ------
        CameraError
            When none comes.
        """
        if self._entry.live_view and not self._began_live_view:
            name, on, _ = self._entry.live_view
            self._camera.write(name, on)  # what it says of success is not to be believed: frames are
        self._began_live_view = True
        self.live_frame(_FIRST_FRAME_S)

    def live_frame(self, deadline_s: float = 2.0) -> bytes:
        """The next frame of live view, JPEG; asked for until `deadline_s` real seconds have gone.

        Raises
        ------
        CameraError
            When none came by then.
        """
        until = time.monotonic() + deadline_s
        while True:
            try:
                return self._camera.live_frame()
            except CameraError as err:
                if time.monotonic() > until:
                    raise CameraError(f"live view shows nothing, which the focus drive needs: {err}") from err
            time.sleep(_RETRY_S)

    def drive_focus(self, steps: int) -> bool:
        """Give one command; False when the body says that the lens is at the end of its travel.

        Parameters
        ----------
        steps : int
            Units, 1 to `units_per_command` in size; positive is farther.
        """
        return self._camera.drive_focus(self._entry.command(steps, self._size))

    def at_end(self, direction: int) -> bool | None:
        """Whether the lens says that it stands at the far (1) or near (-1) end; None when it says nothing."""
        if not self._entry.position:
            return None
        state = self._camera.read(self._entry.position)
        try:
            place = float(state.value or "") if state else None
        except ValueError:
            place = None
        return None if place is None else place == _ENDS[direction]

    def close(self) -> None:
        """Switch live view off again, if it was us who switched it on; may be called twice."""
        if self._began_live_view and self._entry.live_view:
            name, _, off = self._entry.live_view
            with suppress(CameraError):  # a body that is gone shows nothing any more
                self._camera.write(name, off)
        self._began_live_view = False
