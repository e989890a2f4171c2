"""The files and folders that a simulated body holds, on its card or waiting in its memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["CARD", "FOLDER", "JPEG", "ObjectStore", "StoredObject"]

CARD = 0x00010001
"""Storage id of the card; id 0 stands for the body's memory."""
FOLDER = 0x3001
JPEG = 0x3801

_EVERYWHERE = 0xFFFFFFFF
_ROOT = 0xFFFFFFFF


@dataclass(frozen=True)
class StoredObject:
    """A file or folder.

    Parameters
    ----------
    announced_size : int
        What ObjectInfo says; it differs from ``len(data)`` only where a fault wants it so.
    taken_at : float
        Wall time of the exposure, seconds since the epoch.
    """

    handle: int
    name: str
    format: int = JPEG
    parent: int = 0
    storage: int = CARD
    data: bytes = b""
    width: int = 0
    height: int = 0
    announced_size: int = 0
    taken_at: float = field(default_factory=time.time)

    @property
    def is_folder(self) -> bool:
        """Whether it holds other objects."""
        return self.format == FOLDER


class ObjectStore:
    """Objects by handle. Not thread-safe: the responder's lock guards it."""

    def __init__(self) -> None:
        self._objects: dict[int, StoredObject] = {}
        self._handles = itertools.count(0x10)

    def new_handle(self) -> int:
        """A handle that was never given out before."""
        return next(self._handles)

    def add(self, item: StoredObject) -> int:
        """Keep an object; returns its handle."""
        self._objects[item.handle] = item
        return item.handle

    def add_folder(self, name: str, parent: int = 0) -> int:
        """Make a folder on the card; returns its handle."""
        return self.add(StoredObject(self.new_handle(), name, FOLDER, parent))

    def get(self, handle: int) -> StoredObject | None:
        """The object, or None when there is none."""
        return self._objects.get(handle)

    def remove(self, handle: int) -> bool:
        """Forget an object; False when there was none."""
        return self._objects.pop(handle, None) is not None

    def select(
        self, storage: int = _EVERYWHERE, format_code: int = 0, parent: int = 0
    ) -> Iterator[StoredObject]:
        """The objects that GetObjectHandles asks for: parent 0 means everywhere, 0xFFFFFFFF the root only."""
        for item in self._objects.values():
            if storage not in (_EVERYWHERE, item.storage) or (format_code and format_code != item.format):
                continue
            if parent == 0 or item.parent == (0 if parent == _ROOT else parent):
                yield item
