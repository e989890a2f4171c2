"""What every simulated rail has around its controller: ports, power, faults, a look inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, Literal, Self, TypeVar

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailFaultOrder, RailMisbehaviour, RailSchedule
from hardware_sims.rails.framing import Framing
from hardware_sims.rails.step_motor import StepMotor
from hardware_sims.rails.transport import Device, Server

__all__ = [
    "LOG_MESSAGES",
    "ControllerSimulator",
    "CountingSimulator",
    "QuietDevice",
    "RailSimulator",
    "SteppingDevice",
]

LOG_MESSAGES = 20_000
"""Messages that are remembered."""


class QuietDevice:
    """What a `transport.Device` does that speaks only when it is spoken to."""

    def __init__(self) -> None:
        self._out = bytearray()

    def opened(self, now: float, kind: str) -> None:
        """Nothing is said when a port is opened."""

    def take_output(self) -> bytes:
        """Bytes to send."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def advance(self, now: float) -> None:
        """Nothing happens by itself."""

    def next_event_s(self) -> float | None:
        """Nothing is going to happen by itself."""
        return None


class SteppingDevice(QuietDevice, ABC):
    """A controller of one motor, with the bytes it hears and says and its power.

    Parameters
    ----------
    motor : StepMotor
        What it drives.
    clock : SimClock
        Bench time.

    Attributes
    ----------
    received : deque of bytes
        Messages that came in.
    rejected : deque of str
        Why messages were not obeyed.
    silent : int
        How many of the next answers are lost on the way.
    """

    def __init__(self, motor: StepMotor, clock: SimClock) -> None:
        super().__init__()
        self._motor, self._clock = motor, clock
        self._framing = self._frames(clock)
        self._on = True
        self.received: deque[bytes] = deque(maxlen=LOG_MESSAGES)
        self.rejected: deque[str] = deque(maxlen=LOG_MESSAGES)
        self.silent = 0

    @abstractmethod
    def _frames(self, clock: SimClock) -> Framing:
        """How its messages are told apart."""

    @abstractmethod
    def _take(self, message: bytes, now: float) -> None:
        """Deal with a message."""

    def receive(self, data: bytes, now: float) -> None:
        """Bytes arrived."""
        if not self._on:
            return
        for message in self._framing.messages(data, now):
            self.received.append(message)
            self._take(message, now)

    def _answer(self, data: bytes) -> None:
        if self.silent:
            self.silent -= 1
        else:
            self._out += data

    def babble(self, data: bytes) -> None:
        """Send bytes that it has not said."""
        self._out += data

    def advance(self, now: float) -> None:
        """Let time pass."""
        self._motor.settle(now)

    def next_event_s(self) -> float | None:
        """When the move under way ends, bench seconds."""
        return self._motor.ends_s() if self._on else None

    def reset(self, now: float) -> None:
        """Start again, the motor with power: it counts from 0 where it stands."""
        self._motor.renumber(0, now)
        self._framing.clear()
        self._out.clear()
        self._on = True

    def power_off(self, now: float) -> None:
        """The motor stops dead, nothing is heard or said."""
        self.reset(now)
        self._out.clear()
        self._on = False

    def power_on(self, now: float) -> None:
        """The power is back."""
        self.reset(now)


AnyDevice = TypeVar("AnyDevice", bound=Device)
Controller = TypeVar("Controller", bound=SteppingDevice)


class RailSimulator(Generic[AnyDevice]):
    """Serves a device on a pty and on TCP until closed.

    Parameters
    ----------
    device : transport.Device
        What answers.
    carriage : Carriage
        What it moves.
    clock : SimClock
        Bench time.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when.

    Attributes
    ----------
    schedule : RailSchedule
        What has gone wrong.

    Raises
    ------
    ValueError
        When the device cannot suffer what is planned.
    """

    def __init__(
        self,
        device: AnyDevice,
        carriage: Carriage,
        clock: SimClock,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        self.carriage, self._device, self._clock = carriage, device, clock
        self.schedule = RailSchedule(carriage, misbehaviour)
        self._server = Server(device, clock, type(self).__name__, self.schedule)

    @property
    def pty_path(self) -> str:
        """The serial port; another one after it has vanished and come back."""
        return self._server.pty_path

    @property
    def tcp_url(self) -> str:
        """The same device for pyserial, ``socket://127.0.0.1:PORT``; as changeable."""
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

    def inject(self, data: bytes) -> None:
        """Let the device hear these bytes as if a client had sent them."""
        self._server.call(lambda: self._device.receive(data, self._clock.now()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class ControllerSimulator(RailSimulator[Controller]):
    """A rail whose controller takes steps; arguments as of `RailSimulator`."""

    def received(self) -> list[bytes]:
        """Whole messages that came in, in order (the last 20,000)."""
        return self._server.call(lambda: list(self._device.received))

    def rejected(self) -> list[str]:
        """Why messages were ignored, in order."""
        return self._server.call(lambda: list(self._device.rejected))

    def babble(self, data: bytes) -> None:
        """Let the rig hear these bytes, which the controller has not said."""
        self._server.call(lambda: self._device.babble(data))

    def swallow(self, answers: int) -> None:
        """Let that many of the next answers be lost on the way."""
        self._device.silent = answers

    def power_cycle(self) -> None:
        """Take the power away and give it back."""

        def cycle() -> None:
            self._device.power_off(self._clock.now())
            self._device.power_on(self._clock.now())

        self._server.call(cycle)


class CountingSimulator(ControllerSimulator[Controller]):
    """A rail whose controller can be asked for its count.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves; it stands at `start_mm`.
    clock : SimClock
        Bench time.
    steps_per_mm, max_speed_mm_s, acceleration_mm_s2, towards_subject, start_mm, home_mm
        As of `StepMotor`.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when.

    Raises
    ------
    ValueError
        When the rail cannot suffer what is planned.
    """

    _controller: type[Controller]

    def __init__(
        self,
        carriage: Carriage,
        clock: SimClock,
        *,
        steps_per_mm: float = 3200.0,
        max_speed_mm_s: float = 2.0,
        acceleration_mm_s2: float = 50.0,
        towards_subject: Literal["+", "-"] = "+",
        start_mm: float = 0.0,
        home_mm: float = -20.0,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        motor = StepMotor(
            carriage,
            steps_per_mm=steps_per_mm,
            max_speed_mm_s=max_speed_mm_s,
            acceleration_mm_s2=acceleration_mm_s2,
            towards_subject=towards_subject,
            start_mm=start_mm,
            home_mm=home_mm,
        )
        super().__init__(self._controller(motor, clock), carriage, clock, misbehaviour)
