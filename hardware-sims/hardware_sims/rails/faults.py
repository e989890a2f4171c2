"""When a simulated rail misbehaves, and how: by bench time, by move, at random, or on demand.

A move is whatever sets the carriage in motion from rest, so that the same plan suits every controller. Faults
of the mechanics reach the carriage, those of the line the server, those of the board the device behind it.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections import deque
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from hardware_sims.carriage import Carriage

__all__ = [
    "Noise",
    "Powered",
    "RailFaultKind",
    "RailFaultOrder",
    "RailMisbehaviour",
    "RailSchedule",
    "Resettable",
    "Suffers",
]

RailFaultKind = Literal[
    "lost_steps", "stall", "backlash", "flipped_bytes", "dropped_bytes", "slow_answers", "reset", "vanish",
    "power_loss",
]  # fmt: skip

_GAP_BYTES = 8
"""Mean number of good bytes between two bad ones: noise hits anywhere in a line, not only its beginning."""


class RailFaultOrder(BaseModel):
    """One fault. Without ``at_s`` or ``after`` it is due at once.

    Attributes
    ----------
    kind : str
        ``lost_steps`` (the motor falls back by ``um``), ``stall`` (it stands still for the rest of the
        motion, while the controller counts on), ``backlash`` (the play of the screw is ``um`` from now on),
        ``flipped_bytes`` and ``dropped_bytes`` (``count`` of the next bytes ``to`` the host or the rail),
        ``slow_answers`` (``count`` of the next answers come ``seconds`` late, real time), ``reset`` (the
        controller starts again, its motors with power), ``vanish`` (the port is gone and comes back under
        another name after ``seconds`` of real time), ``power_loss`` (motors and controller, for ``seconds``
        of bench time).
    at_s : float, optional
        When it is due, bench seconds after the rail was switched on.
    after : int, optional
        How many moves are to begin well; it is due in the next one.
    share : float
        With ``after``: how far into that move, as a share of its time; 1 is its end, more is after it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RailFaultKind
    um: Annotated[float, Field(ge=0)] = 50.0
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    to: Literal["host", "rail"] = "host"
    seconds: Annotated[float, Field(ge=0)] = 0.5
    at_s: Annotated[float, Field(ge=0)] | None = None
    after: Annotated[int, Field(ge=0)] | None = None
    share: Annotated[float, Field(ge=0, le=10)] = 0.5


class RailMisbehaviour(BaseModel):
    """Faults drawn at random, and those that are fixed: the ``[simulator.rail_faults]`` table.

    Attributes
    ----------
    every : float, optional
        Mean number of moves from one random fault to the next; none are drawn when not given.
    kinds : list of RailFaultOrder
        What is drawn from, each as likely as the others; listed twice, twice as likely. A drawn fault comes
        anywhere from the beginning of its move to a fifth of its time after the end.
    fixed : list of RailFaultOrder
        What comes at its own time.
    seed : int
        Of the draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Annotated[float, Field(ge=1)] | None = None
    kinds: list[RailFaultOrder] = [RailFaultOrder(kind="dropped_bytes"), RailFaultOrder(kind="reset")]
    fixed: list[RailFaultOrder] = []
    seed: int = 1


@runtime_checkable
class Resettable(Protocol):
    """A device whose controller can start again while its motors keep their power."""

    def reset(self, now: float) -> None:
        """Start again."""
        ...


@runtime_checkable
class Powered(Protocol):
    """A device whose power can fail."""

    def power_off(self, now: float) -> None:
        """Motors stop dead, nothing is heard or said."""
        ...

    def power_on(self, now: float) -> None:
        """The power is back."""
        ...


class Suffers(Protocol):
    """What the faults that are not of the mechanics reach: the server of a rail."""

    def suffer(self, order: RailFaultOrder, now: float) -> None:
        """Let it happen."""
        ...


class Noise:
    """What the line does to the bytes of one direction.

    Parameters
    ----------
    seed : int
        Of where it hits.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._due: deque[tuple[int, bool]] = deque()
        """Good bytes to let pass, then one to drop (or flip)."""

    def hit(self, count: int, *, drop: bool) -> None:
        """Spoil that many of the bytes to come."""
        for _ in range(count):
            self._due.append((int(self._random.expovariate(1 / _GAP_BYTES)), drop))

    def spoil(self, data: bytes) -> bytes:
        """The bytes as they arrive."""
        if not self._due:
            return data
        out = bytearray()
        for byte in data:
            if not self._due:
                out.append(byte)
                continue
            good, drop = self._due.popleft()
            if good:
                self._due.appendleft((good - 1, drop))
                out.append(byte)
            elif not drop:
                out.append(byte ^ (1 << self._random.randrange(8)))
        return bytes(out)


