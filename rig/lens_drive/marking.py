"""Marking the ends of a stack by lens focus, and driving there: ``rig mark near``, ``rig mark far``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

from rig.axes.lens import LensAxis
from rig.axes.motion import Approach, Approached
from rig.cameras.base import LockRequest
from rig.cameras.lens_drive import open_lens_drive
from rig.cameras.registry import open_camera
from rig.clock import ScaledClock
from rig.config import LoadedConfig
from rig.errors import UserError
from rig.lens_drive.focus_watch import LiveWatch
from rig.lens_drive.state import LensState
from rig.preflight import lock_exposure
from rig.runs.stopping import Stopper
from rig.state import RigLock

__all__ = ["Marked", "mark"]


@dataclass(frozen=True)
class Marked:
    """Where the focus stands and where the marks are, in units of the drive from the near mark.

    ``far`` is None as long as it is not marked. ``void`` says why an earlier count did not hold; empty when
    it did.
    """

    mark: Literal["near", "far"]
    body: str
    lens: str | None
    far: int | None
    moved: int
    void: str


def mark(loaded: LoadedConfig, which: Literal["near", "far"], move: int, stopper: Stopper) -> Marked:
    """Drive the focus by some units, if asked, and mark where it stands then.

    Parameters
    ----------
    which : {"near", "far"}
        Near is unit 0 from then on.
    move : int
        Units to drive before, positive towards far.

    Raises
    ------
    UserError
        When the rig is simulated, or far is marked without a near that holds.
    HardwareError
        When camera or drive fail.
    Interrupted
        When the operator stops the drive; where the focus stands is not known then.
    """
    config = loaded.config
    if config.simulated:
        raise UserError(
            "marks are for real bodies: a simulated bench begins anew with every command, its lens at unit "
            "0. Rehearse with rig shoot --axis lens --start 0 --end N"
        )
    with ExitStack() as teardown:
        teardown.enter_context(RigLock(config.camera.port or "camera on USB", f"rig mark {which}"))
        settings = replace(config.camera.settings(), drives_lens=True)
        camera = open_camera(settings, ScaledClock(1.0))
        teardown.callback(camera.close)
        teardown.callback(camera.restore)
        capture = config.capture
        lock_exposure(
            camera, LockRequest(capture.shutter_s, capture.aperture, capture.iso, capture.white_balance)
        )
        drive = open_lens_drive(camera, config.lens.focus_step)
        teardown.callback(drive.close)
        drive.begin()
        info = camera.describe()
        state, watch = LensState(info, config.lens.focus_step), LiveWatch(drive.live_frame)
        watch.settle()
        kept, why = state.valid(watch)
        if which == "far" and kept is None:
            raise UserError(
                f"the far end counts from the near one, and that is not known: {why}. Focus on the nearest "
                "point and run rig mark near, then drive there: rig mark far --move UNITS"
            )
        axis = LensAxis(drive, watch)
        stopper.guard(axis)
        teardown.callback(stopper.release)
        here = 0 if kept is None else kept.units or 0
        axis.set_reference(here)
        assert watch.look is not None
        if move:
            state.keep(None, None, watch.look)  # until it has arrived, nobody knows
            with stopper.motion():
                Approached(axis, Approach(1, float(config.lens.focus_run_up))).move_to(float(here + move))
            here += move
        far = kept.far if kept is not None else None
        if which == "near":
            far, here = None if far is None else far - here, 0
        else:
            far = here
        watch.settle()  # the last look of a move may be a short one
        state.keep(here, far, watch.look)
        return Marked(which, f"{info.manufacturer} {info.model}", info.lens, far, move, why)
