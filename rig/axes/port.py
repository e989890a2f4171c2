"""A rail's port, owned by a small process of its own (see `portkeeper`)."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator

from rig.axes import portkeeper as keeper
from rig.closing import on_failure
from rig.errors import HardwareError

__all__ = ["Port"]

_OPEN_S = 20.0
"""A network port may need that long to refuse; a serial one opens at once."""
_END_S = 3.0
_LONGEST_LINE = 4096
_TAIL_BYTES = 48
_MOST_BYTES = 65536
"""Of a device that talks without end and is not listened to, the newest are kept."""


class Port:
    """Lines or bytes from, and bytes to, a device on a serial port, a pty or ``socket://host:port``.

    When this process dies, however it dies, the device gets the stop bytes.

    Parameters
    ----------
    name : str
        What pyserial's ``serial_for_url`` takes.
    baud : int
        Ignored by ptys and sockets.
    stop : bytes
        What makes the device stop moving, e.g. ``b"!"`` for GRBL.
    binary : bool
        What comes is kept for `read_bytes`, not taken for lines.
    raise_dtr : bool
        Raise the modem lines DTR and RTS on opening, which resets an Arduino; the system may do so anyway.

    Raises
    ------
    HardwareError
        When the port cannot be opened; names the ports that exist.

    Attributes
    ----------
    stops_elsewhere : int
        How often somebody else has had the stop bytes sent (``rig rail stop``), as far as has been read.
    """

    def __init__(
        self, name: str, baud: int, stop: bytes, *, binary: bool = False, raise_dtr: bool = True
    ) -> None:
        self.name = name
        self._stop, self._binary = stop, binary
        self._bytes = b""
        self.stops_elsewhere = 0
        self._lines: deque[str] = deque()
        self._partial = b""
        self._frames = b""
        self._tail = b""
        self._lost: str | None = None
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rig.axes.portkeeper", name, str(baud), stop.hex()),
                *([] if raise_dtr else [keeper.QUIETLY]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._down, self._up = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._ready = False
        with on_failure(self.close):
            self._wait_until_open()

    def _wait_until_open(self) -> None:
        deadline = time.monotonic() + _OPEN_S
        while not self._ready:
            if self._lost is not None:
                raise HardwareError(self._lost)
            if not self._receive(deadline - time.monotonic()):
                raise HardwareError(f"the port {self.name} did not open within {_OPEN_S:g} s")

    @property
    def tail(self) -> bytes:
        """The last bytes that came, for messages about what they look like."""
        return self._tail

    def write(self, data: bytes) -> None:
        """Send bytes. From any thread, also from a signal handler: it is one write to a pipe."""
        self._tell(keeper.DATA, data)

    def _tell(self, kind: bytes, payload: bytes) -> None:
        try:
            os.write(self._down, keeper.frame(kind, payload))
        except OSError as err:
            raise HardwareError(self._lost or f"the connection to {self.name} was lost") from err

    @contextlib.contextmanager
    def stopped_by(self, stop: bytes) -> Iterator[None]:
        """Meanwhile other bytes stop the device when this process dies."""
        self._tell(keeper.STOP, stop)
        try:
            yield
        finally:
            self._tell(keeper.STOP, self._stop)

    def read_line(self, timeout_s: float) -> str | None:
        """Next non-empty line without its end, None when none came within the real time given.

        Raises
        ------
        HardwareError
            When the port is gone: the cable pulled, the device off.
        """
        deadline = time.monotonic() + timeout_s
        while not self._lines:
            if self._lost is not None:
                raise HardwareError(self._lost)
            if not self._receive(max(0.0, deadline - time.monotonic())):
                return None
        return self._lines.popleft()

    def read_bytes(self, timeout_s: float) -> bytes:
        """What has come of a binary protocol; waits for it for the real time given, empty when nothing did.

        Raises
        ------
        HardwareError
            When the port is gone and everything that came before has been read.
        """
        deadline = time.monotonic() + timeout_s
        while not self._bytes:
            if self._lost is not None:
                raise HardwareError(self._lost)
            if not self._receive(max(0.0, deadline - time.monotonic())):
                return b""
        data, self._bytes = self._bytes, b""
        return data

    def _receive(self, timeout_s: float) -> bool:
        """Take in what came, waiting for it; false when nothing did."""
        ready, _, _ = select.select([self._up], [], [], max(0.0, timeout_s))
        if not ready:
            return False
        chunk = os.read(self._up, 65536)
        if not chunk:
            self._lost = self._lost or f"the connection to {self.name} was lost"
            return True
        self._frames += chunk
        while len(self._frames) >= keeper.HEADER:
            end = keeper.HEADER + int.from_bytes(self._frames[1 : keeper.HEADER], "big")
            if len(self._frames) < end:
                break
            kind, payload = self._frames[:1], self._frames[keeper.HEADER : end]
            self._frames = self._frames[end:]
            self._take(kind, payload)
        return True

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == keeper.READY:
            self._ready = True
        elif kind == keeper.HELD:
            self.stops_elsewhere += 1
        elif kind == keeper.ERROR:
            text = payload.decode(errors="replace")
            self._lost = f"the connection to {self.name} was lost: {text}" if self._ready else text
        else:
            self._tail = (self._tail + payload)[-_TAIL_BYTES:]
            if self._binary:
                self._bytes = (self._bytes + payload)[-_MOST_BYTES:]
                return
            *whole, self._partial = (self._partial + payload).replace(b"\r", b"\n").split(b"\n")
            self._partial = self._partial[-_LONGEST_LINE:]
            self._lines.extend(line.decode("latin-1") for line in whole if line.strip())

    def close(self) -> None:
        """Let go of the port without a stop, as nothing is moving. May be called twice."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        with contextlib.suppress(OSError):
            os.write(self._down, keeper.frame(keeper.BYE))
        self._lost = self._lost or f"the port {self.name} is closed"
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
