"""Lets a maker's library talk through our port keeper: it gets a TCP port of this machine to open.

The library would open the device itself, and nobody would stop the motor when this process dies.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from rig.axes.port import Port
from rig.errors import HardwareError

__all__ = ["Bridge"]

_LOOK_S = 0.05
"""How often both directions look whether it is over."""
_CHUNK = 2048


class Bridge:
    """Relays between a port and the one connection that is made to a loopback address.

    Parameters
    ----------
    port : Port
        Binary; written to from here and from elsewhere, read here only.
    ascii_only : bool
        Other bytes are noise: the library gets a question mark instead, as it may not expect them.

    Attributes
    ----------
    host, number : str, int
        Where to connect.
    lost : str or None
        Why the port is gone, once it is.
    """

    def __init__(self, port: Port, *, ascii_only: bool) -> None:
        self._port, self._ascii_only = port, ascii_only
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LOOK_S)
        self.host, self.number = self._listener.getsockname()
        self.lost: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                library, _ = self._listener.accept()
            except TimeoutError:
                continue
            library.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            library.settimeout(_LOOK_S)
            down = threading.Thread(target=self._down, args=(library,), daemon=True)
            down.start()
            self._up(library)
            with contextlib.suppress(OSError):
                library.shutdown(socket.SHUT_RDWR)  # the library learns it as a lost connection
            down.join()
            library.close()

    def _up(self, library: socket.socket) -> None:
        """Port to library, until either is gone."""
        while not self._closing.is_set() and self.lost is None:
            try:
                data = self._port.read_bytes(_LOOK_S)
                if self._ascii_only:
                    data = data.decode("ascii", "replace").replace("\ufffd", "?").encode("ascii")
                if data:
                    library.sendall(data)
            except HardwareError as err:
                self.lost = str(err)
            except OSError:
                return

    def _down(self, library: socket.socket) -> None:
        """Library to port."""
        while not self._closing.is_set() and self.lost is None:
            try:
                data = library.recv(_CHUNK)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            try:
                self._port.write(data)
            except HardwareError as err:
                self.lost = str(err)

    def close(self) -> None:
        """End. May be called twice."""
        self._closing.set()
        self._thread.join()
        self._listener.close()
