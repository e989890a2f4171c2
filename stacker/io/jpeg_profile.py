"""The colour profile of a JPEG: in segments behind the start of the file (ICC.1, annex B.4)."""

from __future__ import annotations

__all__ = ["profile_taken_out", "with_profile"]

_NAME = b"ICC_PROFILE\0"

_ROOM = 65519
"""Bytes of profile in a segment: 65535 less length, name and counters."""


def with_profile(data: bytes, icc: bytes) -> bytes:
    """Insert a profile behind the JFIF header.

    Parameters
    ----------
    data : bytes
        A file without a profile.
    icc : bytes
        The profile.
    """
    parts = [icc[at : at + _ROOM] for at in range(0, len(icc), _ROOM)]
    segments = b""
    for number, part in enumerate(parts, 1):
        body = _NAME + bytes((number, len(parts))) + part
        segments += b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body
    end_of_jfif = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    return data[:end_of_jfif] + segments + data[end_of_jfif:]


def profile_taken_out(data: bytes) -> tuple[bytes, bytes]:
    """A file without its profile, and what was in the profile's place, in the order of the segments.

    Parameters
    ----------
    data : bytes
        A whole file.
    """
    kept, icc, at = data[:2], b"", 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE2 and data[at + 4 :].startswith(_NAME):
            icc += data[at + 4 + len(_NAME) + 2 : end]
        else:
            kept += data[at:end]
        at = end
    return kept + data[at:], icc
