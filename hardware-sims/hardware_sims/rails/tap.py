"""What goes over a wire, seen by a third party: a relay between a rig and a simulated (or real) TCP port."""

from __future__ import annotations

import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["Heard", "Tap"]


@dataclass(frozen=True)
class Heard:
    """Bytes that went by in one piece: when (s after the tap was opened), which way, and what."""

    at_s: float
    way: Literal[">", "<"]
    """``>`` to the rail, ``<`` from it."""
    data: bytes


class Tap:
    """Relays one connection after the other to a port, and remembers what went by.

    Parameters
    ----------
    url : str
        ``socket://host:port`` of the rail.

    Attributes
    ----------
    url : str
        Where to connect instead.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("socket://").rpartition(":")
        self._rail = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._heard: list[Heard] = []
        self._began = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def take(self) -> list[Heard]:
        """What went by since this was last asked; pieces that followed each other one way are one."""
        heard, self._heard = self._heard, []
        joined: list[Heard] = []
        for piece in heard:
            if joined and joined[-1].way == piece.way:
                joined[-1] = Heard(joined[-1].at_s, piece.way, joined[-1].data + piece.data)
            else:
                joined.append(piece)
        return joined

    def _serve(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._listener], [], [], 0.1)
            if ready:
                rig, _ = self._listener.accept()
                with rig, socket.create_connection(self._rail) as rail:
                    for end in (rig, rail):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._relay(rig, rail)

    def _relay(self, rig: socket.socket, rail: socket.socket) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([rig, rail], [], [], 0.1)
            for source in ready:
                to_rail = source is rig
                try:
                    data = source.recv(4096)
                    if not data:
                        return
                    self._heard.append(Heard(time.monotonic() - self._began, ">" if to_rail else "<", data))
                    (rail if to_rail else rig).sendall(data)
                except OSError:
                    return

    def close(self) -> None:
        """End. May be called twice."""
        self._closing.set()
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
