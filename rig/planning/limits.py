"""How long a plan may be: in frames, in time, and in room on the card and the disk. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rig.errors import DataError, UserError
from rig.formatting import format_duration
from rig.sizes import format_bytes

__all__ = ["AnyPlan", "PlanLimits", "Room", "check_length", "estimated_frame_bytes"]

_JPEG_BYTES_PER_PX = 0.28
"""Canon's manual of the EOS R: 8.4 MB of 30 megapixels, large and fine; detail and noise make more."""

_RAW_BYTES_PER_PX = 1.04
"""The same manual: 31.3 MB, compressed without loss. Half of it compressed with loss, twice uncompressed."""


def estimated_frame_bytes(pixels: tuple[int, int], image_format: str | None) -> int:
    """Return about how large the files of a frame are.

    Parameters
    ----------
    pixels : tuple of int
        Width and height of the frame.
    image_format : str, optional
        As the camera calls it, such as ``"RAW"`` or ``"RAW + Large Fine JPEG"``; JPEG when absent.

    Examples
    --------
    >>> estimated_frame_bytes((6720, 4480), "RAW") // 1_000_000
    31
    """
    text = (image_format or "jpeg").lower()
    raw = "raw" in text
    jpeg = not raw or "jp" in text or "+" in text
    return round(pixels[0] * pixels[1] * (raw * _RAW_BYTES_PER_PX + jpeg * _JPEG_BYTES_PER_PX))


@dataclass(frozen=True)
class Room:
    """Free bytes on a disk, and the folder on it, as text."""

    free_bytes: int
    folder: str


@dataclass(frozen=True)
class PlanLimits:
    """What a plan must not exceed; None is no limit.

    ``max_duration_s`` is in s, ``card_bytes`` the room on the camera's card, ``disk`` that for the session.
    """

    max_duration_s: float | None = None
    card_bytes: int | None = None
    disk: Room | None = None


class AnyPlan(Protocol):
    """What all plans say of their length."""

    @property
    def frames(self) -> int:
        """Number of positions."""

    @property
    def exposures(self) -> int:
        """Number of shots: several a position, perhaps."""

    @property
    def duration_s(self) -> float:
        """Predicted time, s."""

    @property
    def frame_bytes(self) -> int | None:
        """Size of the files of one shot."""

    @property
    def frame_bytes_source(self) -> str | None:
        """How that is known."""

    @property
    def total_bytes(self) -> int | None:
        """Room that all shots take."""


def check_length(plan: AnyPlan, limits: PlanLimits) -> None:
    """Refuse a plan that takes longer, or more room, than there is.

    Raises
    ------
    UserError
        When it takes too long or does not fit on the card, with both numbers, or when the size of a frame is
        not known that the card's room is to be compared with.
    DataError
        When the disk is too full.
    """
    frames, longest_s = plan.frames, limits.max_duration_s
    if longest_s is not None and plan.duration_s > longest_s:
        raise UserError(
            f"{frames} frames would take {format_duration(plan.duration_s)}, "
            f"{plan.duration_s / frames:.2g} s each; {format_duration(longest_s)} is the longest that is "
            "allowed (--max-duration, or max_duration in [capture]). Allow more, shoot fewer frames, or "
            "shorten settle"
        )
    size, total = plan.frame_bytes, plan.total_bytes
    if size is None or total is None:
        if limits.card_bytes is not None:
            raise UserError(
                "the room on the card says nothing without the size of a frame: set frame_size, or pixels, "
                "in [camera]"
            )
        return
    a_frame = f"{format_bytes(size)} ({plan.frame_bytes_source})"
    shots = plan.exposures // frames
    each = "" if shots == 1 else f" with {shots} shots each, {plan.exposures}"
    need = f"{frames} frames{each} of {a_frame} take {format_bytes(total)}, but "
    if limits.card_bytes is not None and total > limits.card_bytes:
        raise UserError(
            f"{need}the card has room for {format_bytes(limits.card_bytes)}, "
            f"{_files(limits.card_bytes // size)} (--card-space, or card_space in [camera])"
        )
    if limits.disk is not None and total > limits.disk.free_bytes:
        raise DataError(
            f"{need}only {format_bytes(limits.disk.free_bytes)} are free in {limits.disk.folder}, room for "
            f"{_files(limits.disk.free_bytes // size)}: make room, or name another --folder"
        )


def _files(shots: int) -> str:
    return "1 frame" if shots == 1 else f"{shots} frames"