class RailSchedule:
    """Lets a rail misbehave when it is time.

    It belongs to the thread of the rail's server, which asks it for what is due; `add` may come from any.

    Parameters
    ----------
    carriage : Carriage
        Whose moves are counted, and which suffers what is mechanical.
    plan : RailMisbehaviour, optional
        What is planned.

    Attributes
    ----------
    happened : list
        Of every fault: the move it was planned for (if planned by time, how many had begun), bench time,
        and order.
    """

    def __init__(self, carriage: Carriage, plan: RailMisbehaviour | None = None) -> None:
        self._carriage, self._plan = carriage, plan or RailMisbehaviour()
        self._random = random.Random(self._plan.seed)
        self._lock = threading.Lock()
        self._number = itertools.count()
        self._timed: list[tuple[float, int, RailFaultOrder, int | None]] = []
        self._waiting: list[tuple[int, RailFaultOrder]] = []
        self._moves = 0
        self._next = self._draw()
        self._on_since_s = 0.0
        self.happened: list[tuple[int, float, RailFaultOrder]] = []
        carriage.watch(self._move_begins)

    @property
    def seed(self) -> int:
        """Of everything random about the faults."""
        return self._plan.seed

    @property
    def moves(self) -> int:
        """How many moves have begun."""
        return self._moves

    def start(self, device: object, now: float) -> None:
        """The rail is switched on.

        Raises
        ------
        ValueError
            When the device cannot suffer what is planned.
        """
        self._on_since_s = now
        for order in self._plan.kinds if self._plan.every is not None else ():
            self.check(device, order)
        for order in self._plan.fixed:
            self.check(device, order)
            self.add(order, now)

    @staticmethod
    def check(device: object, order: RailFaultOrder) -> None:
        """Raise ValueError when the device cannot suffer that."""
        lacks = (order.kind == "reset" and not isinstance(device, Resettable)) or (
            order.kind == "power_loss" and not isinstance(device, Powered)
        )
        if lacks:
            raise ValueError(f"this rail has no controller that could suffer {order.kind}")

    def add(self, order: RailFaultOrder, now: float) -> None:
        """Plan a fault, from now."""
        with self._lock:
            if order.at_s is not None:
                self._at(self._on_since_s + order.at_s, order)
            elif order.after is not None:
                self._waiting.append((self._moves + order.after + 1, order))
            else:
                self._at(now, order)

    def next_event_s(self) -> float | None:
        """When the next fault is due, bench time; None when none is."""
        with self._lock:
            return self._timed[0][0] if self._timed else None

    def advance(self, sufferer: Suffers, now: float) -> None:
        """Let everything happen that is due."""
        while True:
            with self._lock:
                if not self._timed or self._timed[0][0] > now:
                    return
                at_s, _, order, move = heapq.heappop(self._timed)
                self.happened.append((self._moves if move is None else move, now, order))
            # The mechanics know their own past, so that a late look does not make a fault late.
            if order.kind == "lost_steps":
                self._carriage.lose(at_s, order.um / 1000.0)
            elif order.kind == "stall":
                self._carriage.stall(at_s)
            elif order.kind == "backlash":
                self._carriage.set_backlash(at_s, order.um / 1000.0)
            else:
                sufferer.suffer(order, now)

    def report(self) -> list[dict[str, Any]]:
        """What has happened, for people and JSON."""
        return [
            {
                "move": move,
                "at_s": round(at_s - self._on_since_s, 3),
                **order.model_dump(exclude_defaults=True),
            }
            for move, at_s, order in self.happened
        ]

    def _move_begins(self, begin_s: float, end_s: float) -> None:
        with self._lock:
            self._moves += 1
            due = [order for at, order in self._waiting if at <= self._moves]
            self._waiting = [entry for entry in self._waiting if entry[0] > self._moves]
            for order in due:
                self._at(begin_s + order.share * (end_s - begin_s), order, self._moves)
            if self._moves >= self._next:
                self._next = self._moves + self._draw()
                due_s = begin_s + self._random.uniform(0.0, 1.2) * (end_s - begin_s)
                self._at(due_s, self._random.choice(self._plan.kinds), self._moves)

    def _at(self, due_s: float, order: RailFaultOrder, move: int | None = None) -> None:
        heapq.heappush(self._timed, (due_s, next(self._number), order, move))

    def _draw(self) -> float:
        """Moves until the next random fault."""
        every = self._plan.every
        if every is None or not self._plan.kinds:
            return float("inf")
        return 1.0 + self._random.expovariate(1.0 / every)
