"""A Sony Alpha body: the SDIO operations, in the newer protocol (mode 3) and the older, step-wise mode 2."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from hardware_sims.cameras import sony_values as values
from hardware_sims.cameras.body import Body, operation
from hardware_sims.cameras.datasets import DeviceInfo, Property, pack_form
from hardware_sims.cameras.exposure import BodyTiming, ExposureSettings, Picture, World
from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.responder import Answer, ResponseCode
from hardware_sims.cameras.wire import DataType, array16, pack_value, u8, u16, u32, unpack_value
from hardware_sims.clock import SimClock

__all__ = ["SonyAlpha"]

_PICTURE = 0xFFFFC001
"""The handle under which the oldest picture in memory is fetched."""
_EVENT_OBJECT_ADDED, _EVENT_PROPERTY_CHANGED = 0xC201, 0xC203
_READY = 0x8000
"""Added to the count of pictures in memory once they may be fetched."""
_PRESSED = 2


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

    def __init__(
        self,
        world: World,
        clock: SimClock,
        timing: BodyTiming,
        *,
        model: str = "ILCE-7RM5",
        mode: int = 3,
        initial: Mapping[str, Any] | None = None,
        physical_dial: bool = False,
        manual_lens_f_number: float | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
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
        info = DeviceInfo(
            manufacturer="Sony Corporation",
            model=model,
            version="3.0",
            serial="SIM00000000000003282933003700001",
            vendor_extension=0x11,
            vendor_description="Sony PTP Extensions",
            events=(0x4002, 0x4003, 0x400D, _EVENT_OBJECT_ADDED, 0xC202, _EVENT_PROPERTY_CHANGED),
            properties=(values.WHITE_BALANCE, values.F_NUMBER),
            image_formats=(0x3801,),
        )
        super().__init__(info, world, clock, timing, host=host, port=port)

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        return values.exposure_settings(self._properties, self._manual_f_number)

    def offer(self, picture: Picture) -> None:
        """Put a picture into memory.

        The events go out before the count rises: libgphoto2 leaves its wait as soon as the count says ready,
        and would take an ObjectAdded that comes later for the next shot's.
        """
        name = f"DSC{picture.number:05d}.JPG"
        self._waiting.append(self.stored(picture, name, handle=_PICTURE))
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, values.OBJECTS_IN_MEMORY)
        self.responder.send_event(_EVENT_OBJECT_ADDED, _PICTURE)
        self._count_memory()

    def find(self, handle: int) -> StoredObject | None:
        """The object behind a handle: pictures in memory share one."""
        if handle == _PICTURE:
            return self._waiting[0] if self._waiting else None
        return super().find(handle)

    def _count_memory(self) -> None:
        count = len(self._waiting)
        self._properties[values.OBJECTS_IN_MEMORY].value = _READY + count if count else 0

    @operation(0x1009)
    def _get_object(self, parameters: Sequence[int], data: bytes) -> Answer:
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
        body = b"".join(self._describe(code, prop) for code, prop in self._properties.items())
        if self._mode == 2:  # older bodies list their controls too
            body += b"".join(
                u16(code) + u16(kind) + u8(0x81) + u8(1) + pack_value(kind, 0) * 2 + u8(0)
                for code, kind in values.CONTROLS.items()
            )
        return Answer(data=u32(len(self._properties)) + u32(0) + body)

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
        self._put(parameters[0], value)
        return Answer()

    def _put(self, code: int, value: int | str) -> None:
        self._properties[code].value = value
        self.responder.send_event(_EVENT_PROPERTY_CHANGED, code)

    @operation(0x9207)
    def _control(self, parameters: Sequence[int], data: bytes) -> Answer:
        code = parameters[0]
        if self._mode == 2 and code in values.STEPPED:
            return self._step(code, int(unpack_value(DataType.INT8, data)))
        if code not in values.CONTROLS:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        value = unpack_value(values.CONTROLS[code], data)
        if code == values.FULL_RELEASE and value == _PRESSED and not self._release():
            return Answer(ResponseCode.DEVICE_BUSY)
        return Answer()

    def _step(self, code: int, steps: int) -> Answer:
        choices = values.STEPPED[code]
        index = choices.index(int(self._properties[code].value)) + steps
        self._put(code, choices[min(max(index, 0), len(choices) - 1)])
        return Answer()
