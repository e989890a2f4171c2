"""What is asked of the calculator, read from the text of a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rig import units
from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.possible import check_sizes
from rig.planning.request import (
    if_given,
    parse_mark,
    parse_overlap,
    parse_positive_length,
    refuse_two_blurs,
)
from rig.sizes import parse_pixels
from rig.units import CircleOfConfusion

__all__ = ["DofRequest"]

_LARGEST_PIXEL_MM = 0.1
"""No camera has larger ones; 3.76 without a unit would be 3.76 mm."""

_LIGHT_MM = (0.0002, 0.0025)
"""From ultraviolet to the near infrared: a wavelength outside is a wrong unit."""


@dataclass(frozen=True)
class DofRequest:
    """What the operator says of a set-up; None is what is left to configuration, tables or defaults.

    Lengths in mm. ``marked_f_number`` is as the ring or body says it, and taken as it stands when
    ``as_written``.
    """

    magnification: float | None = None
    frame_width_mm: float | None = None
    sensor: str | None = None
    pixels: tuple[int, int | None] | None = None
    pixel_pitch_mm: float | None = None
    deliver_px: int | None = None
    marked_f_number: float | None = None
    as_written: bool = False
    effective_f_number: float | None = None
    numerical_aperture: float | None = None
    pupil_ratio: float | None = None
    lens: str | None = None
    objective_magnification: float | None = None
    tube_length_mm: float | None = None
    reference_tube_length_mm: float | None = None
    focal_length_mm: float | None = None
    focus_distance_mm: float | None = None
    coc: CircleOfConfusion | None = None
    overlap: float | None = None
    wavelength_mm: float | None = None
    refractive_index: float | None = None

    @classmethod
    def from_text(
        cls,
        *,
        magnification: str | None = None,
        frame_width: str | None = None,
        sensor: str | None = None,
        pixels: str | None = None,
        pixel_pitch: str | None = None,
        deliver: str | None = None,
        aperture: str | None = None,
        as_written: bool = False,
        effective_aperture: str | None = None,
        na: str | None = None,
        pupil_ratio: str | None = None,
        lens: str | None = None,
        objective_magnification: str | None = None,
        tube_lens: str | None = None,
        reference_tube_lens: str | None = None,
        focal_length: str | None = None,
        focus_distance: str | None = None,
        coc: str | None = None,
        overlap: str | None = None,
        wavelength: str | None = None,
        index: str | None = None,
    ) -> DofRequest:
        """Read the options; a length without unit is in mm.

        Raises
        ------
        UserError
            With option, value, and what would be right; also when two options say the same thing.
        """
        given = {name for name, value in locals().items() if isinstance(value, str)}
        _refuse_contradictions(given, as_written=as_written)
        request = cls(
            magnification=if_given(magnification, units.parse_magnification, "--magnification"),
            frame_width_mm=parse_positive_length(frame_width, "--frame-width"),
            sensor=sensor,
            pixels=_pixels(pixels),
            pixel_pitch_mm=_pixel_pitch(pixel_pitch),
            deliver_px=if_given(deliver, parse_pixels, "--deliver"),
            marked_f_number=if_given(aperture, parse_mark, "--aperture"),
            as_written=as_written,
            effective_f_number=if_given(effective_aperture, parse_mark, "--effective-aperture"),
            numerical_aperture=_positive(na, "--na", "what is engraved on the objective, such as 0.28"),
            pupil_ratio=_positive(pupil_ratio, "--pupil-ratio", "exit over entrance pupil, such as 1 or 0.8"),
            lens=lens,
            objective_magnification=if_given(
                objective_magnification, units.parse_magnification, "--objective-magnification"
            ),
            tube_length_mm=parse_positive_length(tube_lens, "--tube-lens"),
            reference_tube_length_mm=parse_positive_length(reference_tube_lens, "--reference-tube-lens"),
            focal_length_mm=parse_positive_length(focal_length, "--focal-length"),
            focus_distance_mm=parse_positive_length(focus_distance, "--focus-distance"),
            coc=if_given(coc, units.parse_circle_of_confusion, "--coc"),
            overlap=parse_overlap(overlap),
            wavelength_mm=_wavelength(wavelength),
            refractive_index=_index(index),
        )
        check_sizes(request)
        refuse_two_blurs(request.coc, request.deliver_px)
        return request


_CONTRADICTIONS = (
    ("magnification", "frame_width", "say the same thing twice"),
    ("magnification", "objective_magnification", "both say how large the subject is drawn"),
    ("frame_width", "objective_magnification", "both say how large the subject is drawn"),
    ("na", "aperture", "both say how wide the lens is open"),
    ("na", "effective_aperture", "both say how wide the lens is open"),
    ("na", "pupil_ratio", "do not go together: with the numerical aperture no pupil ratio is needed"),
    ("pixel_pitch", "deliver", "both say what a pixel is"),
)


def _refuse_contradictions(given: set[str], *, as_written: bool) -> None:
    for one, other, why in _CONTRADICTIONS:
        if {one, other} <= given:
            names = " and ".join("--" + name.replace("_", "-") for name in (one, other))
            raise UserError(f"{names} {why}: give one")
    if as_written and "aperture" not in given:
        raise UserError("--as-written says how to read --aperture, which is missing")


def _positive(text: str | None, what: str, right: str) -> float | None:
    if text is None:
        return None
    number = units.parse_number(text, what, right)
    if not number > 0:
        raise UserError(f'{what}: "{text}" is not above 0; write {right}')
    return number


def _pixels(text: str | None) -> tuple[int, int | None] | None:
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*(?:[x×]\s*(\d+)\s*)?(?:px)?\s*", text)
    if match is None or int(match[1]) == 0 or (match[2] is not None and int(match[2]) == 0):
        raise UserError(f'--pixels: "{text}" is not a number of pixels; write 9504x6336, or the width, 9504')
    return int(match[1]), None if match[2] is None else int(match[2])


def _pixel_pitch(text: str | None) -> float | None:
    pitch = parse_positive_length(text, "--pixel-pitch")
    if pitch is not None and pitch > _LARGEST_PIXEL_MM:
        raise UserError(
            f'--pixel-pitch: "{text}" is {format_length(pitch)}, larger than any camera\'s; write it '
            "with its unit, such as 3.76um"
        )
    return pitch


def _wavelength(text: str | None) -> float | None:
    if text is None:
        return None
    right = "550nm or 0.55um"
    try:
        wavelength = units.parse_length_mm(text, "--wavelength", bare="accept")
    except UserError as err:
        raise UserError(f'--wavelength: "{text}" is not a length; write {right}') from err
    if not _LIGHT_MM[0] <= wavelength <= _LIGHT_MM[1]:
        raise UserError(f'--wavelength: "{text}" is no light that lenses pass; write {right}')
    return wavelength


def _index(text: str | None) -> float | None:
    right = "1 for air, 1.33 for water, 1.515 for oil"
    index = _positive(text, "--index", right)
    if index is not None and not 1 <= index < 2:
        raise UserError(f'--index: "{text}" is no refractive index around a subject; write {right}')
    return index
