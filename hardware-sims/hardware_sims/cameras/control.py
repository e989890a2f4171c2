"""A socket through which a test, or a person, is the photographer's hand on a simulated body.

Loopback only. One JSON object a line, one line of answer each::

    {"do": "turn", "control": "iso", "to": 800}        a dial, the lens's switch, battery, card, the button
    {"do": "fault", "kind": "busy", "times": 3}        what `FaultOrder` takes; due now, by time or by count
    {"do": "state"}                                    what the body would show
    {"do": "rail_fault", "kind": "stall"}              what `RailFaultOrder` takes, the same way
    {"do": "rail_state"}                               where the carriage truly is, and where its ports are

The answer is ``{"ok": true}``, for a state with ``"state"``, or ``{"ok": false, "error": "…"}``.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any, Protocol

from pydantic import ValidationError

from hardware_sims.cameras.body import Body
from hardware_sims.cameras.schedule import FaultOrder
from hardware_sims.rails.faults import RailFaultOrder

__all__ = ["ControlServer", "WatchedRail"]

_LONGEST_LINE = 1 << 16


class WatchedRail(Protocol):
    """A simulated rail, as far as it is watched and made to fail here."""

    def misbehave(self, order: RailFaultOrder) -> None:
        """Plan a fault."""
        ...

    def state(self) -> dict[str, Any]:
        """Where it is, and what has gone wrong."""
        ...


class ControlServer:
    """Listens for orders to one body, and to the rail that it stands on.

    Parameters
    ----------
    body : Body
        Who is turned, watched and made to fail.
    rail : WatchedRail, optional
        What is watched and made to fail too.
    """

    def __init__(self, body: Body, rail: WatchedRail | None = None) -> None:
        self._body, self._rail = body, rail
        self._server = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._server.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Listen from now on."""
        self._spawn(self._accept)

    def close(self) -> None:
        """Hang up and stop listening."""
        self._closed.set()
        for end in (self._server, *self._peers):
            with contextlib.suppress(OSError):  # macOS refuses for a listening socket; closing wakes it there
                end.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(timeout=5.0)

    def answer(self, line: str) -> dict[str, Any]:
        """Do what a line asks for."""
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                raise TypeError(f"an order is a JSON object, not {line.strip()!r}")
            return {"ok": True, **self._do(order)}
        except ValidationError as err:
            first = err.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            return {"ok": False, "error": f"{where}: {first['msg']}"}
        except (ValueError, TypeError) as err:
            return {"ok": False, "error": str(err)}

    def _do(self, order: dict[str, Any]) -> dict[str, Any]:
        what = order.pop("do", None)
        if what == "state":
            with self._body.responder.lock:
                return {"state": self._body.state()}
        if what in ("rail_state", "rail_fault"):
            if self._rail is None:
                raise ValueError("there is no rail here")
            if what == "rail_state":
                return {"state": self._rail.state()}
            self._rail.misbehave(RailFaultOrder.model_validate(order))
            return {}
        if what == "fault":
            self._body.schedule.add(FaultOrder.model_validate(order))
            return {}
        if what == "turn":
            if set(order) != {"control", "to"}:
                raise ValueError(f"a turn has 'control' and 'to', not {', '.join(order) or 'nothing'}")
            self._body.turn(str(order["control"]), order["to"])
            return {}
        raise ValueError(f"an order is to turn, to fault or for the state, not {what!r}")

    def _spawn(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name="control")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            self._peers.append(peer)
            self._spawn(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer, peer.makefile("rw", encoding="utf-8") as stream:
            while line := stream.readline(_LONGEST_LINE):
                stream.write(json.dumps(self.answer(line)) + "\n")
                stream.flush()
