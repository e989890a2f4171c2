"""When a simulated body misbehaves, and how: by bench time, by operation, at random, or on demand.

An operation is what a photographer would call one: a setting, a release, a file fetched, a focus drive.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from hardware_sims.cameras.equipment import Equipment
from hardware_sims.cameras.faults import Faults, WireFault
from hardware_sims.clock import SimClock

__all__ = ["FaultOrder", "Misbehaved", "Misbehaviour", "Schedule"]

_BUSY = 0x2019
_SECONDS_LATE, _SECONDS_SILENT = 5.0, 3.0  # PTP/IP gives an answer 2.5 s
_KNOCK_UM = 40.0
_MISSING_BYTES = 1000

FaultKind = Literal[
    "busy", "delay", "no_image", "late_image", "late_event", "drop", "drop_link", "card_full",
    "battery_dead", "ignored_setting", "mirror_shake", "dark_frame", "duplicate", "truncated",
    "short_transfer", "lost_focus_step",
]  # fmt: skip


class FaultOrder(BaseModel):
    """One fault. Without ``at_s`` or ``after`` it is due at once.

    Attributes
    ----------
    kind : str
        ``busy`` (``times``), ``delay`` (an answer ``seconds`` late), ``no_image``, ``late_image`` (by
        ``seconds`` of bench time), ``late_event`` (announced ``seconds`` after it may be fetched), ``drop``
        (the link, ``at_byte`` of the next file), ``drop_link`` (now), ``card_full``, ``battery_dead``,
        ``ignored_setting`` (accepted, not made), ``mirror_shake`` (``um`` in the subject plane),
        ``dark_frame`` (the flash did not fire), ``duplicate`` (a file announced twice), ``truncated`` (a file
        cut to ``share``), ``short_transfer`` (a file that ends before its announced size),
        ``lost_focus_step`` (a focus drive that comes short).
    times : int
        For how many operations in a row.
    on : {"release", "set", "fetch", "drive"}
        Which operation is busy or late.
    at_s : float, optional
        When it is due, bench seconds after the body was switched on.
    after : int, optional
        How many operations are to go well first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    on: Literal["release", "set", "fetch", "drive"] = "release"
    seconds: Annotated[float, Field(ge=0)] | None = None
    at_byte: Annotated[int, Field(ge=0)] = 3000
    um: Annotated[float, Field(ge=0)] = _KNOCK_UM
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    at_s: Annotated[float, Field(ge=0)] | None = None
    after: Annotated[int, Field(ge=0)] | None = None


