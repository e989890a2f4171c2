"""A body that knows standard PTP only: device properties, InitiateCapture, a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from hardware_sims.cameras import standard_values as values
from hardware_sims.cameras.body import Body, operation
from hardware_sims.cameras.datasets import DeviceInfo, Property, pack_property
from hardware_sims.cameras.exposure import ExposureSettings, Picture
from hardware_sims.cameras.responder import Answer, ResponseCode
from hardware_sims.cameras.standard_values import Control
from hardware_sims.cameras.surroundings import Surroundings
from hardware_sims.cameras.wire import pack_value, unpack_value

__all__ = ["GenericBody"]

_EVENT_OBJECT_ADDED, _EVENT_PROPERTY_CHANGED = 0x4002, 0x4006
_EVENT_CAPTURE_COMPLETE = 0x400D


class GenericBody(Body):
    """A body without vendor extension. Every picture goes to the card; standard PTP has no live view.

    Parameters
    ----------
    initial : mapping
        The state at power-on: see `standard_values.generic_controls`.
    physical_dial : bool
        The exposure mode is a dial on top of the body: a host can read but not set it.
    manual_lens_f_number : float, optional
        The lens has no contacts and is stopped down to this by hand; the body knows no f-number.
    """

    codes: ClassVar[dict[str, int]] = {"release": 0x100E, "set": 0x1016, "fetch": 0x1009}
    folder: ClassVar[str] = "100SIMUL"

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        model: str = "Generic PTP/IP body",
        initial: Mapping[str, Any] | None = None,
        physical_dial: bool = False,
        manual_lens_f_number: float | None = None,
    ) -> None:
        self._properties, self._controls = self._made()
        self._properties[values.EXPOSURE_MODE].writable = not physical_dial
        for key, value in (initial or {}).items():
            values.put(self._properties, self._controls, key, value)
        self._manual_f_number = manual_lens_f_number
        if manual_lens_f_number is not None:
            self._properties[values.F_NUMBER].value = 0
            self._properties[values.F_NUMBER].choices = ()
        super().__init__(self._described(model), surroundings)
        self._folder = self.objects.add_folder(self.folder, self.objects.add_folder("DCIM"))
        self.equipment_changed()

    @staticmethod
    def _made() -> tuple[dict[int, Property], dict[str, Control]]:
        """The properties, and what a hand can turn of them."""
        return values.generic_properties(), values.generic_controls()

    def _described(self, model: str) -> DeviceInfo:
        """What the body says of itself."""
        return DeviceInfo(
            manufacturer="Simulated",
            model=model,
            version="1.0",
            serial="SIM0000000000000000000000000001",
            vendor_extension=0,
            vendor_description="",
            events=(_EVENT_OBJECT_ADDED, 0x4003, _EVENT_PROPERTY_CHANGED, _EVENT_CAPTURE_COMPLETE),
            properties=tuple(sorted(self._properties)),
            image_formats=(0x3801, self.raw_format),
        )

    def exposure_settings(self) -> ExposureSettings:
        """What the next exposure will use."""
        formats = self._controls["image_format"].words
        return values.exposure_settings(self._properties, formats, self._manual_f_number)

    def turn_dial(self, control: str, value: Any) -> None:
        """Turn one of the body's controls; it tells its host."""
        code = values.put(self._properties, self._controls, control, value)
        self.tell(_EVENT_PROPERTY_CHANGED, code)

    def equipment_changed(self) -> None:
        """Tell the host of the battery; called with the responder's lock held."""
        self._properties[values.BATTERY].value = self.equipment.battery.shown
        self.tell(_EVENT_PROPERTY_CHANGED, values.BATTERY)

    def tell(self, code: int, parameter: int) -> None:
        """Tell hosts of an event."""
        self.responder.send_event(code, parameter)

    def offer(self, picture: Picture) -> None:
        """Write a picture to the card."""
        self.write_files(picture)
        self.tell(_EVENT_CAPTURE_COMPLETE, 0)

    def write_files(self, picture: Picture) -> None:
        """Write a picture to the card and tell of its files."""
        files = self.files_of(picture)
        self.note_size(files)
        times = 2 if self.faults.take_duplicate() else 1
        events: list[Callable[[], None]] = []
        for file in files:
            handle = self.objects.new_handle()
            self.objects.add(self.stored(picture, file, handle=handle, parent=self._folder))
            events += [partial(self.tell, _EVENT_OBJECT_ADDED, handle)] * times
        self.announce(events)
        self.equipment_changed()

    @operation(0x1014)
    def _describe_property(self, parameters: Sequence[int], _data: bytes) -> Answer:
        prop = self._properties.get(parameters[0])
        if prop is None:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        return Answer(data=pack_property(parameters[0], prop))

    @operation(0x1015)
    def _get_property(self, parameters: Sequence[int], _data: bytes) -> Answer:
        prop = self._properties.get(parameters[0])
        if prop is None:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        return Answer(data=pack_value(prop.data_type, prop.value))

    @operation(0x1016)
    def _set_property(self, parameters: Sequence[int], data: bytes) -> Answer:
        code = parameters[0]
        prop = self._properties.get(code)
        if prop is None:
            return Answer(ResponseCode.PROPERTY_NOT_SUPPORTED)
        if not prop.writable:
            return Answer(ResponseCode.ACCESS_DENIED)
        value = unpack_value(prop.data_type, data)
        if not prop.allows(value):
            return Answer(ResponseCode.INVALID_PROPERTY_VALUE)
        self.schedule.count()
        if not self.faults.take_ignored_set():
            prop.value = value
        self.tell(_EVENT_PROPERTY_CHANGED, code)
        return Answer()

    @operation(0x100E)
    def _initiate_capture(self, _parameters: Sequence[int], _data: bytes) -> Answer:
        return self._fire()
