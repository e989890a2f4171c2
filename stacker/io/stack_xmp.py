"""What we say in XMP of a stack and of its frames, in a namespace of our own; see docs/metadata.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import exiv2

from stacker.errors import DataError
from stacker.frames import FrameMetadata

__all__ = [
    "NAMESPACE",
    "PREFIX",
    "SIDECAR_SUFFIX",
    "Fact",
    "Facts",
    "facts_in",
    "is_our_sidecar",
    "put_facts",
    "reason_of",
    "says_simulated",
    "sidecar_text",
    "with_facts",
    "write_frame_sidecar",
    "xmp_packet",
]

NAMESPACE = "urn:uuid:5f0d4f5e-3c1b-4f0e-9a52-7d1f8f2c6a3b#"
"""Names the namespace and leads nowhere: no domain has to be ours for as long as there are pictures."""

PREFIX = "focusrig"

SIDECAR_SUFFIX = ".xmp"

Fact = str | int | float | bool | tuple[float, ...]
"""A value of one of our properties; a tuple is an ordered array (Seq)."""

Facts = Mapping[str, Fact]
"""Values by the names of our properties; numbers in the unit that the name ends in."""

_KEY = f"Xmp.{PREFIX}."

exiv2.XmpProperties.registerNs(NAMESPACE, PREFIX)


def put_facts(xmp: Any, facts: Facts, beside: bool = False) -> None:
    """Write facts into XMP data of exiv2.

    Parameters
    ----------
    xmp : exiv2.XmpData
        Is changed.
    facts : mapping of str to value
        By name.
    beside : bool
        Keep what there is of our namespace; otherwise it goes, being of another picture.
    """
    position = xmp.begin()
    while position != xmp.end() and not beside:
        if position.key().startswith(_KEY):
            position = xmp.erase(position)
        else:
            next(position)
    for name, value in facts.items():
        if isinstance(value, tuple):
            array = exiv2.XmpArrayValue(exiv2.TypeId.xmpSeq)
            for number in value:
                array.read(_told(number))
            xmp[_KEY + name] = array
        else:
            xmp[_KEY + name] = exiv2.XmpTextValue(_told(value))


def facts_in(xmp: Any) -> dict[str, str]:
    """What XMP data say in our namespace, by name; arrays with a comma between their items."""
    return {datum.key().removeprefix(_KEY): datum.toString() for datum in xmp if datum.key().startswith(_KEY)}


def says_simulated(xmp: Any) -> bool:
    """Whether XMP data say that no real camera took the picture."""
    found = xmp.findKey(exiv2.XmpKey(_KEY + "Simulated"))
    return bool(found != xmp.end() and found.toString() == "True")


def with_facts(metadata: FrameMetadata, facts: Facts, beside: bool = False) -> FrameMetadata:
    """The same metadata with other facts, or with more; see `put_facts`."""
    from stacker.io.metadata import changed

    return changed(metadata, lambda exif, xmp, iptc: put_facts(xmp, facts, beside))  # noqa: ARG005


def sidecar_text(metadata: FrameMetadata) -> str:
    """XMP of a picture as the text of a sidecar."""
    from stacker.io.metadata import unpacked

    return xmp_packet(unpacked(metadata)[1])


def write_frame_sidecar(path: Path | str, facts: Facts) -> None:
    """Write the sidecar of a frame, complete or not at all.

    Parameters
    ----------
    path : Path or str
        Where to; the sidecar of ``beetle_0001.arw`` is ``beetle_0001.xmp``.
    facts : mapping of str to value
        By the names of docs/metadata.md.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    from stacker.io.atomic import write_text

    xmp = exiv2.XmpData()
    put_facts(xmp, facts)
    write_text(Path(path), xmp_packet(xmp))


def is_our_sidecar(path: Path) -> bool:
    """Whether a sidecar is of a stacked picture; one of a frame, which `rig` writes, is not."""
    try:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        return "FramesUsed" in facts_in(image.xmpData())
    except exiv2.Exiv2Error:
        return False


def reason_of(error: Exception) -> str:
    """What an error says, without the number that those of exiv2 have."""
    return str(error.message) if isinstance(error, exiv2.Exiv2Error) else str(error)


def xmp_packet(xmp: Any) -> str:
    """XMP data of exiv2 as text, as it stands in a sidecar and, nearly, in a picture."""
    try:
        carrier = exiv2.ImageFactory.create(exiv2.ImageType.xmp)
        carrier.setXmpData(xmp)
        carrier.writeMetadata()
        with carrier.io().data() as view:
            return bytes(view).decode()
    except exiv2.Exiv2Error as error:
        raise DataError(f"XMP could not be written: {reason_of(error)}") from error


def _told(value: str | float | bool) -> str:
    """As XMP writes it: True and False, numbers with a point and without an exponent."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)
