"""What outlives a session: who holds a rig right now, and where an axis stands that cannot be asked.

Two programs that drive one rail are how a lens meets a subject, so a port is held by one process at a time.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from rig.atomic import make_folder, storage_error, write_atomically
from rig.errors import HardwareError

__all__ = ["Counted", "InUseError", "NoCount", "PositionCount", "RigLock", "state_file", "write_state"]


class InUseError(HardwareError):
    """Another process holds what is on a port.

    Parameters
    ----------
    port : str
        The port.
    holder : str
        What the holder says of itself: ``process 1234, rig live``; empty when it has not said anything yet.
    """

    def __init__(self, port: str, holder: str) -> None:
        self.holder = holder
        super().__init__(f"the rig on {port} is in use: {holder or 'another process'}")


def state_file(kind: str, name: str, folder: Path | None = None, *, suffix: str = ".json") -> Path:
    """The file of what is called so, e.g. a port or a body with its serial number; it need not exist.

    Parameters
    ----------
    kind : str
        The folder among the user's state: ``"rails"``.
    name : str
        Any text; what no file name can have in it is left out.
    folder : Path, optional
        Instead of the user's state folder.
    """
    import platformdirs

    folder = folder or platformdirs.user_state_path("focusrig") / kind
    return folder / (re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_") + suffix)


def write_state(path: Path, text: str) -> None:
    """Write such a file, whole or not at all.

    Raises
    ------
    UserError, DataError
        When it cannot be written.
    """
    make_folder(path.parent)
    write_atomically(path, text.encode() + b"\n")


class RigLock:
    """The right to drive what is on one port, held until closed or until the process ends.

    Parameters
    ----------
    port : str
        The port as configured.
    what : str
        What it is held for, for the message that somebody else gets, e.g. the session's folder.
    folder : Path, optional
        Where the lock's file is, instead of the user's state folder.
    wait : bool
        Wait until the other lets go, for what is held for a moment only.
    remove : bool
        Take the lock's file away afterwards: for ports of which there is no end.

    Raises
    ------
    InUseError
        When another process holds it; says which and what for.
    UserError
        When the lock's file cannot be written.
    """

    def __init__(
        self, port: str, what: str, folder: Path | None = None, *, wait: bool = False, remove: bool = False
    ) -> None:
        self._path, self._remove, self._fd = state_file("locks", port, folder, suffix=".lock"), False, -1
        while not self._is_there():
            self.close()
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as err:
                raise storage_error(err, self._path) from err
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except OSError:
                holder = os.read(self._fd, 4096).decode(errors="replace").strip()
                self.close()
                raise InUseError(port, holder) from None
        self._remove = remove
        with suppress(OSError):  # it is held all the same: on a full disk it only does not say by whom
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"process {os.getpid()}, {what}\n".encode(), 0)

    def _is_there(self) -> bool:
        """Whether the file that is held is the one that others find: its last holder may have removed it."""
        try:
            return self._fd >= 0 and os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go; may be called twice."""
        if self._fd >= 0:
            if self._remove:
                self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RigLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Counted:
    """Where an axis was last known to stand.

    ``turning_to_mm`` is set when a move had begun that nobody said was done: the axis is between the two.
    ``lost`` when something happened at rest after which the count means nothing.
    """

    position_mm: float
    at: str
    turning_to_mm: float | None = None
    lost: bool = False

    @property
    def holds(self) -> bool:
        """Whether the axis stands there, if nobody has touched it."""
        return self.turning_to_mm is None and not self.lost

    @property
    def text(self) -> str:
        """A sentence's end: ``6 mm (22 Nov 14:31)``."""
        moment = datetime.fromisoformat(self.at).strftime("%d %b %H:%M")
        if self.lost:
            return f"{self.position_mm:g} mm before its controller restarted or was used otherwise ({moment})"
        if self.turning_to_mm is None:
            return f"{self.position_mm:g} mm ({moment})"
        ends = f"between {self.position_mm:g} mm and {self.turning_to_mm:g} mm"
        return f"{ends}, in a turn not finished ({moment})"


class PositionCount:
    """The count of an axis that cannot tell where it stands, on disk after every move and before the next.

    A crash in the middle of a move leaves both its ends behind, not a position that may be wrong.

    Parameters
    ----------
    name : str
        Of the axis; each has a file of its own.
    folder : Path, optional
        Where, instead of the user's state folder.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self._path = state_file("positions", name, folder)

    def read(self) -> Counted | None:
        """What was written last; None when there is nothing, or nothing that can be read."""
        try:
            fields = json.loads(self._path.read_text("utf-8"))
            end = fields["turning_to_mm"]
            counted = Counted(
                float(fields["position_mm"]),
                str(fields["at"]),
                None if end is None else float(end),
                bool(fields.get("lost")),
            )
            datetime.fromisoformat(counted.at)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a count that is not there is no count: the person is asked
        return counted if math.isfinite(counted.position_mm) else None

    def at(self, position_mm: float) -> None:
        """The axis stands there."""
        self._write(position_mm, None)

    def turning(self, from_mm: float, to_mm: float) -> None:
        """A move begins."""
        self._write(from_mm, to_mm)

    def lost(self, position_mm: float) -> None:
        """Nobody knows any more where it is."""
        self._write(position_mm, None, lost=True)

    def _write(self, position_mm: float, turning_to_mm: float | None, *, lost: bool = False) -> None:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        fields: dict[str, object] = {"position_mm": position_mm, "turning_to_mm": turning_to_mm, "at": now}
        if lost:
            fields["lost"] = True
        write_state(self._path, json.dumps(fields))


class NoCount:
    """A count that nobody needs afterwards: that of a simulated axis."""

    def at(self, position_mm: float) -> None:
        """Nothing is kept."""

    def turning(self, from_mm: float, to_mm: float) -> None:
        """Nothing is kept."""

    def lost(self, position_mm: float) -> None:
        """Nothing is kept."""
