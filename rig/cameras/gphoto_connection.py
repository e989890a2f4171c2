"""The connection to a camera that lives in a process of its own: made, asked, and made again from nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import Any

from rig.cameras.camera_process import CallFailedError, CameraProcess, ProcessLostError
from rig.cameras.claim import claim
from rig.cameras.messages import LinkLostError, explain, explain_connecting
from rig.cameras.protocol import Connected
from rig.cameras.settings import CameraSettings
from rig.errors import CameraError, OperatorNeededError

__all__ = ["GPhotoConnection"]

_CONNECT_S = 60.0
"""Real seconds: the longest USB time-out of libgphoto2 is 20 s, and connecting makes several calls."""
_LEAVE_S = 5.0
_PAUSES_S = (0.0, 1.0, 3.0, 6.0)
"""Real seconds before each attempt: a body that restarts is back after some ten."""


class GPhotoConnection:
    """Where one body is reached.

    Parameters
    ----------
    settings : CameraSettings
        Where that is.

    Attributes
    ----------
    found : Connected
        What answered there.

    Raises
    ------
    CameraError
        When nothing does.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        with ExitStack() as undo:
            undo.enter_context(claim(settings.port))
            self._process = CameraProcess()
            self.found = self._connect()
            self._claim = undo.pop_all()

    @property
    def port(self) -> str:
        """The port, for messages."""
        return self._settings.port or "USB"

    @property
    def process_id(self) -> int:
        """The process that owns the body."""
        return self._process.pid

    def call(self, doing: str, method: str, *arguments: Any, deadline_s: float) -> Any:
        """Have a method of `rig.cameras.gphoto_session.GPhotoSession` called; `doing` is for the message.

        Raises
        ------
        RigError
            Saying what went wrong; a `LinkLostError` when a new connection may help.
        """
        try:
            return self._process.call(method, *arguments, deadline_s=deadline_s)
        except CallFailedError as err:
            raise explain(err.trouble, doing, self.port) from err
        except ProcessLostError as err:
            raise LinkLostError(f"the camera on {self.port} was lost, {doing}: {err}") from err

    def replace(self, cause: Exception, known: str = "") -> None:
        """Connect again, from a fresh process: a connection that failed once is never believed again.

        `known` is what was last known of the body, for the message when it is gone for good.

        Raises
        ------
        OperatorNeededError
            When it stays away, or another body answers.
        """
        self._process.close()
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            self._process = CameraProcess()
            try:
                found = self._connect()
            except CameraError as err:
                failure = err
                continue
            if (found.model, found.serial) != (self.found.model, self.found.serial):
                raise OperatorNeededError(
                    f"another camera answers on {self.port} now: {found.model} {found.serial}"
                )
            return
        raise OperatorNeededError(f"{cause}; connecting again failed: {failure}.{known}") from cause

    def _connect(self) -> Connected:
        settings = self._settings
        with ExitStack() as unless_connected:
            unless_connected.callback(self._process.close)
            try:
                found: Connected = self._process.call(
                    "connect", settings.port, settings.model, deadline_s=_CONNECT_S
                )
            except CallFailedError as err:
                raise explain_connecting(err.trouble, settings.port) from err
            except ProcessLostError as err:
                raise CameraError(f"connecting to the camera on {self.port} failed: {err}") from err
            unless_connected.pop_all()
        return found

    def close(self) -> None:
        """Let go of the body."""
        with suppress(CallFailedError, ProcessLostError):  # what is being left need not say goodbye
            self._process.call("leave", deadline_s=_LEAVE_S)
        self._process.close()
        self._claim.close()
