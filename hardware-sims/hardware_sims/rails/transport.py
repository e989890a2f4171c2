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
from collections.abc import Callable
from typing import Protocol

__all__ = ["Device", "Server"]

_LOOK_FOR_CLIENT_S = 0.01
"""A pty tells when its last client left, not when one comes: so it is looked at that often while alone."""
_CHUNK = 4096


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

    Attributes
    ----------
    pty_path : str
        The serial port, e.g. ``/dev/pts/7``.
    tcp_url : str
        The same device for pyserial: ``socket://127.0.0.1:PORT``.
    """

    def __init__(self, device: Device, clock: _Clock, name: str = "rail") -> None:
        self._device, self._clock = device, clock
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.pty_path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.tcp_url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
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

    def call(self, action: Callable[[], None]) -> None:
        """Run something in the server's thread, between two of the device's calls; waits for it."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        self._calls.append(run)
        os.write(self._wake_in, b"x")
        if not done.wait(5.0):
            raise RuntimeError("the simulated device does not answer")

    def _serve(self) -> None:
        while not self._closing.is_set():
            ready = self._wait()
            if self._wake_out in ready:
                os.read(self._wake_out, _CHUNK)
            while self._calls:
                self._calls.pop(0)()
            self._look_at_pty(self._master in ready)
            if self._listener in ready:
                self._accept()
            for connection in [c for c in self._connections if c in ready]:
                self._read_tcp(connection)
            self._device.advance(self._clock.now())
            self._send(self._device.take_output())

    def _wait(self) -> list[int | socket.socket]:
        """Sleep until a byte, a client, or the device's own next event."""
        event_s = self._device.next_event_s()
        timeout = None if event_s is None else max(0.0, (event_s - self._clock.now()) / self._clock.scale)
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
            self._device.receive(data, self._clock.now())
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
            self._device.receive(data, self._clock.now())
        else:
            self._connections.remove(connection)
            connection.close()

    def _send(self, data: bytes) -> None:
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
