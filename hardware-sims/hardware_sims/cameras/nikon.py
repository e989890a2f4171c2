"""A Nikon body: standard properties and its own, release into memory or onto the card, live view, lens."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from hardware_sims.cameras import standard_values as values
from hardware_sims.cameras.body import operation
from hardware_sims.cameras.datasets import DeviceInfo, Property, Range
from hardware_sims.cameras.exposure import ExposureSettings, Picture
from hardware_sims.cameras.generic import GenericBody
from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.responder import Answer, ResponseCode
from hardware_sims.cameras.standard_values import Control
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.cameras.wire import DataType, array16, u16, u32

__all__ = ["NikonBody"]

_ISO_AUTO, _EXPOSURE_DELAY, _LONG_EXPOSURE_NR = 0xD054, 0xD06A, 0xD06B
_BRACKETING, _SHUTTER, _RECORDING_MEDIA, _D_LIGHTING = 0xD0C0, 0xD100, 0xD10B, 0xD14E
_AF_MODE, _LIVE_VIEW_STATUS, _LIVE_VIEW_PROHIBITED = 0xD161, 0xD1A2, 0xD1A4
_OWN = (
    _ISO_AUTO, _EXPOSURE_DELAY, _LONG_EXPOSURE_NR, _BRACKETING, _SHUTTER, _RECORDING_MEDIA, _D_LIGHTING,
    _AF_MODE, _LIVE_VIEW_STATUS, _LIVE_VIEW_PROHIBITED,
)  # fmt: skip

_IN_MEMORY = 0xFFFF0001
"""Handle of the oldest picture in memory."""
_MEMORY = 0
_ADDED_IN_MEMORY, _COMPLETE_IN_MEMORY, _CAPTURE_COMPLETE = 0xC101, 0xC102, 0x400D
_TO_CARD, _TO_MEMORY = 0, 1
_LIVE_HEADER = 384
_FRAME_WAIT_S = 0.2
_NEARER, _FARTHER = 1, 2
_LEAST_UNITS, _MOST_UNITS = 3, 32767
"""A drive below the least does nothing but fail: the step is too small for the lens."""
_MANUAL, _SINGLE_AF = 4, 0
_WITH_AUTOFOCUS = 0xFFFFFFFE
_AUTO_ISO_SPEED = 400
"""What the simulated meter picks; any fixed number shows that the set ISO is not the one in use."""
_MIRROR_UM, _EXPOSURE_DELAY_S = 6.0, 1.0
_ON_OFF = Range(0, 1, 1)
"""What is only on or off has a range: libgphoto2 does not know it from a list."""
_EVENTS_KEPT = 256
"""A host that never polls is not to fill the memory."""
_BULB = 0xFFFFFFFF
_BULB_LOOKS_S = 30.0
"""What live view shows at bulb: the longest time that the body knows."""
_FRACTIONS = (
    2, 3, 4, 5, 6, 8, 10, 13, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640,
    800, 1000, 1250, 1600, 2000, 2500, 3200, 4000, 5000, 6400, 8000,
)  # fmt: skip
_WHOLE_S = (1, 2, 3, 4, 5, 6, 8, 10, 13, 15, 20, 25, 30)


class NikonBody(GenericBody):
    """A Nikon body with a lens that it can drive. Parameters as of `GenericBody`.

    Notes
    -----
    The recording media property decides whether `InitiateCapture` writes to the card; Nikon's own releases
    say it themselves. Events are polled for, as over USB.

    libgphoto2 2.5.34 takes a body on PTP/IP for a Nikon by the vendor extension, and asks for all as over
    USB: vendor properties, release into memory (by 0x9207) or onto the card, live view, lens drive, whose end
    of travel is −113. It keeps no file information of pictures in memory, and shows what is only on or off
    when the property has a range.
    """

    codes: ClassVar[dict[str, int]] = {"release": 0x9207, "set": 0x1016, "fetch": 0x1009, "drive": 0x9204}
    raw_format: ClassVar[int] = 0x3000
    stem: ClassVar[str] = "DSC_{:04d}"
    folder: ClassVar[str] = "100ND850"

    def __init__(self, surroundings: Surroundings, *, model: str = "D850", **options: Any) -> None:
        self._waiting: deque[StoredObject] = deque()
        self.mirror_um = 0.0 if model.startswith("Z") else _MIRROR_UM
        self._told: deque[tuple[int, int]] = deque(maxlen=_EVENTS_KEPT)
        self._drive_came_to: int | None = None
        self._to_memory = False
        self._fetched = False
        super().__init__(surroundings, model=model, **options)

    @staticmethod
    def _made() -> tuple[dict[int, Property], dict[str, Control]]:
        """The properties, and what a hand can turn of them."""
        found, controls = values.generic_properties(), values.generic_controls()
        found[values.COMPRESSION] = Property(DataType.UINT8, 2, (0, 1, 2, 4, 5, 6))
        found[values.FOCUS_MODE] = Property(DataType.UINT16, 1, (1, 0x8010, 0x8011, 0x8012), writable=False)
        found[values.STILL_MODE] = Property(DataType.UINT16, 1, (1, 2, 0x8011, 0x8012))
        found[values.EXPOSURE_TIME] = Property(DataType.UINT32, 1250, (*values.TICKS, _BULB))
        found |= {
            _ISO_AUTO: Property(DataType.UINT8, 0, _ON_OFF),
            _EXPOSURE_DELAY: Property(DataType.UINT8, 0, _ON_OFF),
            _LONG_EXPOSURE_NR: Property(DataType.UINT8, 0, _ON_OFF),
            _BRACKETING: Property(DataType.UINT8, 0, _ON_OFF),
            _SHUTTER: Property(DataType.UINT32, _fraction(1, 8), _SHUTTERS),
            _RECORDING_MEDIA: Property(DataType.UINT8, _TO_CARD, (_TO_CARD, _TO_MEMORY)),
            _D_LIGHTING: Property(DataType.UINT8, 4, (0, 1, 2, 3, 4, 5)),
            _AF_MODE: Property(DataType.UINT8, _MANUAL, (_SINGLE_AF, 1, 2, _MANUAL)),
            _LIVE_VIEW_STATUS: Property(DataType.UINT8, 0, (0, 1), writable=False),
            _LIVE_VIEW_PROHIBITED: Property(DataType.UINT32, 0, writable=False),
        }
        controls["image_format"] = Control(values.COMPRESSION, {"jpeg": 2, "raw": 4, "raw+jpeg": 6})
        controls["focus_mode"] = Control(_AF_MODE, {"MF": _MANUAL, "AF": _SINGLE_AF})
        controls["drive_mode"] = Control(values.STILL_MODE, {"single": 1, "continuous": 2, "timer": 0x8011})
        controls["iso_auto"] = Control(_ISO_AUTO, {"off": 0, "on": 1})
        controls["tone_optimizer"] = Control(_D_LIGHTING, {"off": 4, "high": 1, "normal": 2, "auto": 5})
        controls["exposure_delay"] = Control(_EXPOSURE_DELAY, {"off": 0, "on": 1})
        controls["bracketing"] = Control(_BRACKETING, {"off": 0, "on": 1})
        controls["capture_target"] = Control(_RECORDING_MEDIA, {"card": _TO_CARD, "sdram": _TO_MEMORY})
        return found, controls

    def _described(self, model: str) -> DeviceInfo:
        """What the body says of itself: its own properties are asked for with GetVendorPropCodes."""
        standard = tuple(code for code in sorted(self._properties) if code not in _OWN)
        return DeviceInfo(
            manufacturer="Nikon Corporation",
            model=model,
            version="V1.20",
            serial="SIM0000000000000000000000000001",
            vendor_extension=0xA,
            vendor_description="",
            events=(0x4002, 0x4003, 0x4006, 0x400D, _ADDED_IN_MEMORY, _COMPLETE_IN_MEMORY),
            properties=standard,
            image_formats=(0x3801, self.raw_format),
        )

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        shutter, iso = int(self._properties[_SHUTTER].value), int(self._properties[values.ISO].value)
        return replace(
            super().exposure_settings(),
            shutter_s=_BULB_LOOKS_S if shutter == _BULB else (shutter >> 16) / (shutter & 0xFFFF),
            bulb=shutter == _BULB,
            iso=_AUTO_ISO_SPEED if self._properties[_ISO_AUTO].value else iso,
        )

    def tell(self, code: int, parameter: int) -> None:
        """Keep an event until a host polls for it; sent as well, libgphoto2 would take it for two."""
        self._told.append((code, parameter))

    def turn_dial(self, control: str, value: Any) -> None:
        """Turn one of the body's controls; it tells its host."""
        super().turn_dial(control, value)
        if control == "shutter_s":
            self._follow(values.EXPOSURE_TIME)

    def equipment_changed(self) -> None:
        """Tell the host of battery and lens; called with the responder's lock held."""
        super().equipment_changed()
        manual = self._properties[_AF_MODE].value == _MANUAL or self.equipment.lens.switch == "MF"
        self._properties[values.FOCUS_MODE].value = 1 if manual else 0x8010

    @property
    def writes_to_card(self) -> bool:
        """Whether pictures go to the card."""
        return not self._to_memory

    def _follow(self, code: int) -> None:
        """Keep the two shutter times, in ticks and as a fraction, the same."""
        ticks, fraction = self._properties[values.EXPOSURE_TIME], self._properties[_SHUTTER]
        if code == values.EXPOSURE_TIME and ticks.value == _BULB:
            fraction.value = _BULB
        elif code == _SHUTTER and fraction.value == _BULB:
            ticks.value = _BULB
        elif code == values.EXPOSURE_TIME:
            wanted_s = int(ticks.value) / 10_000
            fraction.value = min(_TIMES, key=lambda f: abs((f >> 16) / (f & 0xFFFF) - wanted_s))
        elif code == _SHUTTER:
            raw = int(fraction.value)
            ticks.value = round(10_000 * (raw >> 16) / (raw & 0xFFFF)) or 1

    @operation(0x1016)
    def _set_property(self, parameters: Sequence[int], data: bytes) -> Answer:
        answer = super()._set_property(parameters, data)
        self._follow(parameters[0])
        if parameters[0] == _AF_MODE:
            self.equipment_changed()
        return answer

    def mirror(self) -> tuple[float, float]:
        """Exposure delay raises the mirror and waits until it is still; mirrorless bodies have none."""
        if self._properties[_EXPOSURE_DELAY].value:
            return 0.0, _EXPOSURE_DELAY_S
        return self.mirror_um, 0.0

    # --- Nikon's own operations ---

    @operation(0x90CA)
    def _get_vendor_properties(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer(data=array16(_OWN))

    @operation(0x90C2)
    def _set_control_mode(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return Answer()

    @operation(0x90C7)
    def _check_events(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        told = [self._told.popleft() for _ in range(len(self._told))]
        return Answer(data=u16(len(told)) + b"".join(u16(code) + u32(value) for code, value in told))

    @operation(0x90C8)
    def _is_ready(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        drive = self.equipment.lens.drive
        if self.shutter.is_busy or (drive is not None and drive.is_turning()):
            return Answer(ResponseCode.DEVICE_BUSY)
        came_to, self._drive_came_to = self._drive_came_to, None
        return Answer(came_to or ResponseCode.OK)

    @operation(0x90C0, 0x90CB)
    def _capture_into_memory(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._to_memory = True
        return self._fire()

    @operation(0x9207)
    def _capture_into(self, parameters: Sequence[int], _data: bytes) -> Answer:
        """Release into memory (1) or onto the card (0), with autofocus first (0xFFFFFFFE) or without."""
        if parameters[0] == _WITH_AUTOFOCUS:
            self._autofocus()
        self._to_memory = len(parameters) > 1 and parameters[1] == _TO_MEMORY
        return self._fire()

    @operation(0x920C)
    def _terminate_capture(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        """Close the shutter at bulb; ready again when the picture is read out."""
        return Answer() if self.shutter.let_go() else Answer(ResponseCode.NIKON_INVALID_STATUS)

    @operation(0x100E)
    def _initiate_capture(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._to_memory = self._properties[_RECORDING_MEDIA].value == _TO_MEMORY
        return self._fire()

    @operation(0x90C1)
    def _focus(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self._autofocus()
        return Answer()

    def _autofocus(self) -> None:
        if self._properties[_AF_MODE].value != _MANUAL:
            self.equipment.lens.autofocus()

    def offer(self, picture: Picture) -> None:
        """Write a picture to the card, or keep it in memory for the host."""
        if not self._to_memory:
            self.write_files(picture)
            self.tell(_CAPTURE_COMPLETE, 0)
            return
        if self._fetched and self._waiting:  # the last one of an earlier release stays until then
            self._drop_fetched()
        times = 2 if self.faults.take_duplicate() else 1
        files = [file for file in self.files_of(picture) for _ in range(times)]
        for file in files:
            self._waiting.append(self.stored(picture, file, handle=_IN_MEMORY, storage=_MEMORY))
        added = [partial(self.tell, _ADDED_IN_MEMORY, _IN_MEMORY)] * len(files)
        self.announce([*added, partial(self.tell, _COMPLETE_IN_MEMORY, 0)])
        self.equipment_changed()

    def find(self, handle: int) -> StoredObject | None:
        """The object behind a handle: pictures in memory share one and take turns."""
        if handle != _IN_MEMORY:
            return super().find(handle)
        if self._fetched and len(self._waiting) > 1:
            self._drop_fetched()
        return self._waiting[0] if self._waiting else None

    def _drop_fetched(self) -> None:
        self._waiting.popleft()
        self._fetched = False

    @operation(0x1009)
    def _get_object(self, parameters: Sequence[int], data: bytes) -> Answer:
        answer = super()._get_object(parameters, data)
        self._fetched = parameters[0] == _IN_MEMORY or self._fetched
        return answer

    @operation(0x100B)
    def _delete_object(self, parameters: Sequence[int], data: bytes) -> Answer:
        if parameters[0] != _IN_MEMORY:
            return super()._delete_object(parameters, data)
        if self._waiting:
            self._drop_fetched()
        return Answer()

    # --- live view and lens ---

    @operation(0x9201)
    def _start_live_view(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self.live.switch(on=True)
        self._properties[_LIVE_VIEW_STATUS].value = 1
        return Answer()

    @operation(0x9202)
    def _end_live_view(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        self.end_live_view()
        return Answer()

    def end_live_view(self) -> None:
        """Show no live view any more; called with the responder's lock held."""
        super().end_live_view()
        self._properties[_LIVE_VIEW_STATUS].value = 0

    @operation(0x9203)
    def _get_live_image(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        if not self.live.is_on:
            return Answer(ResponseCode.NIKON_NOT_LIVE_VIEW)
        return Answer(later=self._live_frame)

    def _live_frame(self) -> Answer:
        frame = self.live.take(_FRAME_WAIT_S)
        if frame is None:
            return Answer(ResponseCode.DEVICE_BUSY)
        return Answer(data=bytes(_LIVE_HEADER) + frame)

    @operation(0x9204)
    def _drive_lens(self, parameters: Sequence[int], _data: bytes) -> Answer:
        """Nearer (1) or farther (2) by so many units; how it ended is told when the body is ready again."""
        direction, units = parameters[:2]
        if not self.live.is_on:
            return Answer(ResponseCode.NIKON_NOT_LIVE_VIEW)
        if direction not in (_NEARER, _FARTHER) or units > _MOST_UNITS:
            return Answer(ResponseCode.INVALID_PARAMETER)
        self.schedule.count()
        if units < _LEAST_UNITS:
            self._drive_came_to = ResponseCode.NIKON_MF_DRIVE_STEP_INSUFFICIENCY
            return Answer()
        travelled = self.equipment.lens.turn(units if direction == _NEARER else -units)
        if travelled is None:
            return Answer(ResponseCode.NIKON_INVALID_STATUS)
        if travelled.at_end:
            self._drive_came_to = ResponseCode.NIKON_MF_DRIVE_STEP_END
        return Answer()


def _fraction(numerator: int, denominator: int) -> int:
    return numerator << 16 | denominator


_TIMES = tuple(_fraction(1, d) for d in reversed(_FRACTIONS)) + tuple(_fraction(s, 1) for s in _WHOLE_S)
_SHUTTERS = (*_TIMES, _BULB)
