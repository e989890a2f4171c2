"""What a stacked picture says about itself: facts of the stack, who made it, when; see docs/metadata.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import exiv2
import numpy as np

from stacker.credits import Credits
from stacker.frames import FrameMetadata
from stacker.io.metadata import changed, told, unpacked
from stacker.io.session_facts import SetUp
from stacker.io.stack_xmp import Fact, facts_in, put_facts, with_facts
from stacker.result import FrameReport, Stack

__all__ = [
    "described",
    "drawing_metadata",
    "frame_metadata",
    "known_of",
    "slab_metadata",
    "stack_facts",
    "telling_of",
]

_MOST_POSITIONS = 500
"""More do not fit into the 64 kB that a JPEG has for XMP; first, last and step tell them all the same."""

_BYTES_OF_IPTC = {
    "Byline": 32,
    "Copyright": 128,
    "Credit": 32,
    "ObjectName": 64,
    "Caption": 2000,
    "Keywords": 64,
}
"""IPTC-IIM 4.2, chapter 6. What is longer is cut there and stands whole in XMP, which readers prefer."""

_UTF8 = "\x1b%G"

_OF_THE_RAIL = frozenset({"RailFirstMm", "RailLastMm", "StepMm", "RailPositionsMm"})


def described(
    stack: Stack, set_up: SetUp | None = None, credit: Credits | None = None, name: str = ""
) -> tuple[Stack, tuple[str, ...]]:
    """A stack whose metadata tell of it.

    Parameters
    ----------
    stack : Stack
        A result.
    set_up : SetUp, optional
        What is known beside the frames.
    credit : Credits, optional
        Templates.
    name : str
        Of the picture, for templates.

    Returns
    -------
    Stack
        The same with other metadata.
    tuple of str
        Templates that were left out because what they ask for is not known.
    """
    set_up = set_up or SetUp()
    facts = stack_facts(stack, set_up)
    filled, left_out = (credit or Credits()).filled(known_of(stack, set_up, name))
    now = dt.datetime.now().astimezone()

    def change(exif: Any, xmp: Any, iptc: Any) -> None:
        put_facts(xmp, facts)
        _put_date(exif, xmp, now)
        _put_credits(filled, exif, xmp, iptc)

    return replace(stack, metadata=changed(stack.metadata, change)), left_out


def stack_facts(stack: Stack, set_up: SetUp, members: Sequence[int] | None = None) -> dict[str, Fact]:
    """Facts of a stack, or of some of its frames, by the names of docs/metadata.md."""
    reports = [stack.reports[at] for at in members] if members is not None else list(stack.reports)
    used = [report for report in reports if report.used]
    facts: dict[str, Fact] = {
        "Software": _software(),
        "FrameCount": len(stack.reports),
        "FramesUsed": len(used),
        "Method": stack.method,
        "Simulated": stack.metadata.simulated,
    }
    facts |= _along_the_rail(used)
    fit, given = stack.pupil_fit, stack.options.pupil_distance_mm
    known: dict[str, float | str | None] = {
        "PupilDistanceMm": given if fit is None else fit.pupil_distance_mm,
        "Magnification": set_up.magnification,
        "EffectiveFNumber": set_up.effective_f_number,
        "Session": set_up.session,
    }
    return facts | {key: value for key, value in known.items() if value is not None}


def telling_of(stack: Stack) -> FrameMetadata:
    """Metadata by which a picture of a stack is known as one, whoever writes it."""
    told = facts_in(unpacked(stack.metadata)[1])
    if "FramesUsed" in told and "Slab" not in told:
        return stack.metadata
    return with_facts(stack.metadata, stack_facts(stack, SetUp()))


def drawing_metadata(stack: Stack) -> FrameMetadata:
    """Of a drawing about a stack, in colours of its own: that it is no photograph, and of what."""
    return with_facts(FrameMetadata(), stack_facts(stack, SetUp()))


def slab_metadata(stack: Stack, members: Sequence[int], number: int, count: int) -> FrameMetadata:
    """Of a slab: as the picture's, but told of its own frames.

    Parameters
    ----------
    stack : Stack
        The result.
    members : sequence of int
        Places in ``stack.reports``.
    number, count : int
        Which slab, from 1, of how many.
    """
    own = stack_facts(stack, SetUp(), members) | {"Slab": f"{number} of {count}"}

    def change(exif: Any, xmp: Any, iptc: Any) -> None:  # noqa: ARG001
        of_all = {key: value for key, value in facts_in(xmp).items() if key not in _OF_THE_RAIL}
        put_facts(xmp, of_all | own)

    return changed(stack.metadata, change)


def frame_metadata(stack: Stack, place: int, own: FrameMetadata) -> FrameMetadata:
    """Of a registered frame: its own, and which frame of which stack it is.

    Parameters
    ----------
    stack : Stack
        The result.
    place : int
        In ``stack.reports``.
    own : FrameMetadata
        What the frame's file says.
    """
    report = stack.reports[place]
    facts: dict[str, Fact] = {
        "Software": _software(),
        "FrameNumber": report.index + 1,
        "FrameCount": len(stack.reports),
        "Registered": True,
        "Simulated": own.simulated,
    }
    if report.position_mm is not None:
        facts["RailPositionMm"] = report.position_mm
    return with_facts(own, facts)


def _along_the_rail(used: Sequence[FrameReport]) -> dict[str, float | tuple[float, ...]]:
    positions = [report.position_mm for report in used if report.position_mm is not None]
    if not positions or len(positions) < len(used):
        return {}
    facts: dict[str, float | tuple[float, ...]] = {"RailFirstMm": positions[0], "RailLastMm": positions[-1]}
    if len(positions) > 1:
        facts["StepMm"] = abs(float(np.median(np.diff(positions))))
    if len(positions) <= _MOST_POSITIONS:
        facts["RailPositionsMm"] = tuple(positions)
    return facts


def known_of(stack: Stack, set_up: SetUp, name: str) -> dict[str, str]:
    """What templates are filled with, as far as it is known."""
    exif = unpacked(stack.metadata)[0]
    taken = told(exif, "Exif.Photo.DateTimeOriginal") or told(exif, "Exif.Image.DateTime")
    today = dt.datetime.now().astimezone().date().isoformat()
    date = taken[:10].replace(":", "-") if taken[:4].isdecimal() else today
    rail = _along_the_rail([report for report in stack.reports if report.used])
    known: Mapping[str, Any] = {
        "session": set_up.session or _folder_of(stack),
        "name": name,
        "year": date[:4],
        "date": date,
        "frames": len(stack.reports),
        "used": sum(report.used for report in stack.reports),
        "step": f"{rail['StepMm']:.4g} mm" if "StepMm" in rail else None,
        "magnification": f"{set_up.magnification:.3g}" if set_up.magnification else None,
        "f_number": f"{set_up.effective_f_number:.3g}" if set_up.effective_f_number else None,
        "method": stack.method,
        "camera": told(exif, "Exif.Image.Model"),
        "lens": told(exif, "Exif.Photo.LensModel"),
    }
    return {key: str(value) for key, value in known.items() if value not in {None, ""}}


def _folder_of(stack: Stack) -> str:
    """What a photographer calls a stack that is no session: the folder that its frames lie in."""
    source = next((one for one in stack.sources if one is not None), None)
    return "" if source is None else Path(source.path).absolute().parent.name


def _software() -> str:
    return f"focusrig {installed_version('focusrig')}"


def _put_date(exif: Any, xmp: Any, now: dt.datetime) -> None:
    """When the picture was made; when it was photographed stays in DateTimeOriginal."""
    exif["Exif.Image.DateTime"] = now.strftime("%Y:%m:%d %H:%M:%S")
    exif["Exif.Photo.SubSecTime"] = f"{now.microsecond // 1000:03d}"
    exif["Exif.Photo.OffsetTime"] = now.isoformat()[-6:]
    for key in ("ModifyDate", "MetadataDate"):
        xmp[f"Xmp.xmp.{key}"] = exiv2.XmpTextValue(now.isoformat(timespec="seconds"))
    xmp["Xmp.xmp.CreatorTool"] = exiv2.XmpTextValue(_software())


def _put_credits(credit: Credits, exif: Any, xmp: Any, iptc: Any) -> None:
    """The same in EXIF, XMP and IPTC, as the Metadata Working Group's guidelines 2.0 have it."""
    _make_utf8(iptc)
    if credit.creator:
        exif["Exif.Image.Artist"] = credit.creator
        xmp["Xmp.dc.creator"] = _array(exiv2.TypeId.xmpSeq, [credit.creator])
        _put_iptc(iptc, "Byline", credit.creator)
    if credit.copyright:
        exif["Exif.Image.Copyright"] = credit.copyright
        xmp["Xmp.dc.rights"] = _in_any_language(credit.copyright)
        xmp["Xmp.xmpRights.Marked"] = exiv2.XmpTextValue("True")
        _put_iptc(iptc, "Copyright", credit.copyright)
    if credit.credit:
        xmp["Xmp.photoshop.Credit"] = exiv2.XmpTextValue(credit.credit)
        _put_iptc(iptc, "Credit", credit.credit)
    if credit.title:
        xmp["Xmp.dc.title"] = _in_any_language(credit.title)
        _put_iptc(iptc, "ObjectName", credit.title)
    if credit.caption:
        exif["Exif.Image.ImageDescription"] = credit.caption
        xmp["Xmp.dc.description"] = _in_any_language(credit.caption)
        _put_iptc(iptc, "Caption", credit.caption)
    if credit.keywords:
        before = xmp.findKey(exiv2.XmpKey("Xmp.dc.subject"))
        kept = [] if before == xmp.end() else [str(text) for text in before.value()]
        keywords = list(dict.fromkeys([*kept, *credit.keywords]))
        xmp["Xmp.dc.subject"] = _array(exiv2.TypeId.xmpBag, keywords)
        _put_iptc(iptc, "Keywords", *keywords)


