"""A simulated device on a pty and on TCP at the same time. No client can hang it by vanishing."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from hardware_sims.carriage import Carriage
from hardware_sims.rails.faults import Noise, Powered, RailFaultOrder, RailSchedule, Resettable

__all__ = ["Device", "Server"]

_LOOK_FOR_CLIENT_S = 0.01
"""A pty tells when its last client left, not when one comes: so it is looked at that often while alone."""
_CHUNK = 4096

T = TypeVar("T")


class Device(Protocol):
    """What sits behind the wire. Called from the server's thread only; times are bench seconds."""

    def receive(self, data: bytes, now: float) -> None:
        """Bytes arrived."""
        ...

    def take_output(self) -> bytes:
        """Bytes to send."""
        ...

    def advance(self, now: float) -> None:
        """Let time pass."""
        ...

    def next_event_s(self) -> float | None:
        """When it wants to be called again, bench seconds."""
        ...

    def opened(self, now: float, kind: str) -> None:
        """A client opened the port; `kind` is "pty" or "tcp"."""
        ...


class _Clock(Protocol):
    scale: float

    def now(self) -> float: ...


class Server:
    """Serves a device until closed.

    Parameters
    ----------
    device : Device
        What answers.
    clock : SimClock
        Bench time.
    name : str
        Of the thread.
    schedule : RailSchedule, optional
        What goes wrong, and when.

    Attributes
    ----------
    pty_path : str
        The serial port, e.g. ``/dev/pts/7``. It is another one after the port has vanished and come back.
    tcp_url : str
        The same device for pyserial: ``socket://127.0.0.1:PORT``; as changeable.

    Raises
    ------
    ValueError
        When the device cannot suffer what is planned.
    """

    def __init__(
        self, device: Device, clock: _Clock, name: str = "rail", schedule: RailSchedule | None = None
    ) -> None:
        self._device, self._clock, self._schedule = device, clock, schedule
        if schedule is not None:
            schedule.start(device, clock.now())
        seed = 0 if schedule is None else schedule.seed
        self._noise = {"host": Noise(2 * seed), "rail": Noise(2 * seed + 1)}
        self._late_s: deque[float] = deque()
        self._held: deque[tuple[float, bytes]] = deque()
        """When which bytes are sent, ``time.monotonic()``."""
        self._back_at: float | None = None
        """When the port comes back that has vanished, ``time.monotonic()``."""
        self._power_back_s: float | None = None
        self._master, self.pty_path = _new_pty()
        self._listener, self.tcp_url = _new_listener()
        self._next_path, self._next_url = self.pty_path, self.tcp_url
        self._wake_out, self._wake_in = os.pipe()
        self._connections: list[socket.socket] = []
        self._pty_open = False
        self._calls: list[Callable[[], None]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"sim-{name}", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """End and drop every client. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        os.write(self._wake_in, b"x")
        if self._thread.is_alive():
            self._thread.join()
        for connection in self._connections:
            connection.close()
        self._listener.close()
        for fd in (self._master, self._wake_out, self._wake_in):
            os.close(fd)

    def call(self, action: Callable[[], T]) -> T:
        """Run something in the server's thread, between two of the device's calls; returns its result."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except BaseException as err:
                done.set_exception(err)
                raise

        self._calls.append(run)
        os.write(self._wake_in, b"x")
        try:
            return done.result(timeout=5.0)
        except TimeoutError as err:
            raise RuntimeError("the simulated device does not answer") from err

    def misbehave(self, order: RailFaultOrder) -> None:
        """Plan a fault, from any thread.

        Raises
        ------
        ValueError
            When the device cannot suffer it, or was made without a schedule.
        """
        schedule = self._schedule
        if schedule is None:
            raise ValueError("this rail was made without a schedule of faults")
        schedule.check(self._device, order)
        self.call(lambda: schedule.add(order, self._clock.now()))

    def state(self, carriage: Carriage) -> dict[str, Any]:
        """Where the carriage truly is, the ports, and what has gone wrong."""
        now = self._clock.now()
        return {
            "position_mm": carriage.position_mm(now),
            "speed_mm_s": carriage.speed_mm_s(now),
            "rail_pty": self.pty_path,
            "rail_tcp": self.tcp_url,
            "faults": [] if self._schedule is None else self._schedule.report(),
        }

    def _serve(self) -> None:
        while not self._closing.is_set():
            ready = self._wait()
            if self._wake_out in ready:
                os.read(self._wake_out, _CHUNK)
            while self._calls:
                self._calls.pop(0)()
            self._suffer_what_is_due()
            if self._back_at is None:
                self._look_at_pty(self._master in ready)
                if self._listener in ready:
                    self._accept()
                for connection in [c for c in self._connections if c in ready]:
                    self._read_tcp(connection)
            self._device.advance(self._clock.now())
            self._send(self._device.take_output())

    def _wait(self) -> list[int | socket.socket]:
        """Sleep until a byte, a client, a fault, or the device's own next event."""
        scheduled_s = None if self._schedule is None else self._schedule.next_event_s()
        bench = [t for t in (self._device.next_event_s(), scheduled_s, self._power_back_s) if t is not None]
        real = [t for t in (self._back_at, self._held[0][0] if self._held else None) if t is not None]
        waits = [(t - self._clock.now()) / self._clock.scale for t in bench]
        waits += [t - time.monotonic() for t in real]
        timeout = max(0.0, min(waits)) if waits else None
        if self._back_at is not None:
            return list(select.select([self._wake_out], [], [], timeout)[0])
        wanted: list[int | socket.socket] = [self._wake_out, self._listener, *self._connections]
        if self._pty_open:
            wanted.append(self._master)
        else:
            timeout = _LOOK_FOR_CLIENT_S if timeout is None else min(timeout, _LOOK_FOR_CLIENT_S)
        ready, _, _ = select.select(wanted, [], [], timeout)
        return list(ready)

    def _look_at_pty(self, readable: bool) -> None:
        if not self._pty_open:
            poll = select.poll()
            poll.register(self._master, select.POLLIN)
            events = poll.poll(0)
            if events and events[0][1] & select.POLLHUP:
                if events[0][1] & select.POLLIN:
                    self._read_pty()  # a client that came and went between two looks
                return
            self._pty_open = True
            self._device.opened(self._clock.now(), "pty")
            self._send(self._device.take_output())
            readable = bool(events)
        if readable:
            self._read_pty()

    def _read_pty(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        except OSError as err:
            if err.errno != errno.EIO:
                raise
            data = b""  # the last client has closed it
        if data:
            self._receive(data)
        else:
            self._pty_open = False

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._device.opened(self._clock.now(), "tcp")

    def _read_tcp(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._receive(data)
        else:
            self._connections.remove(connection)
            connection.close()

    def _receive(self, data: bytes) -> None:
        if self._power_back_s is None and (data := self._noise["rail"].spoil(data)):
            self._device.receive(data, self._clock.now())

    def _send(self, data: bytes) -> None:
        """What the device says now, and what was held back until now."""
        if data and self._power_back_s is None and self._back_at is None:
            data = self._noise["host"].spoil(data)
            at = time.monotonic() + (self._late_s.popleft() if self._late_s else 0.0)
            # An answer does not overtake the one before it.
            self._held.append((max(at, self._held[-1][0]) if self._held else at, data))
        while self._held and self._held[0][0] <= time.monotonic():
            self._write(self._held.popleft()[1])

    def _write(self, data: bytes) -> None:
        """To every client; one that does not read loses bytes, as on a serial line without flow control."""
        if not data:
            return
        if self._pty_open:
            self._write_pty(data)
        for connection in list(self._connections):
            try:
                connection.send(data)
            except BlockingIOError:
                continue
            except OSError:
                self._connections.remove(connection)
                connection.close()

    def _write_pty(self, data: bytes) -> None:
        deadline = time.monotonic() + 0.05
        while data and time.monotonic() < deadline:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                select.select([], [self._master], [], 0.01)
            except OSError:
                return

    # --- faults ---------------------------------------------------------------------------------------

    def suffer(self, order: RailFaultOrder, now: float) -> None:
        """Let a fault of the line or of the board happen (`faults.Suffers`)."""
        device = self._device
        if order.kind in ("flipped_bytes", "dropped_bytes"):
            self._noise[order.to].hit(order.count, drop=order.kind == "dropped_bytes")
        elif order.kind == "slow_answers":
            self._late_s.extend([order.seconds] * order.count)
        elif order.kind == "vanish":
            self._vanish(order.seconds)
        elif order.kind == "reset" and isinstance(device, Resettable):
            device.reset(now)
        elif order.kind == "power_loss" and isinstance(device, Powered):
            device.power_off(now)
            self._power_back_s = now + order.seconds

    def _suffer_what_is_due(self) -> None:
        now = self._clock.now()
        if self._schedule is not None:
            self._schedule.advance(self, now)
        if self._power_back_s is not None and now >= self._power_back_s:
            self._power_back_s = None
            assert isinstance(self._device, Powered)
            self._device.power_on(now)
        if self._back_at is not None and time.monotonic() >= self._back_at:
            self._come_back()

    def _vanish(self, seconds: float) -> None:
        """The cable is pulled; the device goes on with what it is doing, and nobody hears it."""
        if self._back_at is not None:
            return
        self._back_at = time.monotonic() + seconds
        self._held.clear()
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        # The next port is made while the old one is there, or it would get its name.
        after = _new_pty(), _new_listener()
        os.close(self._master)
        self._listener.close()
        self._pty_open = False
        (self._master, self._next_path), (self._listener, self._next_url) = after

    def _come_back(self) -> None:
        self._back_at = None
        self.pty_path, self.tcp_url = self._next_path, self._next_url


def _new_pty() -> tuple[int, str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    return master, path


def _new_listener() -> tuple[socket.socket, str]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener, f"socket://127.0.0.1:{listener.getsockname()[1]}"
