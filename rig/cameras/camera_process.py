"""The rig's side of the process that owns a camera: starts it, calls it with a deadline, ends it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rig.cameras.protocol import Request, Response, Trouble

__all__ = ["CallFailedError", "CameraProcess", "ProcessLostError"]

_END_S = 3.0


class CallFailedError(Exception):
    """The camera process did what it was asked, and it failed."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.text)
        self.trouble = trouble


class ProcessLostError(Exception):
    """The camera process died, or did not answer in time and was ended."""


class CameraProcess:
    """A running camera process. Calls from several threads are done one after the other."""

    def __init__(self) -> None:
        self._private = Path(tempfile.mkdtemp(prefix="focusrig-camera-"))
        self._lock = threading.Lock()
        self._alive = True
        ours, theirs = socket.socketpair()
        with theirs, (self._private / "stderr.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                # -P: whatever folder the rig is started in, its modules are not taken for ours.
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "rig.cameras.gphoto_worker",
                    str(theirs.fileno()),
                    self._private,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the rig, which then ends this process in its own time
            )
        self._connection: Connection[Request, Response] = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def call(self, method: str, *arguments: Any, deadline_s: float) -> Any:
        """Have something done.

        Parameters
        ----------
        method : str
            A method of `rig.cameras.gphoto_session.GPhotoSession`.
        deadline_s : float
            Real seconds after which the process is ended.

        Raises
        ------
        CallFailedError
            When it could not be done.
        ProcessLostError
            When the process is gone.
        """
        with self._lock:
            if not self._alive:
                raise ProcessLostError("its process has ended")
            try:
                self._connection.send(Request(method, arguments))
                if not self._connection.poll(deadline_s):
                    self._end()
                    raise ProcessLostError(f"it did not answer within {deadline_s:.0f} s")
                response = self._connection.recv()
            except (EOFError, OSError) as err:
                told = self._last_words()
                self._end()
                raise ProcessLostError(f"its process died{told}") from err
        if response.trouble is not None:
            raise CallFailedError(response.trouble)
        return response.value

    def close(self) -> None:
        """End the process; may be called twice, and while a call is under way in another thread."""
        if not self._lock.acquire(timeout=_END_S):
            self._process.kill()  # the call under way fails, and lets go of the lock
            self._lock.acquire()
        try:
            if self._alive:
                self._end(politely=True)
        finally:
            self._lock.release()

    def _end(self, *, politely: bool = False) -> None:
        self._alive = False
        if not politely:
            self._process.kill()
        self._connection.close()  # the process ends by itself when this closes
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._private, ignore_errors=True)

    def _last_words(self) -> str:
        """What the process wrote on its error output, for the message."""
        with suppress(OSError):
            lines = (self._private / "stderr.txt").read_text(errors="replace").strip().splitlines()
            if lines:
                return f" ({lines[-1]})"
        with suppress(subprocess.TimeoutExpired):
            return f" (exit status {self._process.wait(_END_S)})"
        return ""
