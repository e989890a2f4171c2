"""One program a body: who else would talk to it is told who has it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rig.errors import CameraError
from rig.state import InUseError, RigLock

__all__ = ["claim"]


def claim(port: str | None) -> AbstractContextManager[object]:
    """The right to talk to the body at a network address, held until left or until the process ends.

    A body on USB is claimed by the system, for one program at a time. On a network many bodies let a second
    program in, and then neither gets its own answers and files.

    Parameters
    ----------
    port : str or None
        As configured; None and USB ports are not held.

    Raises
    ------
    CameraError
        When another program of ours has it; says which.
    """
    if port is None or not port.startswith("ptpip:"):
        return nullcontext()
    program = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
    try:
        return RigLock(f"camera {port}", program, remove=True)
    except InUseError as err:
        raise CameraError(
            f"the camera on {port} is in use by {err.holder or 'another process'}: a body talks to one "
            "program at a time, so end that first"
        ) from err
