"""A Canon EOS body: remote mode, the event stream, releases, transfer to the host or to the card."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from hardware_sims.cameras import canon_values as values
from hardware_sims.cameras.body import Body, operation
from hardware_sims.cameras.canon_events import BUSY, IDLE, EventStream
from hardware_sims.cameras.canon_values import EosProperty, ImageFormat
from hardware_sims.cameras.datasets import DeviceInfo
from hardware_sims.cameras.exposure import ExposureSettings, Picture
from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.responder import Answer, ResponseCode
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.cameras.wire import array32, u32

__all__ = ["CanonEos"]

_HALF, _FULL = 1, 2
_FILE_ATTRIBUTE = 0x20
_EVENTS = (0xC181, 0xC189, 0xC18A, 0xC18B, 0xC1A7, 0xC1A9)
_MEMORY = 0
"""Storage id of pictures that wait for the host."""
_PICTURE_BLOB = 1
"""Kind of the part of a viewfinder answer that is a JPEG."""
_FRAME_WAIT_S = 0.1
"""Real seconds that the body takes to say that there is no fresh frame yet."""
_FARTHER = 0x8000
_STEP_UNITS = (6, 40, 240)
"""Motor units of the steps 1 to 3; from one size to the next it is some seven times on real lenses."""


class CanonEos(Body):
    """An EOS body.

    Parameters
    ----------
    initial : mapping
        The state at power-on: see `canon_values.INITIAL`.
    physical_dial : bool
        The exposure mode is a dial on top of the body: a set is refused.
    manual_lens_f_number : float, optional
        The lens has no contacts and is stopped down to this by hand; the body knows no f-number.
    offers_manual_focus : bool
        Whether the focus mode can be set to Manual by a host.
    mirror_um : float
        How far the mirror's knock moves the picture in the subject plane, outside live view.
    """

    codes: ClassVar[dict[str, int]] = {"release": 0x9128, "set": 0x9110, "fetch": 0x101B, "drive": 0x9155}
    raw_format: ClassVar[int] = 0xB108
    stem: ClassVar[str] = "IMG_{:04d}"

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        model: str = "Canon EOS R5",
        initial: Mapping[str, Any] | None = None,
        physical_dial: bool = False,
        manual_lens_f_number: float | None = None,
        offers_manual_focus: bool = True,
        mirror_um: float = 0.0,
    ) -> None:
        self._properties = values.properties(
            model,
            offers_manual_focus=offers_manual_focus,
            physical_dial=physical_dial,
            now=int(time.time()),
        )
        if mirror_um:
            values.fit_mirror(self._properties)
        values.apply_initial(self._properties, initial or {})
        self._manual_f_number = manual_lens_f_number
        if manual_lens_f_number is not None:
            values.mount_manual_lens(self._properties)
        self._events = EventStream()
        self._remote_mode = 0
        info = DeviceInfo(
            manufacturer="Canon.Inc",
            model=model,
            version="3-1.8.1",
            serial="SIM00000000000000000000000000001",
            vendor_extension=0x6,  # what real bodies say; libgphoto2 knows Canon by the manufacturer
            vendor_description="microsoft.com: 1.0",
            events=(0x4002, 0x4003, 0x4004, 0x4005, 0x4006, 0xC101),
            properties=(0xD402, 0xD406, 0xD407),
            image_formats=(0x3801, self.raw_format),
        )
        super().__init__(info, surroundings)
        self.mirror_um, self._mirror_is_up = mirror_um, False
        if self.equipment.lens.name is not None:
            self._properties[values.LENS_NAME].value = self.equipment.lens.name
        self._switched_focus: values.EosValue = self._properties[values.FOCUS_MODE].value
        self._folder = self.objects.add_folder("100CANON", self.objects.add_folder("DCIM"))
        self.equipment_changed()

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        return values.exposure_settings(self._properties, self._manual_f_number)

    def mirror(self) -> tuple[float, float]:
        """No knock when the mirror was raised by a release of its own."""
        return (0.0 if self._mirror_is_up else self.mirror_um), 0.0

    def _raises_mirror(self) -> bool:
        """With mirror lock the first release raises the mirror and the next one exposes; whether it did."""
        lock = self._properties.get(values.MIRROR_LOCK)
        if lock is None or not lock.value or self._mirror_is_up or self.live.is_on:
            return False
        self._mirror_is_up = True
        self._change(values.MIRROR_LOCK_STATE, 1)
        return True

    @property
    def writes_to_card(self) -> bool:
        """Whether pictures go to the card, only or as well."""
        return self._properties[values.CAPTURE_DESTINATION].value != values.TO_HOST

    def turn_dial(self, control: str, value: Any) -> None:
        """Turn one of the controls of `canon_values.INITIAL`; the body tells its host."""
        for code in values.put(self._properties, control, value):
            self._events.property_value(code, self._properties[code])

    def equipment_changed(self) -> None:
        """Tell the host of battery, card and lens; called with the responder's lock held."""
        self._change(values.BATTERY, values.battery_code(self.equipment.battery.level()))
        self._change(values.AVAILABLE_SHOTS, self.shots_left())
        focus = self._properties[values.FOCUS_MODE]
        if self.equipment.lens.switch == "MF":  # the switch overrules what the body is set to
            if focus.value != values.MANUAL_FOCUS:
                self._switched_focus = focus.value
            self._change(values.FOCUS_MODE, values.MANUAL_FOCUS)
        elif focus.choices and focus.value not in focus.choices:
            self._change(values.FOCUS_MODE, self._switched_focus)

    def _change(self, code: int, value: values.EosValue) -> None:
        prop = self._properties[code]
        if prop.value != value:
            prop.value = value
            self._events.property_value(code, prop)

    def offer(self, picture: Picture) -> None:
        """Write a picture to the card, or offer it to the host, or both."""
        target = self._properties[values.CAPTURE_DESTINATION].value
        files = self.files_of(picture)
        self.note_size(files)
        times = 2 if self.faults.take_duplicate() else 1
        events: list[Callable[[], None]] = []
        for file in files:
            if target in (values.TO_CARD, values.TO_BOTH):
                handle = self.objects.new_handle()
                item = self.stored(picture, file, handle=handle, parent=self._folder)
                self.objects.add(item)
                events += [partial(self._events.object_added, item)] * (
                    times if target == values.TO_CARD else 0
                )
            for _ in range(times if target in (values.TO_HOST, values.TO_BOTH) else 0):
                item = self.stored(picture, file, handle=self.objects.new_handle(), storage=_MEMORY)
                self.objects.add(item)
                events.append(partial(self._events.transfer_requested, item))
        self.announce(events)
        counter = self._properties[values.SHUTTER_COUNTER].value
        assert isinstance(counter, int)
        self._change(values.SHUTTER_COUNTER, counter + 1)
        self._mirror_is_up = False
        self._change(values.MIRROR_LOCK_STATE, 0)
        self.equipment_changed()
        self._events.camera_status(IDLE)

    @operation(0x9114)
    def _set_remote_mode(self, parameters: Sequence[int], _data: bytes) -> Answer:
        self._remote_mode = parameters[0]
        return Answer()

    @operation(0x9113)
    def _get_remote_mode(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(parameters=(self._remote_mode,))

    @operation(0x9115)
    def _set_event_mode(self, parameters: Sequence[int], _data: bytes) -> Answer:
        self._events.drain()
        if parameters[0]:  # the stream opens with a dump of everything
            for code, prop in self._properties.items():
                self._events.property_value(code, prop)
                self._events.property_choices(code, prop)
            self._events.camera_status(IDLE)
        return Answer()

    @operation(0x9116)
    def _get_event(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=self._events.drain())

    @operation(0x913D, 0x911D, 0x911B, 0x911C, 0x9160, 0x910C)
    def _accept(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        """OLC request, keep-alive, UI lock and unlock, AF cancel, object attributes: nothing to show for."""
        return Answer()

    @operation(0x9127)
    def _request_property(self, parameters: Sequence[int], _data: bytes) -> Answer:
        prop = self._properties.get(parameters[0])
        if prop is None:
            return Answer(ResponseCode.GENERAL_ERROR)
        self._events.property_value(parameters[0], prop)
        return Answer()

    @operation(0x9108)
    def _get_device_info_ex(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        body = array32(_EVENTS) + array32(sorted(self._properties)) + array32(())
        return Answer(data=u32(4 + len(body)) + body)

    @operation(0x9101)
    def _get_storage_ids_eos(self, parameters: Sequence[int], data: bytes) -> Answer:
        return self._get_storage_ids(parameters, data)

    @operation(0x9102)
    def _get_storage_info_eos(self, parameters: Sequence[int], data: bytes) -> Answer:
        return self._get_storage_info(parameters, data)

    @operation(0x911A)
    def _host_has_room(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._properties[values.AVAILABLE_SHOTS].value = 999
        self._events.property_value(values.AVAILABLE_SHOTS, self._properties[values.AVAILABLE_SHOTS])
        return Answer()

    @operation(0x9109)
    def _list_folder(self, parameters: Sequence[int], _data: bytes) -> Answer:
        children = list(self.objects.select(parameters[0], parent=parameters[1]))
        entries = [_pack_entry(item) for item in children]
        body = b"".join(u32(4 + len(entry)) + entry for entry in entries)
        return Answer(data=u32(len(entries)) + body)

    @operation(0x9110)
    def _set_property(self, _parameters: Sequence[int], data: bytes) -> Answer:
        _, code = struct.unpack("<II", data[:8])
        prop = self._properties.get(code)
        if prop is None:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        if not prop.writable:
            return Answer(ResponseCode.ACCESS_DENIED)
        value = _unpack_value(prop, data[8:])
        if prop.choices is not None and value not in prop.choices:
            return Answer(ResponseCode.INVALID_PROPERTY_VALUE)
        self.schedule.count()
        if not self.faults.take_ignored_set():
            prop.value = value
        self._events.property_value(code, prop)
        if code == values.OUTPUT_DEVICE and isinstance(prop.value, int):
            self.live.switch(bool(prop.value & values.ON_HOST))
        return Answer()

    @operation(0x9151)
    def _start_viewfinder(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._change(values.OUTPUT_DEVICE, values.ON_HOST)
        self.live.switch(on=True)
        return Answer()

    @operation(0x9152)
    def _stop_viewfinder(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self.end_live_view()
        return Answer()

    def end_live_view(self) -> None:
        """Show no live view any more; called with the responder's lock held."""
        self._change(values.OUTPUT_DEVICE, 0)
        super().end_live_view()

    @operation(0x9153)
    def _get_viewfinder(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(later=self._viewfinder_frame)

    def _viewfinder_frame(self) -> Answer:
        frame = self.live.take(_FRAME_WAIT_S) if self.live.is_on else None
        if frame is None:
            return Answer(ResponseCode.CANON_NOT_READY)
        return Answer(data=u32(8 + len(frame)) + u32(_PICTURE_BLOB) + frame + u32(8) + u32(0))

    @operation(0x9155)
    def _drive_lens(self, parameters: Sequence[int], _data: bytes) -> Answer:
        """Near 1 to 3, far 1 to 3. What cannot be driven is not driven, and OK is what the host hears."""
        size = parameters[0] & 0x7FFF
        if size not in (1, 2, 3):
            return Answer(ResponseCode.INVALID_PARAMETER)
        self.schedule.count()
        if self.live.is_on:
            units = self.equipment.lens.units_of(size, _STEP_UNITS)
            self.equipment.lens.turn(-units if parameters[0] & _FARTHER else units)
        return Answer()

    @operation(0x9154)
    def _focus(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._autofocus()
        return Answer()

    def _autofocus(self) -> None:
        if self._properties[values.FOCUS_MODE].value != values.MANUAL_FOCUS:
            self.equipment.lens.autofocus()

    @operation(0x9128)
    def _press(self, parameters: Sequence[int], _data: bytes) -> Answer:
        if parameters[0] & _HALF and not (len(parameters) > 1 and parameters[1]):
            self._autofocus()
        if parameters[0] & _FULL and not self._raises_mirror():
            answer = self._fire()
            if answer.code != ResponseCode.OK:
                return answer
            self._events.camera_status(BUSY)
        return Answer()

    @operation(0x9129)
    def _let_go(self, parameters: Sequence[int], _data: bytes) -> Answer:
        if parameters[0] & _FULL:
            self.shutter.let_go()
        return Answer()

    @operation(0x9125)
    def _bulb_start(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        if not self.exposure_settings().bulb:
            return Answer(ResponseCode.GENERAL_ERROR)
        answer = self._fire()
        if answer.code == ResponseCode.OK:
            self._events.camera_status(BUSY)
        return answer

    @operation(0x9126)
    def _bulb_end(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer() if self.shutter.let_go() else Answer(ResponseCode.GENERAL_ERROR)

    @operation(0x9117)
    def _transfer_complete(self, parameters: Sequence[int], _data: bytes) -> Answer:
        item = self.objects.get(parameters[0])
        if item is None:
            return Answer(ResponseCode.INVALID_OBJECT_HANDLE)
        if item.storage == _MEMORY:
            self.objects.remove(item.handle)
        return Answer()


def _unpack_value(prop: EosProperty, data: bytes) -> values.EosValue:
    if isinstance(prop.value, tuple):
        (count,) = struct.unpack_from("<I", data)
        files = (struct.unpack_from("<III", data, 8 + 16 * index) for index in range(count))
        return tuple(ImageFormat(*file) for file in files)
    if isinstance(prop.value, str):
        return data.split(b"\0")[0].decode(errors="replace")
    (number,) = struct.unpack_from("<I", data)
    return int(number)


def _pack_entry(item: StoredObject) -> bytes:
    """An entry of GetObjectInfoEx."""
    attributes = 0 if item.is_folder else _FILE_ATTRIBUTE
    head = u32(item.handle) + u32(item.storage) + u32(item.format) + u32(0)
    sizes = u32(attributes) + u32(item.announced_size) + u32(0) * 2
    return head + sizes + item.name.encode()[:15].ljust(16, b"\0") + u32(int(item.taken_at))
