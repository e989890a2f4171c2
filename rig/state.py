"""What outlives a session: who holds a rig right now.

Two programs that drive one rail are how a lens meets a subject, so a port is held by one process at a time.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from types import TracebackType

from rig.atomic import storage_error
from rig.errors import UserError

__all__ = ["RigLock"]


class RigLock:
    """The right to drive what is on one port, held until closed or until the process ends.

    Parameters
    ----------
    port : str
        The port as configured.
    what : str
        What it is held for, for the message that somebody else gets, e.g. the session's folder.

    Raises
    ------
    UserError
        When another process holds it; says which and what for.
    """

    def __init__(self, port: str, what: str, folder: Path | None = None) -> None:
        if folder is None:
            import platformdirs

            folder = platformdirs.user_state_path("focusrig") / "locks"
        path = folder / (re.sub(r"[^A-Za-z0-9.-]+", "_", port).strip("_") + ".lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as err:
            raise storage_error(err, path) from err
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 4096).decode(errors="replace").strip()
            self.close()
            raise UserError(f"the rig on {port} is in use: {holder or 'another process'}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"process {os.getpid()}, {what}\n".encode(), 0)

    def close(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RigLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
