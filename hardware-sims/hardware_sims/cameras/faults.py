"""Misbehaviour on demand: what a simulated body does to the next operations and to the next pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardware_sims.cameras.exposure import Mishap
from hardware_sims.cameras.objects import StoredObject

__all__ = ["Faults", "WireFault"]

_UNLIT = 0.01
"""Of the light: what a room leaves of a picture that a flash should have lit."""


@dataclass(frozen=True)
class WireFault:
    """What happens to an operation instead of, or besides, its answer.

    Parameters
    ----------
    response : int or None
        Answer with this response code and do nothing else.
    delay_s : float
        Real seconds before the operation is looked at.
    hang : bool
        Never answer.
    drop : bool
        Close both connections instead of answering.
    drop_at_byte : int or None
        Close both connections after that many bytes of the data phase.
    """

    response: int | None = None
    delay_s: float = 0.0
    hang: bool = False
    drop: bool = False
    drop_at_byte: int | None = None


@dataclass
class _Scheduled:
    operation: int
    fault: WireFault
    count: int
    skip: int


class Faults:
    """Faults that tests order; thread-safe.

    Attributes
    ----------
    lost_images : int
        So many of the next releases give no picture.
    late_image_s : list of float
        The next pictures are offered so many bench seconds late, one entry each.
    shake_um : list of float
        The mirror knocks the next exposures so hard, one entry each.
    dark_frames : int
        With so many of the next exposures the flash does not fire.
    duplicates : int
        So many of the next files are announced twice.
    late_event_s : list of float
        The next pictures may be fetched so many real seconds before they are announced, one entry each.
    ignored_sets : int
        So many of the next settings are accepted and not made.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wire: list[_Scheduled] = []
        self._spoil: list[Callable[[StoredObject], StoredObject]] = []
        self.lost_images = 0
        self.late_image_s: list[float] = []
        self.shake_um: list[float] = []
        self.dark_frames = 0
        self.duplicates = 0
        self.late_event_s: list[float] = []
        self.ignored_sets = 0

    def on_operation(self, operation: int, fault: WireFault, count: int = 1, skip: int = 0) -> None:
        """Let the next `count` operations with that code suffer, after `skip` that go well."""
        with self._lock:
            self._wire.append(_Scheduled(operation, fault, count, skip))

    def truncate_images(self, count: int = 1, keep: float = 0.5) -> None:
        """The next files are stored cut short; the announced size agrees with the bytes that are there."""

        def cut(item: StoredObject) -> StoredObject:
            data = item.data[: int(len(item.data) * keep)]
            return replace(item, data=data, announced_size=len(data))

        with self._lock:
            self._spoil += [cut] * count

    def shorten_transfers(self, count: int = 1, missing_bytes: int = 1000) -> None:
        """The next files end before the size that was announced for them."""
        with self._lock:
            self._spoil += [lambda item: replace(item, data=item.data[:-missing_bytes])] * count

    def for_operation(self, operation: int) -> WireFault | None:
        """The fault that is due for this operation, used up by asking."""
        with self._lock:
            for entry in self._wire:
                if entry.operation != operation or entry.count == 0:
                    continue
                if entry.skip:
                    entry.skip -= 1
                    continue
                entry.count -= 1
                return entry.fault
        return None

    def take_mishap(self) -> Mishap:
        """What goes wrong with this exposure."""
        with self._lock:
            late_s = self.late_image_s.pop(0) if self.late_image_s else 0.0
            shake_um = self.shake_um.pop(0) if self.shake_um else 0.0
            share = _UNLIT if self._used_up("dark_frames") else 1.0
            return Mishap(late_s, self._used_up("lost_images"), shake_um, share)

    def take_duplicate(self) -> bool:
        """Whether this file is to be announced twice."""
        with self._lock:
            return self._used_up("duplicates")

    def take_ignored_set(self) -> bool:
        """Whether this setting is to be accepted and not made."""
        with self._lock:
            return self._used_up("ignored_sets")

    def take_late_event_s(self) -> float:
        """How long after it may be fetched this picture is to be announced, real seconds."""
        with self._lock:
            return self.late_event_s.pop(0) if self.late_event_s else 0.0

    def _used_up(self, name: str) -> bool:
        left: int = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return left > 0

    def spoil(self, item: StoredObject) -> StoredObject:
        """The object as it is stored: spoiled when a fault is due."""
        with self._lock:
            return self._spoil.pop(0)(item) if self._spoil else item
