"""A run with a rail and a camera that were connected before, to set it up, and stay so afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rig.axes.base import FocusAxis
from rig.cameras.base import Camera
from rig.config import RigConfig
from rig.events import Subscriber
from rig.plan import StackPlan
from rig.planning.lens_plan import LensPlan
from rig.runs.connection import Connection
from rig.runs.operator import Operator
from rig.runs.run import Ready, SessionRun, ShootOptions
from rig.runs.stopping import Stopper
from rig.session import Session

__all__ = ["HeldDevices", "HeldRun"]


@dataclass(frozen=True)
class HeldDevices:
    """What is connected: a rail that knows where it stands, guarded by the stopper, and a camera.

    ``bench`` is the order of the simulated bench that plays them, None for real devices.
    """

    axis: FocusAxis
    camera: Camera
    bench: dict[str, Any] | None = None


class HeldRun(SessionRun):
    """A run for once, on devices that somebody else opens and closes; others as of `SessionRun`.

    Parameters
    ----------
    devices : HeldDevices
        Nothing of them is reopened, referenced or homed: positions count from where they did.
    """

    def __init__(
        self,
        session: Session,
        config: RigConfig,
        plan: StackPlan | LensPlan,
        options: ShootOptions,
        operator: Operator,
        stopper: Stopper,
        subscribers: Sequence[Subscriber],
        devices: HeldDevices,
    ) -> None:
        super().__init__(session, config, plan, options, operator, stopper, subscribers)
        self._devices = devices

    def _ready(self, connection: Connection, teardown: ExitStack, here: float) -> Ready:
        devices = self._devices
        if devices.bench is not None:
            self._session.journal.append("bench_started", order=devices.bench, about={})
        return self._set_off(connection, teardown, devices.axis, devices.camera, here)

    def _reference(self, connection: Connection, axis: FocusAxis, here: float) -> None:  # noqa: ARG002
        connection.confirm_direction(axis)
        position = axis.position()
        self._session.journal.append(
            "reference_set", by="live", position_mm=position.value, trust=position.trust.value
        )
