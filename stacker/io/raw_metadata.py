"""What a RAW file says about itself: perhaps nothing, since LibRaw reads bodies that exiv2 does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import exiv2

from stacker.errors import DataError
from stacker.frames import FrameMetadata
from stacker.io.metadata import read_metadata, told

__all__ = ["camera_of", "read_raw_metadata"]


def read_raw_metadata(source: bytes | Path, name: str) -> FrameMetadata:
    """EXIF and XMP of a RAW file, without a profile; empty where there is none that can be read."""
    try:
        return replace(read_metadata(source, name), icc=None)
    except DataError:
        return FrameMetadata()


def camera_of(source: bytes | Path) -> str:
    """Maker and model of the body; "an unknown body" where nothing tells."""
    try:
        image = exiv2.ImageFactory.open(source if isinstance(source, bytes) else str(source))
        image.readMetadata()
        make, model = (told(image.exifData(), f"Exif.Image.{tag}") for tag in ("Make", "Model"))
    except exiv2.Exiv2Error:
        return "an unknown body"
    return (model if model.startswith(make) else f"{make} {model}").strip() or "an unknown body"