def _make_utf8(iptc: Any) -> None:
    """Bring texts of older programs to UTF-8; without a declaration they are mostly Latin-1."""
    if not iptc.count() or iptc.detectCharset() in {"ASCII", "UTF-8"}:
        return
    for datum in iptc:
        if datum.key().startswith("Iptc.Application2.") and datum.typeId() == exiv2.TypeId.string:
            datum.setValue(bytes(datum.value().data()).decode("latin-1"))
    iptc["Iptc.Envelope.CharacterSet"] = exiv2.StringValue(_UTF8)


def _put_iptc(iptc: Any, name: str, *texts: str) -> None:
    """Replace one of IPTC's fields, cut to what it has room for."""
    key = exiv2.IptcKey(f"Iptc.Application2.{name}")
    position = iptc.begin()
    while position != iptc.end():
        if position.key() == key.key():
            position = iptc.erase(position)
        else:
            next(position)
    for text in texts:
        datum = exiv2.Iptcdatum(key)
        datum.setValue(text.encode()[: _BYTES_OF_IPTC[name]].decode(errors="ignore"))
        iptc.add(datum)
    iptc["Iptc.Envelope.CharacterSet"] = exiv2.StringValue(_UTF8)


def _array(kind: Any, texts: Sequence[str]) -> Any:
    array = exiv2.XmpArrayValue(kind)
    for text in texts:
        array.read(text)
    return array


def _in_any_language(text: str) -> Any:
    return exiv2.LangAltValue(f"lang=x-default {text}")
