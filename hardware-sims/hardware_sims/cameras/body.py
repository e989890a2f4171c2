"""What every simulated body has: the standard PTP operations, a card, a shutter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hardware_sims.cameras.datasets import DeviceInfo, pack_object_info, pack_storage_info
from hardware_sims.cameras.exposure import BodyTiming, ExposureSettings, Picture, Shutter, World
from hardware_sims.cameras.faults import Faults
from hardware_sims.cameras.objects import CARD, ObjectStore, StoredObject
from hardware_sims.cameras.responder import Answer, Operation, Responder, ResponseCode
from hardware_sims.cameras.wire import array32
from hardware_sims.clock import SimClock

__all__ = ["Body", "operation"]

_Handler = TypeVar("_Handler", bound=Callable[..., Answer])


def operation(*codes: int) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of PTP operations."""

    def mark(method: _Handler) -> _Handler:
        method.operation_codes = codes  # type: ignore[attr-defined]
        return method

    return mark


class Body:
    """A body without vendor extension of its own: sessions, storage, objects; subclasses add a personality.

    Parameters
    ----------
    info : DeviceInfo
        What it says of itself.
    world : World
        What is in front of it.
    clock : SimClock
        Bench time.
    timing : BodyTiming
        How fast it is.
    host, port
        Where it listens.
    """

    def __init__(
        self,
        info: DeviceInfo,
        world: World,
        clock: SimClock,
        timing: BodyTiming,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._info = info
        self.faults = Faults()
        self.objects = ObjectStore()
        self._operations = self._collect_operations()
        self.responder = Responder(info.model, self._operations, self.faults, host, port)
        self.shutter = Shutter(world, clock, timing, self._deliver)

    def _collect_operations(self) -> dict[int, Operation]:
        found: dict[int, Operation] = {}
        for name in dir(type(self)):
            method: Any = getattr(type(self), name)
            for code in getattr(method, "operation_codes", ()):
                found[code] = getattr(self, name)
        return found

    def close(self) -> None:
        """Switch the body off."""
        self.responder.close()
        self.shutter.close()

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        raise LookupError(f"{self._info.model} has no exposure settings")

    def _release(self) -> bool:
        """Begin an exposure unless one is under way; whether it began."""
        if self.shutter.is_busy:
            return False
        self.shutter.release(
            self.exposure_settings(),
            extra_s=self.faults.take_lateness_s(),
            lost=self.faults.take_lost_image(),
        )
        return True

    def _deliver(self, picture: Picture) -> None:
        with self.responder.lock:
            self.offer(picture)

    def offer(self, picture: Picture) -> None:
        """Make a finished picture available, and say so; called with the responder's lock held."""
        raise LookupError(f"{self._info.model} cannot offer picture {picture.number}")

    def stored(
        self, picture: Picture, name: str, *, handle: int, parent: int = 0, storage: int = CARD
    ) -> StoredObject:
        """A picture as an object of the store, spoiled when a fault is due."""
        data = picture.photo.jpeg
        item = StoredObject(
            handle,
            name,
            parent=parent,
            storage=storage,
            data=data,
            width=picture.photo.width,
            height=picture.photo.height,
            announced_size=len(data),
            taken_at=picture.taken_at,
        )
        return self.faults.spoil(item)

    def find(self, handle: int) -> StoredObject | None:
        """The object behind a handle."""
        return self.objects.get(handle)

    @operation(0x1001)
    def _get_device_info(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=self._info.pack(sorted(self._operations)))

    @operation(0x1002, 0x1003)
    def _open_or_close_session(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer()

    @operation(0x1004)
    def _get_storage_ids(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=array32([CARD]))

    @operation(0x1005)
    def _get_storage_info(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=pack_storage_info())

    @operation(0x1006)
    def _get_object_count(self, parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(parameters=(len(list(self.objects.select(*parameters[:3]))),))

    @operation(0x1007)
    def _get_object_handles(self, parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=array32([item.handle for item in self.objects.select(*parameters[:3])]))

    @operation(0x1008)
    def _get_object_info(self, parameters: Sequence[int], _data: bytes) -> Answer:
        item = self.find(parameters[0])
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        return Answer(data=pack_object_info(item))

    @operation(0x1009)
    def _get_object(self, parameters: Sequence[int], _data: bytes) -> Answer:
        item = self.find(parameters[0])
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        return Answer(data=item.data)

    @operation(0x101B)
    def _get_partial_object(self, parameters: Sequence[int], _data: bytes) -> Answer:
        handle, offset, size = parameters[:3]
        item = self.find(handle)
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        part = item.data[offset : offset + size]
        return Answer(data=part, parameters=(len(part),))

    @operation(0x100B)
    def _delete_object(self, parameters: Sequence[int], _data: bytes) -> Answer:
        removed = self.objects.remove(parameters[0])
        return Answer(ResponseCode.OK if removed else ResponseCode.INVALID_OBJECT_HANDLE)
