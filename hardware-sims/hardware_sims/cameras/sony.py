"""A Sony Alpha body: the SDIO operations, in the newer protocol (mode 3) and the older, step-wise mode 2."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hardware_sims.cameras import sony_values as values
from hardware_sims.cameras.body import Body, operation
from hardware_sims.cameras.datasets import DeviceInfo, Property, pack_form, pack_object_info
from hardware_sims.cameras.exposure import ExposureSettings, Picture
from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.responder import Answer, ResponseCode
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.cameras.wire import DataType, array16, pack_value, u8, u16, u32, unpack_value

__all__ = ["SonyAlpha"]

_PICTURE = 0xFFFFC001
"""The handle under which the oldest picture in memory is fetched."""
_EVENT_OBJECT_ADDED, _EVENT_PROPERTY_CHANGED = 0xC201, 0xC203
_READY = 0x8000
"""Added to the count of pictures in memory once they may be fetched."""
_PRESSED = 2
_MEMORY = 0
"""Storage id of pictures that wait for the host."""
_LIVE_VIEW = 0xFFFFC002
_FRAME_AT = 136
"""Where the JPEG begins in a live-view object."""
_FRAME_WAIT_S = 0.2
"""Real seconds that the body lets a host wait for a fresh frame: more than one takes at 15 fps."""
_STEP_UNITS = (2, 6, 16, 40, 80, 140, 240)
"""Motor units of the steps 1 to 7."""
_LARGEST_STEP = 7
_MODELS = {3: "ILCE-7RM5", 2: "ILCE-7RM2"}


class SonyAlpha(Body):
    """An ILCE body.

    Parameters
    ----------
    mode : {3, 2}
        The protocol: 3 sets values directly, 2 steps shutter, aperture and ISO up and down.
    initial : mapping
        The state at power-on: see `sony_values.INITIAL`.
    physical_dial : bool
        The exposure mode is a dial on top of the body: a host can read but not set it.
    manual_lens_f_number : float, optional
        The lens has no contacts and is stopped down to this by hand; the body knows no f-number.
    """

    codes: ClassVar[dict[str, int]] = {"release": 0x9207, "set": 0x9205, "fetch": 0x1009, "drive": 0x9207}
    raw_format: ClassVar[int] = 0xB101
    stem: ClassVar[str] = "DSC{:05d}"

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        model: str | None = None,
        mode: int = 3,
        initial: Mapping[str, Any] | None = None,
        physical_dial: bool = False,
        manual_lens_f_number: float | None = None,
    ) -> None:
        if mode not in (2, 3):
            raise ValueError(f"a Sony body speaks mode 2 or 3, not {mode}")
        self._mode = mode
        self._properties = values.properties(mode, physical_dial=physical_dial)
        values.apply_initial(self._properties, initial or {})
        self._manual_f_number = manual_lens_f_number
        if manual_lens_f_number is not None:
            values.mount_manual_lens(self._properties)
        self._waiting: deque[StoredObject] = deque()
        self._shown: bytes | None = None
        info = DeviceInfo(
            manufacturer="Sony Corporation",
            model=model or _MODELS[mode],
            version="3.0",
            serial="SIM00000000000003282933003700001",
            vendor_extension=0x11,
            vendor_description="Sony PTP Extensions",
            events=(0x4002, 0x4003, 0x400D, _EVENT_OBJECT_ADDED, 0xC202, _EVENT_PROPERTY_CHANGED),
            properties=(values.WHITE_BALANCE, values.F_NUMBER),
            image_formats=(0x3801, self.raw_format),
        )
        super().__init__(info, surroundings)
        self._folder = self.objects.add_folder("100MSDCF", self.objects.add_folder("DCIM"))
        self.equipment_changed()

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        return values.exposure_settings(self._properties, self._manual_f_number)

    @property
    def writes_to_card(self) -> bool:
        """Whether pictures go to the card, only or as well."""
        return self._properties[values.CAPTURE_TARGET].value in (values.TO_CARD, values.TO_BOTH)

    def turn_dial(self, control: str, value: Any) -> None:
        """Turn one of the controls of `sony_values.INITIAL`; the body tells its host."""
        code = values.put(self._properties, control, value)
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, code)

    def equipment_changed(self) -> None:
        """Tell the host of battery and lens; called with the responder's lock held."""
        self._properties[values.BATTERY].value = self.equipment.battery.shown
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, values.BATTERY)

    def offer(self, picture: Picture) -> None:
        """Put a picture into memory, or onto the card, or both.

        The events go out before the count rises: libgphoto2 leaves its wait as soon as the count says ready,
        and would take an ObjectAdded that comes later for the next shot's.
        """
        files = self.files_of(picture)
        self.note_size(files)
        target = self._properties[values.CAPTURE_TARGET].value
        late_s = self.faults.take_late_event_s()
        times = 2 if self.faults.take_duplicate() else 1
        for file in files:
            if target in (values.TO_CARD, values.TO_BOTH):
                handle = self.objects.new_handle()
                self.objects.add(self.stored(picture, file, handle=handle, parent=self._folder))
            for _ in range(times if target in (values.TO_MEMORY, values.TO_BOTH) else 0):
                self._waiting.append(self.stored(picture, file, handle=_PICTURE, storage=_MEMORY))
        self.equipment_changed()
        if target == values.TO_CARD:
            return
        if late_s:
            self._count_memory()
            timer = threading.Timer(late_s, self._announce, (times * len(files),))
            timer.daemon = True
            timer.start()
        else:
            self._announce(times * len(files))
            self._count_memory()

    def _announce(self, files: int) -> None:
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, values.OBJECTS_IN_MEMORY)
        for _ in range(files):
            self.responder.send_event(_EVENT_OBJECT_ADDED, _PICTURE)

    def find(self, handle: int) -> StoredObject | None:
        """The object behind a handle: pictures in memory share one."""
        if handle == _PICTURE:
            return self._waiting[0] if self._waiting else None
        return super().find(handle)

    @operation(0x1008)
    def _get_object_info(self, parameters: Sequence[int], data: bytes) -> Answer:
        if parameters[0] != _LIVE_VIEW:
            return super()._get_object_info(parameters, data)
        return Answer(later=self._live_info)

    def _live_info(self) -> Answer:
        item = self._live_view()
        if item is None:
            return Answer(ResponseCode.ACCESS_DENIED)
        self._shown = item.data[_FRAME_AT:]
        return Answer(data=pack_object_info(item))

    def _live_object(self) -> Answer:
        item = self._live_view()
        return Answer(ResponseCode.ACCESS_DENIED) if item is None else Answer(data=item.data)

    def _live_view(self) -> StoredObject | None:
        if not self.live.is_on:  # nobody switches it on: it is there when it is asked for
            self.live.switch(on=True)
        # A host asks what the object is and then for the object itself: both times for the same frame.
        frame, self._shown = self._shown or self.live.take(_FRAME_WAIT_S), None
        if frame is None:
            return None
        data = u32(_FRAME_AT) + u32(len(frame)) + bytes(_FRAME_AT - 8) + frame
        return StoredObject(_LIVE_VIEW, "liveview.jpg", storage=_MEMORY, data=data, announced_size=len(data))

    def _count_memory(self) -> None:
        count = len(self._waiting)
        self._properties[values.OBJECTS_IN_MEMORY].value = _READY + count if count else 0

    @operation(0x1009)
    def _get_object(self, parameters: Sequence[int], data: bytes) -> Answer:
        if parameters[0] == _LIVE_VIEW:
            return Answer(later=self._live_object)
        answer = super()._get_object(parameters, data)
        if parameters[0] == _PICTURE and self._waiting:
            self._waiting.popleft()
            self._count_memory()
        return answer

    @operation(0x9201)
    def _connect(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=bytes(8))

    @operation(0x9202)
    def _get_extended_device_info(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        version = 0x12C if self._mode == 3 else 0xC8
        controls = [*values.CONTROLS, _EVENT_OBJECT_ADDED, _EVENT_PROPERTY_CHANGED]
        return Answer(data=u16(version) + array16(sorted(self._properties)) + array16(controls))

    @operation(0x9209)
    def _get_all_properties(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._read_lens()
        body = b"".join(self._describe(code, prop) for code, prop in self._properties.items())
        if self._mode == 2:  # older bodies list their controls too
            body += b"".join(
                u16(code) + u16(kind) + u8(0x81) + u8(1) + pack_value(kind, 0) * 2 + u8(0)
                for code, kind in values.CONTROLS.items()
            )
        return Answer(data=u32(len(self._properties)) + u32(0) + body)

    def _read_lens(self) -> None:
        """Bring what the lens itself tells up to date."""
        if values.FOCUS_POSITION not in self._properties:
            return
        drive = self.equipment.lens.drive
        position = 50 if drive is None else round(100 * (1.0 - drive.share_of_travel(self._clock.now())))
        self._properties[values.FOCUS_POSITION].value = position
        self._properties[values.FOCUS_ENABLED].value = int(self._may_drive())

    def _may_drive(self) -> bool:
        manual = self._properties[values.FOCUS_MODE].value == values.MANUAL_FOCUS
        return manual and self.equipment.lens.drive is not None and self.equipment.lens.switch == "AF"

    def _describe(self, code: int, prop: Property) -> bytes:
        writable = prop.writable and not (self._mode == 2 and code in values.STEPPED)
        head = u16(code) + u16(prop.data_type) + u8(int(writable)) + u8(1)
        # Newer bodies send every enumeration twice: what may be set, and what may be read.
        form = pack_form(prop, repeats=2 if self._mode == 3 else 1)
        return head + pack_value(prop.data_type, prop.value) * 2 + form

    @operation(0x9205)
    def _set_property(self, parameters: Sequence[int], data: bytes) -> Answer:
        prop = self._properties.get(parameters[0])
        if prop is None:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        if not prop.writable or (self._mode == 2 and parameters[0] in values.STEPPED):
            return Answer(ResponseCode.ACCESS_DENIED)
        value = unpack_value(prop.data_type, data)
        if not prop.allows(value):
            return Answer(ResponseCode.INVALID_PROPERTY_VALUE)
        self.schedule.count()
        self._put(parameters[0], value)
        return Answer()

    def _put(self, code: int, value: int | str) -> None:
        if not self.faults.take_ignored_set():
            self._properties[code].value = value
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, code)

    @operation(0x9207)
    def _control(self, parameters: Sequence[int], data: bytes) -> Answer:
        code = parameters[0]
        if self._mode == 2 and code in values.STEPPED:
            return self._step(code, int(unpack_value(DataType.INT8, data)))
        if code not in values.CONTROLS:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        value = int(unpack_value(values.CONTROLS[code], data))
        if code == values.FULL_RELEASE and value == _PRESSED:
            return self._fire()
        if code == values.STILL_IMAGE and value == _PRESSED and self.exposure_settings().bulb:
            return self._fire()
        if code == values.FULL_RELEASE:
            self.shutter.let_go()
        if code == values.FOCUS_DRIVE and value:
            return self._drive_lens(value)
        if code == values.HALF_RELEASE and value == _PRESSED:
            self._autofocus()
        return Answer()

    def _drive_lens(self, value: int) -> Answer:
        """Drive by -7 to 7, nearer with negative numbers."""
        if abs(value) > _LARGEST_STEP:
            return Answer(ResponseCode.INVALID_PROPERTY_VALUE)
        if self._properties[values.FOCUS_MODE].value != values.MANUAL_FOCUS:
            return Answer(ResponseCode.ACCESS_DENIED)
        self.schedule.count()
        if self._may_drive():
            units = self.equipment.lens.units_of(abs(value), _STEP_UNITS)
            self.equipment.lens.turn(units if value < 0 else -units)
            self.responder.send_event(_EVENT_PROPERTY_CHANGED, values.FOCUS_POSITION)
        return Answer()

    def _autofocus(self) -> None:
        if self._properties[values.FOCUS_MODE].value != values.MANUAL_FOCUS:
            self.equipment.lens.autofocus()

    def _step(self, code: int, steps: int) -> Answer:
        choices = values.STEPPED[code]
        index = choices.index(int(self._properties[code].value)) + steps
        self._put(code, choices[min(max(index, 0), len(choices) - 1)])
        return Answer()
