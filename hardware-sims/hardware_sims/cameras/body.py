"""What every simulated body has: the standard PTP operations, battery, card, shutter, lens, a hand on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from hardware_sims.cameras.datasets import DeviceInfo, pack_object_info, pack_storage_info
from hardware_sims.cameras.exposure import (
    ExposureSettings,
    Picture,
    Shutter,
    true_f_number,
)
from hardware_sims.cameras.faults import Faults
from hardware_sims.cameras.live_view import LiveView
from hardware_sims.cameras.objects import CARD, JPEG, ObjectStore, StoredObject
from hardware_sims.cameras.responder import Answer, Operation, Responder, ResponseCode
from hardware_sims.cameras.schedule import Schedule
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.cameras.wire import array32

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
    surroundings : Surroundings
        Where it is.

    Attributes
    ----------
    codes : dict
        Operation codes of what faults are ordered for: ``release``, ``set``, ``fetch``, ``drive``.
    raw_format : int
        Object format of a RAW file.
    stem : str
        Of file names, with the number to be formatted in.
    mirror_um : float
        How far the mirror's knock moves the picture in the subject plane; 0 without mirror.
    """

    codes: ClassVar[dict[str, int]] = {}
    raw_format: ClassVar[int] = 0x3000
    stem: ClassVar[str] = "SIM_{:04d}"
    mirror_um: float = 0.0

    def __init__(self, info: DeviceInfo, surroundings: Surroundings) -> None:
        self._info = info
        self._clock, self._world = surroundings.clock, surroundings.world
        self.equipment = surroundings.equipment
        self.faults = Faults()
        self.objects = ObjectStore()
        self._operations = self._collect_operations()
        self.responder = Responder(
            info.model, self._operations, self.faults, surroundings.host, surroundings.port, self._has_power
        )
        self.schedule = Schedule(self, self._clock, surroundings.misbehaviour)
        self.shutter = Shutter(self._world, self._clock, surroundings.timing, self._deliver)
        self.live = LiveView(self._look, self.equipment.live_fps)
        self._bytes_per_shot = 0

    def _collect_operations(self) -> dict[int, Operation]:
        found: dict[int, Operation] = {}
        for name in dir(type(self)):
            method: Any = getattr(type(self), name)
            for code in getattr(method, "operation_codes", ()):
                found[code] = getattr(self, name)
        return found

    def start(self) -> None:
        """Switch the body on."""
        self.responder.start()
        self.schedule.start()

    def close(self) -> None:
        """Switch the body off."""
        self.schedule.close()
        self.live.close()
        self.responder.close()
        self.shutter.close()

    def drop_link(self) -> None:
        """Hang up, as a pulled cable would."""
        self.responder.drop_link()

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        raise LookupError(f"{self._info.model} has no exposure settings")

    # --- a hand on the body ---

    def turn(self, control: str, value: Any) -> None:
        """Do what a hand does: turn a dial, flip the lens's switch, change battery or card, press the button.

        Parameters
        ----------
        control : str
            A key of the personality's ``initial``, or ``lens_switch`` (AF, MF), ``battery`` (percent),
            ``card`` (``"empty"``, ``"full"`` or its size in bytes, 0 for none), ``button`` (``"press"``,
            and at bulb ``"let_go"``).
        value
            What it is turned to.

        Raises
        ------
        ValueError
            For a control or a value that the body does not have.
        """
        by_hand: dict[str, Callable[[Any], None]] = {
            "lens_switch": self._flip_lens_switch,
            "battery": self._change_battery,
            "card": self._change_card,
            "button": self._press_button,
        }
        with self.responder.lock:
            if control in by_hand:
                by_hand[control](value)
            else:
                self.turn_dial(control, value)

    def turn_dial(self, control: str, value: Any) -> None:
        """Turn one of the personality's own controls; the body tells its host."""
        raise ValueError(f"a {self._info.model} has no control {control!r} to turn to {value!r}")

    def equipment_changed(self) -> None:
        """Tell the host of battery, card and lens; called with the responder's lock held."""

    def _flip_lens_switch(self, value: Any) -> None:
        if value not in ("AF", "MF"):
            raise ValueError(f"the lens's switch has AF and MF, not {value!r}")
        self.equipment.lens.switch = value
        self.equipment_changed()

    def _change_battery(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 100.0:
            raise ValueError(f"a battery is charged to 0 to 100 percent, not {value!r}")
        percent = float(value)
        self.equipment.battery.level()
        self.equipment.battery.percent = percent
        if not percent:
            self.drop_link()
        self.equipment_changed()

    def _change_card(self, value: Any) -> None:
        card = self.equipment.card
        if value == "empty":
            card.empty()
        elif value == "full":
            card.fill()
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            card.capacity_bytes, card.used_bytes = value, 0
        else:
            raise ValueError(f'a card is "empty", "full" or a number of bytes, not {value!r}')
        self.equipment_changed()

    def _press_button(self, value: Any) -> None:
        if value == "let_go":
            if not self.shutter.let_go():
                raise ValueError("the button is not held: nothing to let go of")
            return
        if value != "press":
            raise ValueError(f'a button can be pressed ("press") and let go ("let_go"), not {value!r}')
        if not self._release():
            raise ValueError("the button did nothing: an exposure is under way")

    def state(self) -> dict[str, Any]:
        """What a person at the body could see, for the control socket."""
        settings = self.exposure_settings()
        drive, now_s = self.equipment.lens.drive, self._clock.now()
        return {
            "model": self._info.model,
            "shutter_s": settings.shutter_s,
            "f_number": round(settings.f_number, 3),
            "iso": settings.iso,
            "raw": settings.raw,
            "jpeg": settings.jpeg,
            "battery_percent": round(self.equipment.battery.level(), 3),
            "card_free_bytes": self.equipment.card.free_bytes,
            "lens_switch": self.equipment.lens.switch,
            "lens_extension_mm": None if drive is None else drive.extension_mm(now_s),
            "live_view": self.live.is_on,
            "live_frames_offered": self.live.offered,
            "live_frames_taken": self.live.taken,
            "operations": self.schedule.operations,
            "faults": self.schedule.report(),
            "bench_s": now_s,
        }

    # --- exposures ---

    @property
    def writes_to_card(self) -> bool:
        """Whether pictures go to the card, only or as well."""
        return True

    def _has_power(self) -> bool:
        return self.equipment.battery.level() > 0.0

    def _card_is_full(self) -> bool:
        return self.writes_to_card and self.equipment.card.free_bytes <= self._bytes_per_shot

    def _fire(self) -> Answer:
        """Release by a host's order."""
        if self._card_is_full():
            return Answer(ResponseCode.STORE_FULL)
        return Answer() if self._release() else Answer(ResponseCode.DEVICE_BUSY)

    def _release(self) -> bool:
        """Begin an exposure unless one is under way; whether it began."""
        if self.shutter.is_busy:
            return False
        self.schedule.count()
        self.equipment.battery.spend_frame()
        mishap = self.faults.take_mishap()
        knock_um, delay_s = (0.0, 0.0) if self.live.is_on else self.mirror()  # in live view it is up
        mishap = replace(mishap, shake_um=mishap.shake_um + knock_um)
        self.shutter.release(self.exposure_settings(), mishap, delay_s)
        return True

    def mirror(self) -> tuple[float, float]:
        """What the mirror does to a release outside live view: knock in µm, and delay in bench seconds."""
        return self.mirror_um, 0.0

    def _look(self) -> bytes | None:
        """A frame of live view."""
        settings = self.exposure_settings()
        f_number = min(settings.f_number, true_f_number(self.equipment.widest_f_number))
        return self._world.preview(self._clock.now(), settings.shutter_s, f_number, settings.iso)

    def _deliver(self, picture: Picture) -> None:
        with self.responder.lock:
            self.offer(picture)

    def announce(self, events: Sequence[Callable[[], None]]) -> None:
        """Say that a picture can be fetched, or late when that fault is due; called with the lock held."""

        def tell() -> None:
            with self.responder.lock:
                for event in events:
                    event()

        late_s = self.faults.take_late_event_s()
        if late_s:
            timer = threading.Timer(late_s, tell)
            timer.daemon = True
            timer.start()
        else:
            tell()

    def offer(self, picture: Picture) -> None:
        """Make a finished picture available, and say so; called with the responder's lock held."""
        raise LookupError(f"{self._info.model} cannot offer picture {picture.number}")

    def files_of(self, picture: Picture) -> list[tuple[str, int, bytes]]:
        """Names, formats and contents of a picture's files, RAW first as bodies write them.

        The two of a pair have one stem; a RAW is a DNG, whatever the maker's own would be called.
        """
        stem = self.stem.format(picture.number)
        files = []
        if picture.settings.raw and picture.photo.raw is not None:
            files.append((f"{stem}.DNG", self.raw_format, picture.photo.raw))
        if picture.settings.jpeg:
            files.append((f"{stem}.JPG", JPEG, picture.photo.jpeg))
        return files

    def stored(
        self,
        picture: Picture,
        file: tuple[str, int, bytes],
        *,
        handle: int,
        parent: int = 0,
        storage: int = CARD,
    ) -> StoredObject:
        """One of a picture's files as an object of the store, spoiled when a fault is due."""
        name, format_code, data = file
        item = self.faults.spoil(
            StoredObject(
                handle,
                name,
                format=format_code,
                parent=parent,
                storage=storage,
                data=data,
                width=picture.photo.width,
                height=picture.photo.height,
                announced_size=len(data),
                taken_at=picture.taken_at,
            )
        )
        if storage == CARD:
            self.equipment.card.write(len(item.data))
        return item

    def note_size(self, files: Sequence[tuple[str, int, bytes]]) -> None:
        """Remember how much room a frame takes."""
        self._bytes_per_shot = sum(len(data) for _, _, data in files)

    def shots_left(self) -> int:
        """How many more frames the card takes."""
        return self.equipment.card.shots_left(self._bytes_per_shot or 8 << 20)

    def find(self, handle: int) -> StoredObject | None:
        """The object behind a handle."""
        return self.objects.get(handle)

    # --- standard operations ---

    @operation(0x1001)
    def _get_device_info(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=self._info.pack(sorted(self._operations)))

    @operation(0x1002)
    def _open_session(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer()

    @operation(0x1003)
    def _close_session(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self.end_live_view()
        return Answer()

    def end_live_view(self) -> None:
        """Show no live view any more; called with the responder's lock held."""
        self.live.switch(on=False)

    @operation(0x1004)
    def _get_storage_ids(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=array32([CARD] if self.equipment.card.capacity_bytes else []))

    @operation(0x1005)
    def _get_storage_info(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        card = self.equipment.card
        return Answer(data=pack_storage_info(card.capacity_bytes, card.free_bytes, self.shots_left()))

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
        self.schedule.count()
        return Answer(data=item.data)

    @operation(0x101B)
    def _get_partial_object(self, parameters: Sequence[int], _data: bytes) -> Answer:
        handle, offset, size = parameters[:3]
        item = self.find(handle)
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        if offset == 0:
            self.schedule.count()
        part = item.data[offset : offset + size]
        return Answer(data=part, parameters=(len(part),))

    @operation(0x100B)
    def _delete_object(self, parameters: Sequence[int], _data: bytes) -> Answer:
        item = self.objects.get(parameters[0])
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        if item.storage == CARD:
            self.equipment.card.forget(len(item.data))
        self.objects.remove(item.handle)
        return Answer()
