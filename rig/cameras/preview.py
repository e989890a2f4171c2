"""Live view of a body: begun with the first frame, ended and put back afterwards."""

from __future__ import annotations

from contextlib import suppress

from rig.cameras.gphoto import GPhotoCamera
from rig.errors import CameraError

__all__ = ["BodyLiveView"]

_FIRST_PATIENCE_S, _NEXT_PATIENCE_S = 20.0, 4.0
"""Real seconds to wait for the first frame (mirror, sensor, a simulated scene to be painted), and others."""

_ATTEMPT_S = 30.0
"""Real seconds that one attempt may take beyond that: the longest time-out on USB is 20 s."""

_SWITCHES = ("viewfinder", "output")
"""Where bodies switch live view, in the order in which they are put back. Canon: libgphoto2 begins it by the
second, ends it by the first, and then the second may still send the picture here. Nikon: the first. Sony
bodies have neither, and show live view whenever they are asked."""


class BodyLiveView:
    """Frames of what a body sees; from one thread at a time.

    Parameters
    ----------
    camera : GPhotoCamera
        The body. Nothing else should be asked of it meanwhile.
    """

    def __init__(self, camera: GPhotoCamera) -> None:
        self._camera = camera
        self._running = False
        self._was: dict[str, str] = {}

    def frame(self) -> bytes:
        """The next frame, JPEG, as large as the body sends it; begins live view when it is off.

        Raises
        ------
        CameraError
            When the body has no live view, or sends no frame.
        """
        if not self._running:
            return self._first()
        frame: bytes = self._camera.ask(
            "looking through it", "live_frame", _NEXT_PATIENCE_S, deadline_s=_NEXT_PATIENCE_S + _ATTEMPT_S
        )
        return frame

    def _first(self) -> bytes:
        states = self._camera.read_all()
        self._was = {name: states[name].value or "" for name in _SWITCHES if name in states}
        self._running = True  # whatever comes of it, the body may have raised its mirror
        try:
            frame: bytes = self._camera.ask(
                "beginning live view",
                "live_frame",
                _FIRST_PATIENCE_S,
                deadline_s=_FIRST_PATIENCE_S + _ATTEMPT_S,
            )
        except CameraError as err:
            with suppress(CameraError):  # that it cannot be looked through is what has to be said
                self.end()
            raise CameraError(
                f"{self._camera.model} shows no live view from here: the body has none over this connection, "
                f"it is switched off in the menu, or a film is being recorded ({err})"
            ) from err
        return frame

    def end(self) -> None:
        """End live view and have the body as it was; may be called twice.

        Raises
        ------
        CameraError
            When the body does not answer, or would not.
        """
        if not self._running:
            return
        self._running = False
        stuck = []
        for name, value in self._was.items():
            now = self._camera.read(name)
            if now is None or now.value == value:
                continue
            why = self._camera.write(name, value)
            now = self._camera.read(name)
            if now is None or now.value != value:
                stuck.append(f"{name} should be {value!r} again{f' ({why})' if why else ''}")
        if stuck:
            raise CameraError(f"live view could not be ended, switch it off on the body: {'; '.join(stuck)}")
