"""The EOS event stream: records of ``length | code | body`` that a host polls for with GetEvent, 0x9116."""

from __future__ import annotations

from hardware_sims.cameras.canon_values import EosProperty, ImageFormat
from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.wire import u32

__all__ = ["EventStream"]

_PROPERTY_VALUE, _PROPERTY_CHOICES, _CAMERA_STATUS = 0xC189, 0xC18A, 0xC18B
_OBJECT_ADDED_ON_CARD, _TRANSFER_REQUESTED = 0xC1A7, 0xC1A9
_LIST_OF_WORDS = 3
_END = u32(8) + u32(0)

BUSY, IDLE = 1, 0


class EventStream:
    """Records waiting for the host. Not thread-safe: the responder's lock guards it."""

    def __init__(self) -> None:
        self._records: list[bytes] = []

    def drain(self) -> bytes:
        """Everything since the last poll, closed by the end record."""
        data = b"".join(self._records) + _END
        self._records.clear()
        return data

    def property_value(self, code: int, prop: EosProperty) -> None:
        """Tell of a property's value."""
        self._add(_PROPERTY_VALUE, u32(code) + _pack_value(prop.value))

    def property_choices(self, code: int, prop: EosProperty) -> None:
        """Tell of what a property may be set to; must follow its value."""
        if prop.choices is None:
            return
        items = b"".join(_pack_value(choice) for choice in prop.choices)
        self._add(_PROPERTY_CHOICES, u32(code) + u32(_LIST_OF_WORDS) + u32(len(prop.choices)) + items)

    def camera_status(self, status: int) -> None:
        """Tell whether the body is busy with a capture."""
        self._add(_CAMERA_STATUS, u32(status))

    def transfer_requested(self, item: StoredObject) -> None:
        """Offer a picture in memory (RequestObjectTransfer64)."""
        head = u32(item.handle) + u32(item.format) + u32(0) + u32(item.announced_size) + u32(0)
        self._add(_TRANSFER_REQUESTED, head + item.name.encode() + bytes(4))

    def object_added(self, item: StoredObject) -> None:
        """Tell of a picture that was written to the card (ObjectAddedEx64)."""
        head = u32(item.handle) + u32(item.storage) + u32(item.format) + u32(0) * 2
        size = u32(item.announced_size) + u32(0)
        self._add(
            _OBJECT_ADDED_ON_CARD,
            head + size + u32(item.parent) + u32(item.handle) + item.name.encode() + bytes(4),
        )

    def _add(self, code: int, body: bytes) -> None:
        self._records.append(u32(8 + len(body)) + u32(code) + body)


def _pack_value(value: int | str | bytes | tuple[ImageFormat, ...]) -> bytes:
    if isinstance(value, int):
        return u32(value)
    if isinstance(value, str):
        return value.encode() + bytes(4 - len(value) % 4)
    if isinstance(value, tuple):
        files = (u32(0x10) + u32(f.kind) + u32(f.size) + u32(f.compression) for f in value)
        return u32(len(value)) + b"".join(files)
    return value or u32(20) + bytes(16)
