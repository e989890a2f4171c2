"""What a person should know about a set of frames, found while they were fused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stacker.frames import full_scale
from stacker.registration.brightness import OTHER_EXPOSURE
from stacker.registration.chain import Verdict
from stacker.result import Stack

__all__ = ["few", "notes_on", "unregistered"]

_SHARP = 1.0
"""Sharpness that the best frame of any stack reaches: real and rendered ones have 3 to 18, and less than 1
when they are blurred by 1 % of their width."""

_DARK = 1 / 16
"""Mean of a picture, of white, below which sharpness, being relative to brightness, comes out too small."""

_SHARP_IN_THE_DARK = 0.25
"""The same there: 12 bits taken for 16 make 3 a good half."""

_MOSTLY = 0.5
"""Of `FrameReport.predicted`: less comes from the frame itself than from others."""

_IN_ONE_PLACE = 0.5
"""Share of a frame that something lies within whose place is worth naming."""

_TOLD_APART = 3
"""Groups of equal frames that are told one by one."""


def notes_on(stack: Stack, frame_notes: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say what is odd about a stack as a whole.

    Parameters
    ----------
    stack : Stack
        The result.
    frame_notes : sequence of (str, str)
        A frame's name and what its decoder remarked.
    """
    if len(stack.reports) == 1:
        yield "there is one frame only; it is the picture"
    names_by_note: dict[str, list[str]] = {}
    for name, note in frame_notes:
        names_by_note.setdefault(note, []).append(name)
    for note, names in names_by_note.items():
        yield f"{few(names)}: {note}"
    yield from _twice(stack)
    yield from _otherwise_exposed(stack)
    yield from _placed_by_others(stack)
    yield from _covered(stack)
    given, fit = stack.options.pupil_distance_mm, stack.pupil_fit
    if given is not None and fit is not None and fit.contradicts(given):
        yield (
            f"a pupil distance of {given:g} mm was given, but the sizes of the frames tell of "
            f"{fit.pupil_distance_mm:.0f} ± {fit.standard_error_mm:.0f} mm, which is used"
        )
    sharpest = max(report.sharpness for report in stack.reports)
    dark = float(stack.image[::4, ::4].mean()) < _DARK * full_scale(stack.image.dtype)
    if sharpest < (_SHARP_IN_THE_DARK if dark else _SHARP):
        yield (
            f"nothing is sharp in any of the frames (sharpness {sharpest:.1f} at best; 3 or more is usual), "
            "so nothing can be in the picture"
        )


def _twice(stack: Stack) -> Iterator[str]:
    names_by_file: dict[str, list[str]] = {}
    for report, source in zip(stack.reports, stack.sources, strict=True):
        if source is not None:
            names_by_file.setdefault(source.fingerprint, []).append(report.name)
    equal = [names for names in names_by_file.values() if len(names) > 1]
    for names in equal[:_TOLD_APART]:
        yield f"{few(names)} are the same photograph: once would do"
    if len(equal) > _TOLD_APART:
        yield f"{len(equal) - _TOLD_APART} more photographs are there several times"


def _otherwise_exposed(stack: Stack) -> Iterator[str]:
    used = [report for report in stack.reports if report.used]
    gains = [float(np.mean(report.gain)) for report in used]
    usual = float(np.median(gains))
    for word, sign in (("darker", 1), ("brighter", -1)):
        odd = [
            report.name
            for report, gain in zip(used, gains, strict=True)
            if sign * np.log(gain / usual) > OTHER_EXPOSURE
        ]
        if 0 < len(odd) < len(used) / 2:
            yield f"{few(odd)}: {word} than the other frames, which is made up for"


def _placed_by_others(stack: Stack) -> Iterator[str]:
    vague = [one.name for one in stack.reports if one.registered and one.used and one.predicted > _MOSTLY]
    if vague:
        yield f"{few(vague)}: too little is in focus to register by, so the frames beside tell the place"


def _covered(stack: Stack) -> Iterator[str]:
    if stack.covered is None:
        return
    left, top, right, bottom = stack.covered.box_px
    width, height = stack.frame_size
    where = "here and there"
    if (right - left) * (bottom - top) < _IN_ONE_PLACE * width * height:
        where = f"between {left} and {right} px from the left, {top} and {bottom} px from the top"
    yield (
        f"something lies over all frames and does not move with the subject, {where} (a stamp, a border, "
        "dust on the sensor?): the frames are registered by what is beside it, but it is in the picture"
    )


def unregistered(stack: Stack) -> Iterator[str]:
    """Say which frames could not be registered, and what became of them."""
    lost = [report for report in stack.reports if report.verdict is Verdict.UNMATCHED]
    for used, fate in (True, "placed where the motion of the others puts it"), (False, "left out"):
        some = [report for report in lost if report.used is used]
        if some:
            best = max(report.correlation for report in some)
            names = few([report.name for report in some])
            yield f"{names} cannot be registered (correlation at most {best:.2f}): {fate}"


def few(names: Sequence[str]) -> str:
    """Names of frames, the first three and how many more."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
