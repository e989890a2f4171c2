"""PTP datasets: DeviceInfo, StorageInfo, ObjectInfo, DevicePropDesc (ISO 15740, chapter 5)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from hardware_sims.cameras.objects import StoredObject
from hardware_sims.cameras.wire import (
    DataType,
    array16,
    pack_text,
    pack_value,
    u8,
    u16,
    u32,
    u64,
)

__all__ = [
    "DeviceInfo",
    "Property",
    "Range",
    "pack_form",
    "pack_object_info",
    "pack_property",
    "pack_storage_info",
]


@dataclass(frozen=True)
class DeviceInfo:
    """What a body says of itself."""

    manufacturer: str
    model: str
    version: str
    serial: str
    vendor_extension: int
    vendor_description: str
    events: tuple[int, ...]
    properties: tuple[int, ...]
    image_formats: tuple[int, ...]

    def pack(self, operations: Sequence[int]) -> bytes:
        """The dataset, with the operations that the responder offers."""
        standard_version = 100  # PTP 1.00, in hundredths
        return b"".join(
            [
                u16(standard_version),
                u32(self.vendor_extension),
                u16(standard_version),
                pack_text(self.vendor_description),
                u16(0),  # functional mode: standard
                array16(operations),
                array16(self.events),
                array16(self.properties),
                array16(self.image_formats),
                array16((*self.image_formats, 0x3001)),
                pack_text(self.manufacturer),
                pack_text(self.model),
                pack_text(self.version),
                pack_text(self.serial),
            ]
        )


@dataclass(frozen=True)
class Range:
    """The allowed values of a property that is a range."""

    low: int
    high: int
    step: int


@dataclass
class Property:
    """A device property: its type, current value, allowed values, and whether a host may set it.

    Parameters
    ----------
    data_type : DataType
        How it travels.
    value : int or str
        The current value.
    choices : tuple, Range or None
        What is allowed; None when the body does not say.
    writable : bool
        False for what only a dial or the body itself changes.
    """

    data_type: DataType
    value: int | str
    choices: tuple[int, ...] | Range | None = None
    writable: bool = True

    def allows(self, value: int | str) -> bool:
        """Whether a host may set this value."""
        if isinstance(self.choices, Range):
            return isinstance(value, int) and self.choices.low <= value <= self.choices.high
        return self.choices is None or value in self.choices


def pack_property(code: int, prop: Property) -> bytes:
    """A standard DevicePropDesc dataset."""
    head = u16(code) + u16(prop.data_type) + u8(int(prop.writable))
    return head + pack_value(prop.data_type, prop.value) * 2 + pack_form(prop)


def pack_form(prop: Property, repeats: int = 1) -> bytes:
    """The form that closes a property description: none, a range, or an enumeration (`repeats` times)."""
    if prop.choices is None:
        return u8(0)
    if isinstance(prop.choices, Range):
        limits = (prop.choices.low, prop.choices.high, prop.choices.step)
        return u8(1) + b"".join(pack_value(prop.data_type, limit) for limit in limits)
    items = u16(len(prop.choices)) + b"".join(pack_value(prop.data_type, item) for item in prop.choices)
    return u8(2) + items * repeats


def pack_storage_info(capacity_bytes: int, free_bytes: int, shots_left: int) -> bytes:
    """The StorageInfo dataset of a card."""
    removable_ram, hierarchical, read_write = 4, 3, 0
    kind = u16(removable_ram) + u16(hierarchical) + u16(read_write)
    return (
        kind + u64(capacity_bytes) + u64(free_bytes) + u32(shots_left) + pack_text("SD1") + pack_text("SIM")
    )


def pack_object_info(item: StoredObject) -> bytes:
    """The ObjectInfo dataset of a file or folder."""
    taken = time.strftime("%Y%m%dT%H%M%S", time.localtime(item.taken_at))
    return b"".join(
        [
            u32(item.storage),
            u16(item.format),
            u16(0),  # not protected
            u32(item.announced_size),
            u16(0x3808 if item.data else 0),  # thumbnails would be JFIF; none is kept
            u32(0) * 3,
            u32(item.width),
            u32(item.height),
            u32(24),
            u32(item.parent),
            u16(int(item.is_folder)),
            u32(0) * 2,
            pack_text(item.name),
            pack_text(taken),
            pack_text(taken),
            pack_text(""),
        ]
    )