class Misbehaviour(BaseModel):
    """Faults drawn at random, and those that are fixed: the ``[simulator.faults]`` table.

    Attributes
    ----------
    every : float, optional
        Mean number of operations from one random fault to the next; none are drawn when not given.
    kinds : list of FaultOrder
        What is drawn from, each as likely as the others; listed twice, twice as likely.
    fixed : list of FaultOrder
        What comes at its own time.
    seed : int
        Of the draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Annotated[float, Field(ge=1)] | None = None
    kinds: list[FaultOrder] = [FaultOrder(kind="busy", times=2), FaultOrder(kind="no_image")]
    fixed: list[FaultOrder] = []
    seed: int = 1


class Misbehaved(Protocol):
    """What of a body the faults touch."""

    @property
    def faults(self) -> Faults:
        """Its faults."""
        ...

    @property
    def equipment(self) -> Equipment:
        """Its battery, card and lens."""
        ...

    @property
    def codes(self) -> dict[str, int]:
        """Operation codes of ``release``, ``set``, ``fetch`` and ``drive``."""
        ...

    def drop_link(self) -> None:
        """Hang up."""
        ...


def _check(body: Misbehaved, order: FaultOrder) -> None:
    """Refuse, when it is planned, what the body could not suffer when it is due."""
    if order.kind in ("busy", "delay") and order.on not in body.codes:
        raise ValueError(f"this body has no operation to {order.on}, so that it cannot suffer {order.kind}")
    if order.kind == "lost_focus_step" and body.equipment.lens.drive is None:
        raise ValueError("the lens on this body has no motor that could lose steps")


def _busy(body: Misbehaved, order: FaultOrder) -> None:
    body.faults.on_operation(body.codes[order.on], WireFault(response=_BUSY), order.times)


def _delay(body: Misbehaved, order: FaultOrder) -> None:
    seconds = _SECONDS_SILENT if order.seconds is None else order.seconds
    body.faults.on_operation(body.codes[order.on], WireFault(delay_s=seconds), order.times)


def _drop(body: Misbehaved, order: FaultOrder) -> None:
    body.faults.on_operation(body.codes["fetch"], WireFault(drop_at_byte=order.at_byte), order.times)


def _late(attribute: str, standard_s: float) -> Callable[[Misbehaved, FaultOrder], None]:
    def apply(body: Misbehaved, order: FaultOrder) -> None:
        seconds = standard_s if order.seconds is None else order.seconds
        getattr(body.faults, attribute).extend([seconds] * order.times)

    return apply


def _counted(attribute: str) -> Callable[[Misbehaved, FaultOrder], None]:
    def apply(body: Misbehaved, order: FaultOrder) -> None:
        setattr(body.faults, attribute, getattr(body.faults, attribute) + order.times)

    return apply


def _lost_focus_step(body: Misbehaved, order: FaultOrder) -> None:
    drive = body.equipment.lens.drive
    if drive is not None:  # a lens has its motor all its life, and `_check` has seen to it
        drive.lost_next += order.times


def _battery_dead(body: Misbehaved, _order: FaultOrder) -> None:
    body.equipment.battery.percent = 0.0
    body.drop_link()


_FAULTS: dict[str, Callable[[Misbehaved, FaultOrder], None]] = {
    "busy": _busy,
    "delay": _delay,
    "no_image": _counted("lost_images"),
    "late_image": _late("late_image_s", _SECONDS_LATE),
    "late_event": _late("late_event_s", 0.05),
    "drop": _drop,
    "drop_link": lambda body, _order: body.drop_link(),
    "card_full": lambda body, _order: body.equipment.card.fill(),
    "battery_dead": _battery_dead,
    "ignored_setting": _counted("ignored_sets"),
    "mirror_shake": lambda body, order: body.faults.shake_um.extend([order.um] * order.times),
    "dark_frame": _counted("dark_frames"),
    "duplicate": _counted("duplicates"),
    "truncated": lambda body, order: body.faults.truncate_images(order.times, order.share),
    "short_transfer": lambda body, order: body.faults.shorten_transfers(order.times, _MISSING_BYTES),
    "lost_focus_step": _lost_focus_step,
}
"""What each kind does to a body."""


class Schedule:
    """Lets a body misbehave when it is time.

    Parameters
    ----------
    body : Misbehaved
        Who suffers.
    clock : SimClock
        Bench time.
    plan : Misbehaviour
        What is planned.

    Attributes
    ----------
    happened : list
        Operation number, bench seconds since the body was switched on, and order, of every fault.
    """

    def __init__(self, body: Misbehaved, clock: SimClock, plan: Misbehaviour | None = None) -> None:
        self._body, self._clock, self._plan = body, clock, plan or Misbehaviour()
        self._random = random.Random(self._plan.seed)
        self._lock = threading.Lock()
        self._operations = 0
        self._waiting: list[tuple[FaultOrder, int]] = []
        self._timers: list[threading.Timer] = []
        self._next = self._draw()
        self._on_since_s = clock.now()
        self.happened: list[tuple[int, float, FaultOrder]] = []

    @property
    def operations(self) -> int:
        """How many operations there were."""
        return self._operations

    def start(self) -> None:
        """Let the plan run from now on: the body is switched on.

        Raises
        ------
        ValueError
            When the body cannot suffer what is planned.
        """
        self._on_since_s = self._clock.now()
        for order in self._plan.kinds if self._plan.every is not None else ():
            _check(self._body, order)
        for order in self._plan.fixed:
            self.add(order)

    def add(self, order: FaultOrder) -> None:
        """Plan a fault, from now; one that is due now happens.

        Raises
        ------
        ValueError
            When the body cannot suffer it.
        """
        _check(self._body, order)
        if order.at_s is not None:
            wait_s = max(0.0, order.at_s - self._on_for_s) / self._clock.scale
            timer = threading.Timer(wait_s, self._apply, (order,))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()
        elif order.after:
            with self._lock:
                self._waiting.append((order, self._operations + order.after))
        else:
            self._apply(order)

    def count(self) -> None:
        """An operation begins."""
        with self._lock:
            self._operations += 1
            due = [order for order, at in self._waiting if at < self._operations]
            self._waiting = [(order, at) for order, at in self._waiting if at >= self._operations]
            if self._operations >= self._next:
                self._next = self._operations + self._draw()
                due.append(self._random.choice(self._plan.kinds))
        for order in due:
            self._apply(order)

    def report(self) -> list[dict[str, Any]]:
        """What has happened, for people and JSON."""
        return [
            {"operation": operation, "at_s": round(at_s, 3), **order.model_dump(exclude_defaults=True)}
            for operation, at_s, order in self.happened
        ]

    def close(self) -> None:
        """Nothing is due any more."""
        for timer in self._timers:
            timer.cancel()

    @property
    def _on_for_s(self) -> float:
        return self._clock.now() - self._on_since_s

    def _draw(self) -> float:
        """Operations until the next random fault."""
        every = self._plan.every
        if every is None or not self._plan.kinds:
            return float("inf")
        return 1.0 + self._random.expovariate(1.0 / every)

    def _apply(self, order: FaultOrder) -> None:
        _FAULTS[order.kind](self._body, order)
        self.happened.append((self._operations, self._on_for_s, order))
