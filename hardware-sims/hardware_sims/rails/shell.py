"""What every simulated controller that counts steps has around its device: ports, faults, a look inside."""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, Protocol, Self, TypeVar

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailFaultOrder, RailMisbehaviour, RailSchedule
from hardware_sims.rails.transport import Device, Server

__all__ = ["LOG_FRAMES", "ControllerSimulator", "SteppingDevice"]

LOG_FRAMES = 20_000
"""Frames that are remembered."""


class SteppingDevice(Device, Protocol):
    """A controller behind the wire that remembers what it was sent and can lose its power."""

    received: deque[bytes]
    rejected: deque[str]

    def babble(self, data: bytes) -> None:
        """Send these bytes."""
        ...

    def power_off(self, now: float) -> None:
        """The motor stops dead, nothing is heard or said."""
        ...

    def power_on(self, now: float) -> None:
        """The power is back."""
        ...


D = TypeVar("D", bound=SteppingDevice)


class ControllerSimulator(Generic[D]):
    """Serves a device on a pty and on TCP until closed.

    Parameters
    ----------
    device : SteppingDevice
        The controller.
    carriage : Carriage
        What its motor moves.
    clock : SimClock
        Bench time.
    name : str
        Of the thread.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when.

    Attributes
    ----------
    schedule : RailSchedule
        What has gone wrong.

    Raises
    ------
    ValueError
        When the controller cannot suffer what is planned.
    """

    def __init__(
        self,
        device: D,
        carriage: Carriage,
        clock: SimClock,
        name: str,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        self.carriage, self._device, self._clock = carriage, device, clock
        self.schedule = RailSchedule(carriage, misbehaviour)
        self._server = Server(device, clock, name, self.schedule)

    @property
    def pty_path(self) -> str:
        """The serial port."""
        return self._server.pty_path

    @property
    def tcp_url(self) -> str:
        """The same device for pyserial."""
        return self._server.tcp_url

    def start(self) -> None:
        """Begin to serve."""
        self._server.start()

    def close(self) -> None:
        """End and drop every client. May be called twice."""
        self._server.close()

    def misbehave(self, order: RailFaultOrder) -> None:
        """Plan a fault, from now; raises ValueError when the rail cannot suffer it."""
        self._server.misbehave(order)

    def state(self) -> dict[str, Any]:
        """Where the carriage truly is, the ports, and what has gone wrong."""
        return self._server.state(self.carriage)

    def received(self) -> list[bytes]:
        """Whole frames that came in, in order (the last 20,000)."""
        log: list[bytes] = []
        self._server.call(lambda: log.extend(self._device.received))
        return log

    def rejected(self) -> list[str]:
        """Why frames were ignored, in order."""
        log: list[str] = []
        self._server.call(lambda: log.extend(self._device.rejected))
        return log

    def inject(self, data: bytes) -> None:
        """Let the controller hear these bytes as if a client had sent them."""
        self._server.call(lambda: self._device.receive(data, self._clock.now()))

    def babble(self, data: bytes) -> None:
        """Let the rig hear these bytes, which the controller has not said."""
        self._server.call(lambda: self._device.babble(data))

    def power_cycle(self) -> None:
        """Take the power away and give it back."""

        def cycle() -> None:
            self._device.power_off(self._clock.now())
            self._device.power_on(self._clock.now())

        self._server.call(cycle)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
