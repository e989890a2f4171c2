"""What the photographer's programs have written beside a frame: rating, keywords, places, copyright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exiv2

from stacker.frames import FrameMetadata
from stacker.io.metadata import changed, make_room
from stacker.io.raw_names import RAW_SUFFIXES
from stacker.io.stack_xmp import PREFIX, SIDECAR_SUFFIX
from stacker.io.stale import STALE_XMP

__all__ = ["is_there", "with_sidecar"]

_NOT_TAKEN = (*STALE_XMP, f"Xmp.{PREFIX}.")
"""What is not so of a result, and what is said of it anew."""


def with_sidecar(metadata: FrameMetadata, frame: Path) -> FrameMetadata:
    """A frame's metadata with the XMP of its sidecar, which goes before what is in the file.

    ``beetle.xmp`` belongs to a RAW file ``beetle.arw``, as Adobe and Capture One have it;
    ``beetle.arw.xmp`` and ``beetle.jpg.xmp`` to those, as darktable and digiKam have it. One that cannot be
    read is passed over: the frame is what is stacked.
    """
    names = [frame.with_name(frame.name + SIDECAR_SUFFIX)]
    if frame.suffix.lower() in RAW_SUFFIXES:
        names.append(frame.with_suffix(SIDECAR_SUFFIX))
    file = next(filter(is_there, names), None)
    if file is None:
        return metadata
    try:
        image = exiv2.ImageFactory.open(str(file))
        image.readMetadata()
    except exiv2.Exiv2Error:
        return metadata

    def take(exif: Any, xmp: Any, iptc: Any) -> None:  # noqa: ARG001
        for datum in image.xmpData():
            if not datum.key().startswith(_NOT_TAKEN):
                xmp[datum.key()] = datum.value()
        make_room(exif, xmp)

    return changed(metadata, take)


def is_there(file: Path) -> bool:
    """Whether there is a file of that name; no where the name is too long, as a frame's becomes with another
    ending.
    """
    try:
        return file.is_file()
    except OSError:
        return False
