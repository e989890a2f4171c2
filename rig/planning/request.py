"""What an operator asks of a plan, read from the text of a command line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rig import units
from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.possible import check_sizes
from rig.planning.shots import Brackets, parse_brackets
from rig.sizes import parse_bytes, parse_pixels
from rig.units import CircleOfConfusion

__all__ = [
    "PlanRequest",
    "if_given",
    "parse_mark",
    "parse_overlap",
    "parse_positive_length",
    "parse_positive_time",
    "refuse_two_blurs",
]

T = TypeVar("T")


@dataclass(frozen=True)
class PlanRequest:
    """What the operator asks for; None takes the configuration's value.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position; an infinite end is asked of the operator, frame by frame (``--end ask``).
    step_mm : float, optional
        None for the step that the depth of field allows (``--step auto``).
    frames : int, optional
        Number of frames instead of a step.
    overlap : float, optional
        Share of the depth of field.
    coc : CircleOfConfusion, optional
    deliver_px : int, optional
        Width of the picture to be delivered: pixels are its pixels then.
    magnification, frame_width_mm : float, optional
        At most one of them.
    marked_f_number : float, optional
        As the ring or body says it: 5.6.
    effective_f_number : float, optional
        Known for this set-up.
    shutter_s : float, optional
    iso : int, optional
    brackets : Brackets, optional
    shots_per_position : int, optional
        What is taken at every position.
    margin : int
        Frames before the start, and as many beyond the end.
    max_frames : int, optional
    max_duration_s : float, optional
    card_bytes : int, optional
        What the plan must not exceed: in frames, in time, in room on the card.
    """

    start_mm: float
    end_mm: float
    step_mm: float | None = None
    frames: int | None = None
    overlap: float | None = None
    coc: CircleOfConfusion | None = None
    deliver_px: int | None = None
    magnification: float | None = None
    frame_width_mm: float | None = None
    marked_f_number: float | None = None
    effective_f_number: float | None = None
    shutter_s: float | None = None
    iso: int | None = None
    brackets: Brackets | None = None
    shots_per_position: int | None = None
    margin: int = 0
    max_frames: int | None = None
    max_duration_s: float | None = None
    card_bytes: int | None = None

    @classmethod
    def from_text(
        cls,
        *,
        start: str,
        end: str,
        step: str = "auto",
        frames: int | None = None,
        overlap: str | None = None,
        coc: str | None = None,
        deliver: str | None = None,
        magnification: str | None = None,
        frame_width: str | None = None,
        aperture: str | None = None,
        effective_aperture: str | None = None,
        shutter: str | None = None,
        iso: int | None = None,
        brackets: str | None = None,
        shots_per_position: int | None = None,
        margin: int = 0,
        max_frames: int | None = None,
        max_duration: str | None = None,
        card_space: str | None = None,
    ) -> PlanRequest:
        """Read the options of a command line; a length without unit is in mm there, a time in s.

        Raises
        ------
        UserError
            With option, value, and what would be right.
        """
        if magnification is not None and frame_width is not None:
            raise UserError("--magnification and --frame-width say the same thing twice: give one")
        for option, number, right in (("--iso", iso, 100), ("--max-frames", max_frames, 500)):
            if number is not None and number <= 0:
                raise UserError(f"{option}: {number} is not above 0; write for instance {right}")
        if margin < 0:
            raise UserError(f"--margin: {margin} is below 0; write a number of frames such as 1")
        request = cls(
            start_mm=units.parse_length_mm(start, "--start", bare="accept"),
            end_mm=_end(end),
            step_mm=None if step.strip().lower() == "auto" else _step(step),
            frames=frames,
            overlap=parse_overlap(overlap),
            coc=if_given(coc, units.parse_circle_of_confusion, "--coc"),
            deliver_px=if_given(deliver, parse_pixels, "--deliver"),
            magnification=if_given(magnification, units.parse_magnification, "--magnification"),
            frame_width_mm=parse_positive_length(frame_width, "--frame-width"),
            marked_f_number=if_given(aperture, parse_mark, "--aperture"),
            effective_f_number=if_given(effective_aperture, parse_mark, "--effective-aperture"),
            shutter_s=parse_positive_time(shutter, "--shutter", "1/8s"),
            iso=iso,
            brackets=if_given(brackets, parse_brackets, "--brackets"),
            shots_per_position=shots_per_position,
            margin=margin,
            max_frames=max_frames,
            max_duration_s=parse_positive_time(max_duration, "--max-duration", "30min"),
            card_bytes=if_given(card_space, parse_bytes, "--card-space"),
        )
        check_sizes(request)
        return request


def if_given(text: str | None, parse: Callable[[str, str], T], what: str) -> T | None:
    """Read the text of the option `what`, or return None when it was not given; errors are the parser's."""
    return None if text is None else parse(text, what)


def parse_mark(text: str, what: str) -> float:
    """Read an f-number as the ring or body marks it; errors as of `rig.units.parse_f_number`."""
    return units.parse_f_number(text, what, as_marked=True)


def _end(text: str) -> float:
    if text.strip().lower() == "ask":
        return math.inf
    return units.parse_length_mm(text, "--end", bare="accept")


def _step(text: str) -> float:
    try:
        return _above_0(units.parse_length_mm, text, "--step", "a length such as 0.2mm")
    except UserError as err:
        raise UserError(f"{err}, or auto (the direction follows from --start and --end)") from err


def parse_overlap(text: str | None) -> float | None:
    """Read ``--overlap``: ``"0.3"`` or ``"30%"``, from 0 to under 1; None stays None.

    Raises
    ------
    UserError
        When it is no such share.
    """
    if text is None:
        return None
    right = "a share such as 0.3, or 30%"
    number = text.strip()
    share = (
        units.parse_number(number[:-1], "--overlap", right) / 100
        if number.endswith("%")
        else units.parse_number(number, "--overlap", right)
    )
    if not 0 <= share < 1:
        raise UserError(f'--overlap: "{text}" is not a share from 0 to under 1; write {right}')
    return share


def parse_positive_length(text: str | None, what: str) -> float | None:
    """Read a length above 0, in mm when it has no unit; None stays None.

    Raises
    ------
    UserError
        With `what`, the text, and a right spelling.
    """
    return None if text is None else _above_0(units.parse_length_mm, text, what, "a length such as 36mm")


def parse_positive_time(text: str | None, what: str, example: str) -> float | None:
    """Read a time above 0, in s when it has no unit; None stays None. Errors as of a length."""
    return None if text is None else _above_0(units.parse_time_s, text, what, f"a time such as {example}")


def _above_0(parse: Callable[..., float], text: str, what: str, right: str) -> float:
    value = parse(text, what, bare="accept")
    if not value > 0:
        raise UserError(f'{what}: "{text}" is not above 0; write {right}')
    return value


def refuse_two_blurs(coc: CircleOfConfusion | None, deliver_px: int | None) -> None:
    """Check that at most one of ``--coc`` and ``--deliver`` says how much blur is still sharp.

    Raises
    ------
    UserError
        When a length and a delivered width both do.
    """
    if coc is not None and coc.unit == "mm" and deliver_px is not None:
        raise UserError(
            f"--deliver {deliver_px}px and --coc {format_length(coc.value)} both say how much blur is still "
            "sharp: give one of them, or --coc in px, which then counts delivered pixels"
        )
